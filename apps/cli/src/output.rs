//! What is told, to people and to programs.

use std::io::{self, IsTerminal as _, Write};

use indicatif::{MultiProgress, ProgressDrawTarget};
use serde_json::Value;

use crate::error::Failure;
use crate::meter::Meter;

/// Whom the output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// People.
    Text,
    /// Programs: one JSON object a line.
    Json,
}

/// Both ends where something is told. Shared by threads.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    /// The bars at the lower end of a terminal; lines that are told appear above them.
    bars: Option<MultiProgress>,
}

impl Format {
    /// Gives the format that `--json` asks for.
    pub(crate) const fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

impl Output {
    /// Looks whether there is a terminal that can show bars.
    pub(crate) fn new(format: Format) -> Self {
        let is_terminal = format == Format::Text && io::stderr().is_terminal();
        let bars = is_terminal
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(5)));
        Self { format, bars }
    }

    /// Tells whom the output is for.
    pub(crate) const fn format(&self) -> Format {
        self.format
    }

    /// Tells what came of it all: the text (without its last line break) to people, the members of
    /// an object to programs. Once, and last.
    ///
    /// # Errors
    /// When standard output takes nothing: what nobody could read was not done.
    pub(crate) fn result(&self, text: impl AsRef<str>, members: Value) -> Result<(), Failure> {
        self.write_out("result", text.as_ref(), members)
    }

    /// Tells a result that comes before the last, such as that seeding has begun.
    ///
    /// # Errors
    /// As [`Output::result`].
    pub(crate) fn news(
        &self,
        event: &str,
        text: impl AsRef<str>,
        members: Value,
    ) -> Result<(), Failure> {
        self.write_out(event, text.as_ref(), members)
    }

    /// Tells what happens on the way: a line on standard error, or an object.
    pub(crate) fn note(&self, event: &str, text: impl AsRef<str>, members: Value) {
        // Nothing depends on notes; who closed the pipe does not want them.
        let _ = match self.format {
            Format::Json => write_line(&mut io::stdout().lock(), &object(event, members)),
            Format::Text => self.above_bars(|| write_line(&mut io::stderr().lock(), text.as_ref())),
        };
    }

    /// Tells what ended it all.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.note("error", format!("error: {failure}"), failure.to_json());
    }

    /// Tells of a failure that does not end it all.
    pub(crate) fn warning(&self, failure: &Failure) {
        self.note("warning", format!("warning: {failure}"), failure.to_json());
    }

    /// Begins to show how far a long work is: a bar on a terminal, else a line now and then.
    pub(crate) fn meter(&self, what: &'static str) -> Meter<'_> {
        Meter::new(self, what)
    }

    pub(crate) const fn bars(&self) -> Option<&MultiProgress> {
        self.bars.as_ref()
    }

    fn write_out(&self, event: &str, text: &str, members: Value) -> Result<(), Failure> {
        let written = match self.format {
            Format::Json => write_line(&mut io::stdout().lock(), &object(event, members)),
            Format::Text => self.above_bars(|| write_line(&mut io::stdout().lock(), text)),
        };
        written.map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))
    }

    fn above_bars(&self, write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

fn write_line(out: &mut impl Write, line: &str) -> io::Result<()> {
    // In one call, so that lines of two processes on one terminal do not mix.
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}

/// Writes an object with `event` first, for the eye's sake.
fn object(event: &str, members: Value) -> String {
    let mut line = format!("{{\"event\":{}", Value::from(event));
    if let Value::Object(members) = members {
        for (name, value) in members {
            line.push_str(&format!(",{}:{value}", Value::from(name)));
        }
    }
    line.push('}');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_stands_first_and_the_line_is_json() {
        let line = object("result", json!({"a \"b\"": [1, null], "z": "\n"}));
        assert_eq!(line, r#"{"event":"result","a \"b\"":[1,null],"z":"\n"}"#);
        assert_eq!(object("x", json!({})), r#"{"event":"x"}"#);
    }
}
