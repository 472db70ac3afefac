//! How far a long work is, shown while it lasts.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::output::{Format, Output};
use crate::units::Size;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How often an object is written for programs.
const OBJECT_EVERY: Duration = Duration::from_millis(500);

/// How a work is drawn that has an end, and one that has none.
const BAR: &str = "{prefix} {bar:24.cyan/blue} {percent:>3} %  {wide_msg}";
const LINE: &str = "{prefix}: {wide_msg}";

/// Shows one work: a bar on a terminal, a line each five seconds elsewhere, two objects a
/// second for programs. Works that are done at once show nothing. Threads may share it.
#[derive(Debug)]
pub(crate) struct Meter<'a> {
    output: &'a Output,
    what: &'static str,
    bar: Option<ProgressBar>,
    next: Mutex<Instant>,
}

/// What a meter shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reading {
    /// What is done, in bytes.
    pub(crate) done_bytes: u64,
    /// All that is to be done, in bytes; 0 if it is not known.
    pub(crate) total_bytes: u64,
    /// More, for people.
    pub(crate) detail: String,
    /// More, for programs: members of the object.
    pub(crate) members: Value,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(output: &'a Output, what: &'static str) -> Self {
        let bar = output.bars().map(|bars| {
            let bar = ProgressBar::new(0).with_style(style(LINE));
            bars.add(bar.with_prefix(what))
        });
        let next = Mutex::new(Instant::now() + every(output));
        Self {
            output,
            what,
            bar,
            next,
        }
    }

    /// Shows how far the work is, unless that was shown a moment ago.
    pub(crate) fn show(&self, read: impl FnOnce() -> Reading) {
        if self.bar.is_none() && !self.is_time() {
            return;
        }
        let reading = read();
        match &self.bar {
            Some(bar) => {
                if reading.total_bytes > 0 && bar.length() == Some(0) {
                    bar.set_style(style(BAR));
                    bar.set_length(reading.total_bytes);
                }
                bar.set_position(reading.done_bytes);
                bar.set_message(reading.detail);
            }
            None => self.write(&reading),
        }
    }

    /// Shows bytes of bytes: for what needs no further words.
    pub(crate) fn show_bytes(&self, progress: library::Progress) {
        self.show(|| Reading {
            done_bytes: progress.done_bytes,
            total_bytes: progress.total_bytes,
            detail: format!(
                "{} of {}",
                Size(progress.done_bytes),
                Size(progress.total_bytes)
            ),
            members: Value::Null,
        });
    }

    fn is_time(&self) -> bool {
        let now = Instant::now();
        let mut next = self
            .next
            .lock()
            .expect("nobody panics with the time in hand");
        if now < *next {
            return false;
        }
        *next = now + every(self.output);
        true
    }

    fn write(&self, reading: &Reading) {
        let percent = reading.done_bytes.saturating_mul(100);
        let text = match percent.checked_div(reading.total_bytes) {
            Some(percent) => format!("{} {percent} %, {}", self.what, reading.detail),
            None => format!("{}: {}", self.what, reading.detail),
        };
        let mut members = json!({
            "what": self.what,
            "done_bytes": reading.done_bytes,
            "total_bytes": reading.total_bytes,
        });
        if let (Value::Object(all), Value::Object(more)) = (&mut members, &reading.members) {
            all.extend(more.clone());
        }
        self.output.note("progress", text, members);
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How often something is written where there are no bars.
const fn every(output: &Output) -> Duration {
    match output.format() {
        Format::Json => OBJECT_EVERY,
        Format::Text => LINE_EVERY,
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constant")
        .progress_chars("━╸─")
}
