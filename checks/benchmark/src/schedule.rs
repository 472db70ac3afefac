//! Who runs when.

use std::time::Instant;

use crate::contenders::Contender;
use crate::interruption;
use crate::machine::Pace;
use crate::metric::{Figures, Metric};
use crate::options::{Options, RowName};
use crate::payload;
use crate::report::{RowReport, Sample};
use crate::rows::{Ask, Row};
use crate::usage::Others;

/// Who fails so often does not work here; waiting for more of that is a waste of time.
const FAILURES_MAX: usize = 2;

/// Runs all trials of a row.
///
/// # Errors
/// When interrupted, or the system does not tell what was used. What contenders do wrong is part of
/// the report.
pub(crate) fn run(name: RowName, row: Row, options: &Options) -> anyhow::Result<RowReport> {
    let mut report = RowReport {
        name: name.to_string(),
        title: row.title,
        pace: Pace::measure(),
        skipped: row.skipped,
        samples: Vec::new(),
    };
    for skipped in &report.skipped {
        eprintln!("{name}: skipped: {skipped}");
    }
    let touched = options.touch.then(|| options.size(name));
    for repetition in 0..options.repetitions(name) as usize {
        for contender in in_turn(&row.contenders, repetition) {
            if failures(&report, *contender) >= FAILURES_MAX {
                continue;
            }
            if let Some(size) = touched {
                payload::touch_memory(row.folder.path(), size)?;
            }
            let outcome = measured(*contender, &row.trial);
            interruption::check()?;
            let contender = contender.name().to_owned();
            eprintln!("{name} {}: {contender}: {}", repetition + 1, told(&outcome));
            report.samples.push(Sample { contender, outcome });
        }
    }
    Ok(report)
}

/// A B C, then B C A, and so on.
fn in_turn<T>(all: &[T], repetition: usize) -> impl Iterator<Item = &T> {
    let first = repetition % all.len().max(1);
    all.iter().cycle().skip(first).take(all.len())
}

fn failures(report: &RowReport, contender: &dyn Contender) -> usize {
    let samples = report.samples.iter();
    let failed = samples.filter(|one| one.contender == contender.name() && one.outcome.is_err());
    failed.count()
}

fn measured(contender: &dyn Contender, ask: &Ask) -> Result<Figures, String> {
    let measure = || {
        let (start, others) = (Instant::now(), Others::new()?);
        let mut figures = ask(contender)?;
        let processors = std::thread::available_parallelism()?.get() as f64;
        let share = others.cpu_since()?.as_secs_f64() / start.elapsed().as_secs_f64() / processors;
        figures.insert(Metric::Others, 100.0 * share);
        Ok(figures)
    };
    measure().map_err(|error: anyhow::Error| format!("{error:#}"))
}

fn told(outcome: &Result<Figures, String>) -> String {
    match outcome {
        Err(error) => format!("failed: {error}"),
        Ok(figures) => {
            let told = figures
                .iter()
                .map(|(metric, figure)| format!("{} {figure:.3}", metric.key()));
            told.collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_first_once() {
        let turn = |repetition| in_turn(&["a", "b", "c"], repetition).copied().collect();
        let turns: Vec<String> = (0..4).map(turn).collect();
        assert_eq!(turns, ["abc", "bca", "cab", "abc"]);
        assert_eq!(in_turn::<u8>(&[], 3).count(), 0);
    }
}
