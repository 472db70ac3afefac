//! Steps of a command: each under a heading, timed, and summed up in a table at the end.

use std::time::{Duration, Instant};

use crate::Verdict;

/// What has been tried so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    verdict: Verdict,
    note: String,
    took: Duration,
}

impl Steps {
    /// Does `work` under the heading `name`. A failure is noted, and the next step goes on.
    pub(crate) fn run(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<String>,
    ) {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        let (verdict, note) = match result {
            Ok(note) => (Verdict::Passed, note),
            Err(error) => (Verdict::Failed, format!("{error:#}")),
        };
        println!("== {name}: {} in {}", word(verdict), seconds(took));
        self.done.push(Step {
            name,
            verdict,
            note,
            took,
        });
    }

    /// Prints the table of all steps.
    pub(crate) fn print_table(&self) {
        println!("\n{:<18} {:<7} {:>9}", "step", "result", "time");
        for step in &self.done {
            let verdict = word(step.verdict);
            println!(
                "{:<18} {verdict:<7} {:>9}  {}",
                step.name,
                seconds(step.took),
                step.note
            );
        }
        let total = self.done.iter().map(|step| step.took).sum();
        println!(
            "{:<18} {:<7} {:>9}",
            "all",
            word(self.verdict()),
            seconds(total)
        );
    }

    /// Passed if every step has.
    pub(crate) fn verdict(&self) -> Verdict {
        let failed = self.done.iter().any(|step| step.verdict == Verdict::Failed);
        if failed {
            Verdict::Failed
        } else {
            Verdict::Passed
        }
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ok",
        Verdict::Failed => "FAILED",
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_fails_all_but_stops_nothing() {
        let mut steps = Steps::default();
        steps.run("first", || anyhow::bail!("broken"));
        assert_eq!(steps.verdict(), Verdict::Failed);
        steps.run("second", || Ok("fine".to_owned()));
        assert_eq!(steps.verdict(), Verdict::Failed);
        let notes: Vec<_> = steps.done.iter().map(|step| step.note.as_str()).collect();
        assert_eq!(notes, ["broken", "fine"]);
    }

    #[test]
    fn nothing_tried_is_nothing_broken() {
        assert_eq!(Steps::default().verdict(), Verdict::Passed);
    }
}
