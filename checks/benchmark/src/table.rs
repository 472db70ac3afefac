//! What was found, in Markdown.

use std::fmt::Write as _;

use crate::contenders::OURS;
use crate::metric::Metric;
use crate::report::{Report, RowReport};
use crate::statistics::Summary;

/// A contender's line.
#[derive(Debug)]
struct Line<'a> {
    contender: &'a str,
    trials: usize,
    failures: usize,
    figures: Vec<Option<Summary>>,
}

/// Writes what stands above all tables.
pub(crate) fn head(report: &Report) -> String {
    format!(
        "`{}`\n\n{}. Medians (least..greatest); × is the ratio to the best other client.\n",
        report.command, report.machine
    )
}

/// Writes the table of a row.
pub(crate) fn row(row: &RowReport) -> String {
    let metrics = metrics(row);
    let lines = lines(row, &metrics);
    let best = best_others(&lines, metrics.len());
    let mut text = format!("### {}\n\n| | trials |", row.title);
    for metric in &metrics {
        let _ = write!(text, " {} | × |", metric.title());
    }
    text.push_str("\n|---|---|");
    text.push_str(&"---|---|".repeat(metrics.len()));
    for line in &lines {
        let trials = match line.failures {
            0 => line.trials.to_string(),
            failures => format!("{}, {failures} failed", line.trials),
        };
        let _ = write!(text, "\n| {} | {trials} |", line.contender);
        for (summary, best) in line.figures.iter().zip(&best) {
            let _ = write!(text, " {} | {} |", cell(*summary), ratio(*summary, *best));
        }
    }
    let _ = writeln!(text, "\n\n{}", remarks(row));
    text
}

/// What any trial has measured.
fn metrics(row: &RowReport) -> Vec<Metric> {
    let is_measured = |metric: &Metric| {
        let mut figures = row.samples.iter().flat_map(|sample| &sample.outcome);
        figures.any(|figures| figures.contains_key(metric))
    };
    let metrics = Metric::ALL.into_iter();
    metrics
        .filter(|metric| *metric != Metric::Others && is_measured(metric))
        .collect()
}

/// Ours first, then the others from the best to the worst by the first column.
fn lines<'a>(row: &'a RowReport, metrics: &[Metric]) -> Vec<Line<'a>> {
    let mut names: Vec<&str> = row.samples.iter().map(|one| &*one.contender).collect();
    names.sort_unstable();
    names.dedup();
    let line = |contender| {
        let trials = row.samples.iter().filter(|one| one.contender == contender);
        let outcomes: Vec<_> = trials.map(|one| &one.outcome).collect();
        let of = |metric| {
            let figures = outcomes.iter().copied().flatten();
            Summary::of(figures.filter_map(|figures| figures.get(metric).copied()))
        };
        Line {
            contender,
            trials: outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
            failures: outcomes.iter().filter(|outcome| outcome.is_err()).count(),
            figures: metrics.iter().map(of).collect(),
        }
    };
    let mut lines: Vec<Line<'_>> = names.into_iter().map(line).collect();
    lines.sort_by(|a, b| {
        rank(a)
            .partial_cmp(&rank(b))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    lines
}

fn rank(line: &Line<'_>) -> (bool, f64) {
    let first = line.figures.first().copied().flatten();
    let median = first.map_or(f64::INFINITY, |summary| summary.median);
    (line.contender != OURS, median)
}

/// The least median of each column that is not ours.
fn best_others(lines: &[Line<'_>], columns: usize) -> Vec<Option<f64>> {
    let best = |column: usize| {
        let others = lines.iter().filter(|line| line.contender != OURS);
        let medians = others.filter_map(|line| Some(line.figures[column]?.median));
        medians.min_by(f64::total_cmp)
    };
    (0..columns).map(best).collect()
}

fn cell(summary: Option<Summary>) -> String {
    match summary {
        None => "-".to_owned(),
        Some(Summary { median, min, max }) if min == max => short(median),
        Some(Summary { median, min, max }) => {
            format!("{} ({}..{})", short(median), short(min), short(max))
        }
    }
}

fn ratio(summary: Option<Summary>, best: Option<f64>) -> String {
    match (summary, best) {
        (Some(summary), Some(best)) if best > 0.0 => format!("{:.2}", summary.median / best),
        _ => "-".to_owned(),
    }
}

/// Three digits that mean something.
fn short(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 1.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

fn remarks(row: &RowReport) -> String {
    let mut text = format!(
        "Machine just before: SHA-1 {:.2} GiB/s, copying {:.1} GiB/s in one thread.",
        row.pace.hash, row.pace.copy
    );
    let figures = row.samples.iter().flat_map(|sample| &sample.outcome);
    let others = figures.filter_map(|figures| figures.get(&Metric::Others).copied());
    if let Some(others) = Summary::of(others) {
        let (median, max) = (others.median, others.max);
        let _ = write!(
            text,
            " Others took {median:.0} % of it, at most {max:.0} %."
        );
    }
    for skipped in &row.skipped {
        let _ = write!(text, "\nSkipped: {skipped}.");
    }
    for sample in &row.samples {
        if let Err(error) = &sample.outcome {
            let error = error.trim_end_matches('.');
            let _ = write!(text, "\nFailed: {}: {error}.", sample.contender);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::made_up;

    #[test]
    fn a_row_is_a_table() {
        let expected = "\
### leech 1 GiB

| | trials | wall, s | × | CPU, s/GiB | × |
|---|---|---|---|---|---|
| manyhop | 2 | 1.50 (1.00..2.00) | 0.50 | 2.00 | 2.00 |
| rtorrent | 1 | 3.00 | 1.00 | 8.00 | 8.00 |
| aria2 | 2, 1 failed | 5.00 (4.00..6.00) | 1.67 | 1.00 | 1.00 |

Machine just before: SHA-1 1.50 GiB/s, copying 7.2 GiB/s in one thread. Others took 2 % of it, at most 2 %.
Skipped: rqbit: rqbit is not installed.
Failed: aria2: it was tired.
";
        assert_eq!(row(&made_up::row()), expected);
    }

    #[test]
    fn nobody_else_is_nothing_to_compare_with() {
        let mut alone = made_up::row();
        alone.samples.retain(|sample| sample.contender == OURS);
        assert!(row(&alone).contains("| manyhop | 2 | 1.50 (1.00..2.00) | - | 2.00 | - |"));
    }

    #[test]
    fn figures_have_three_digits() {
        let shown = [1234.5, 123.4, 12.34, 1.234, 0.1234, 0.0].map(short);
        assert_eq!(shown, ["1234", "123", "12.3", "1.23", "0.123", "0.000"]);
    }
}
