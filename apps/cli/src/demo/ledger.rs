//! How far each leecher is, and who gave what to whom.

use std::time::{Duration, Instant};

use bittorrent::metainfo::Info;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::Role;
use crate::output::Output;
use crate::units::Size;

/// How many leechers there are.
pub(super) const LEECHERS: usize = 3;

/// Who gives: the leechers, and behind them the seed.
const GIVERS: usize = LEECHERS + 1;

/// The row of the seed.
const SEED: usize = LEECHERS;

/// How often a line is written where there are no bars.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// What each leecher said last.
pub(super) struct Ledger<'a> {
    output: &'a Output,
    total_bytes: u64,
    leechers: [Leecher; LEECHERS],
    /// When the next line may be written, where there are no bars.
    next_line: Instant,
}

#[derive(Debug, Default)]
struct Leecher {
    done_bytes: u64,
    is_complete: bool,
    /// What it was given, by giver, in bytes.
    given: [u64; GIVERS],
    bar: Option<ProgressBar>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(info: &Info, output: &'a Output) -> Self {
        let total_bytes = info.layout().len();
        let style =
            ProgressStyle::with_template("{prefix:>9} {bar:30.cyan/blue} {percent:>3} %  {msg}")
                .expect("the template is constant")
                .progress_chars("━╸─");
        let leechers = std::array::from_fn(|number| Leecher {
            bar: output.bars().map(|bars| {
                let bar = ProgressBar::new(total_bytes).with_style(style.clone());
                bars.add(bar.with_prefix(Role::Leecher(number).to_string()))
            }),
            ..Leecher::default()
        });
        Self {
            output,
            total_bytes,
            leechers,
            next_line: Instant::now(),
        }
    }

    /// Notes what a player says; tells whether something has moved.
    pub(super) fn note(&mut self, role: Role, said: &Value) -> bool {
        let Role::Leecher(number) = role else {
            return false;
        };
        let total_bytes = self.total_bytes;
        let Some(leecher) = self.leechers.get_mut(number) else {
            return false;
        };
        let before = (leecher.done_bytes, leecher.is_complete);
        match said["event"].as_str() {
            Some("progress") if said["what"] == "fetching" => {
                leecher.done_bytes = said["done_bytes"].as_u64().unwrap_or(0);
            }
            Some("complete") => {
                leecher.done_bytes = total_bytes;
                leecher.is_complete = true;
            }
            _ => (),
        }
        leecher.note_givers(said);
        let rate = said["down_rate"].as_u64().unwrap_or(0);
        leecher.draw(rate);
        let has_moved = before != (leecher.done_bytes, leecher.is_complete);
        if has_moved {
            self.tell();
        }
        has_moved
    }

    /// Tells whether all leechers have everything.
    pub(super) fn is_complete(&self) -> bool {
        self.leechers.iter().all(|leecher| leecher.is_complete)
    }

    /// Takes the bars away.
    pub(super) fn close(&self) {
        for bar in self
            .leechers
            .iter()
            .filter_map(|leecher| leecher.bar.as_ref())
        {
            bar.finish_and_clear();
        }
    }

    /// Shows people who gave what to whom.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!("{:<10}", "gave to:")];
        for number in 0..LEECHERS {
            lines[0].push_str(&format!("{:>12}", Role::Leecher(number).to_string()));
        }
        lines[0].push_str(&format!("{:>12}", "in all"));
        for giver in [SEED].into_iter().chain(0..LEECHERS) {
            lines.push(self.row(giver));
        }
        let seed = self.given_by(SEED) as f64 / self.total_bytes.max(1) as f64;
        let all: u64 = (0..GIVERS).map(|giver| self.given_by(giver)).sum();
        let rest = all as f64 / self.total_bytes.max(1) as f64 - seed;
        lines.push(format!(
            "The seed gave {seed:.2} copies, the leechers gave each other {rest:.2}."
        ));
        lines.join("\n")
    }

    /// Gives it to programs.
    pub(super) fn to_json(&self) -> Value {
        let mut gifts = Vec::new();
        for giver in 0..GIVERS {
            for (number, leecher) in self.leechers.iter().enumerate() {
                let (from, to) = (name(giver), name(number));
                let bytes = leecher.given.get(giver);
                gifts.push(json!({ "from": from, "to": to, "bytes": bytes }));
            }
        }
        Value::Array(gifts)
    }

    fn row(&self, giver: usize) -> String {
        let mut line = format!("{:<10}", name(giver));
        for (number, leecher) in self.leechers.iter().enumerate() {
            let given = match number == giver {
                true => "-".into(),
                false => Size(leecher.given[giver]).to_string(),
            };
            line.push_str(&format!("{given:>12}"));
        }
        line.push_str(&format!("{:>12}", Size(self.given_by(giver)).to_string()));
        line
    }

    fn given_by(&self, giver: usize) -> u64 {
        let given = self
            .leechers
            .iter()
            .filter_map(|leecher| leecher.given.get(giver));
        given.sum()
    }

    /// Says how far all are, where there are no bars.
    fn tell(&mut self) {
        let now = Instant::now();
        if self.output.bars().is_some() || (now < self.next_line && !self.is_complete()) {
            return;
        }
        self.next_line = now + LINE_EVERY;
        let done = self.leechers.iter().map(|leecher| leecher.done_bytes);
        let percent = |bytes: u64| bytes.saturating_mul(100) / self.total_bytes.max(1);
        let text = (1..)
            .zip(done.clone())
            .map(|(number, bytes)| format!("leecher {number}: {} %", percent(bytes)));
        let text = text.collect::<Vec<_>>().join("   ");
        let members =
            json!({ "done_bytes": done.collect::<Vec<_>>(), "total_bytes": self.total_bytes });
        self.output.note("progress", text, members);
    }
}

/// However the demo ends, no bar stays behind.
impl Drop for Ledger<'_> {
    fn drop(&mut self) {
        self.close();
    }
}

impl Leecher {
    /// Reads from whom it has what: each address is one player's.
    fn note_givers(&mut self, said: &Value) {
        let Some(peers) = said["exchanges"].as_array() else {
            return;
        };
        let mut given = [0; GIVERS];
        for peer in peers {
            let address = peer["peer"]
                .as_str()
                .and_then(|peer| peer.split(':').next());
            let is_at =
                |giver: &usize| Some(role(*giver).address().to_string()).as_deref() == address;
            if let Some(giver) = (0..GIVERS).find(is_at) {
                given[giver] += peer["downloaded_bytes"].as_u64().unwrap_or(0);
            }
        }
        self.given = given;
    }

    fn draw(&self, rate: u64) {
        let Some(bar) = &self.bar else {
            return;
        };
        bar.set_position(self.done_bytes);
        let [leechers @ .., seed] = &self.given;
        let others: u64 = leechers.iter().sum();
        let state = match self.is_complete {
            true => "complete".into(),
            false => format!("{}/s", Size(rate)),
        };
        let from = format!(
            "{} from the seed, {} from leechers",
            Size(*seed),
            Size(others)
        );
        bar.set_message(format!("{state}, {from}"));
    }
}

fn role(giver: usize) -> Role {
    match giver {
        SEED => Role::Seed,
        number => Role::Leecher(number),
    }
}

fn name(giver: usize) -> String {
    role(giver).to_string()
}
