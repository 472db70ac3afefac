//! The outcome as a table for people: ours beside the paper's.

use std::fmt::Write as _;

use crate::case::Case;
use crate::experiment::{Band, Figure};
use crate::numbers::{count, number};
use crate::outcome::{Extent, Outcome, Row};
use crate::parameter::{Kind, Parameter, Setting};
use crate::statistics::Summary;

/// A table in which every cell is a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What the columns are, and to which side their cells are set.
    pub head: Vec<(String, Side)>,
    /// The rows, each with its verdict.
    pub rows: Vec<(Vec<String>, Verdict)>,
    /// What is the same in all rows: `nodes 1,000`.
    pub constants: Vec<String>,
}

/// To which side cells are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// What is to be said of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is within its tolerance.
    Within,
    /// It is not.
    Outside,
    /// It has none.
    Unjudged,
}

impl Verdict {
    /// Says it in a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Outside => "OUTSIDE",
            Self::Unjudged => "",
        }
    }
}

impl Table {
    /// The table of an outcome.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        let varied = |parameter: &&Parameter| {
            let mut settings = outcome.cases.iter().map(|c| c.case.setting(parameter.name));
            let first = settings.next();
            settings.any(|setting| Some(setting) != first)
        };
        let (varied, constant): (Vec<_>, Vec<_>) = outcome
            .about
            .parameters
            .iter()
            .partition(|parameter| varied(parameter));
        let constants = outcome.cases.first().map(|of_case| {
            let say = |parameter: &&Parameter| {
                format!("{} {}", parameter.name, cell(parameter, &of_case.case))
            };
            constant.iter().map(say).collect()
        });
        let mut head: Vec<_> = varied
            .iter()
            .map(|parameter| (parameter.name.to_owned(), side(parameter)))
            .collect();
        head.push(("quantity".into(), Side::Left));
        for column in ["paper", "ours", "±95 %", "p1", "p50", "p99"] {
            head.push((column.into(), Side::Right));
        }
        head.push(("accepted".into(), Side::Left));
        head.push((String::new(), Side::Left));
        Self {
            head,
            rows: outcome.rows().map(|row| cells(&row, &varied)).collect(),
            constants: constants.unwrap_or_default(),
        }
    }
}

/// The whole outcome as text: a head, the table, and what has to be said below it.
#[must_use]
pub fn text(outcome: &Outcome) -> String {
    let table = Table::of(outcome);
    let about = outcome.about;
    let mut text = format!("{}: {}\n{}\n", about.name, about.purpose, about.source);
    let mut constants = table.constants.clone();
    constants.push(format!("seeds {}", outcome.seeds));
    let _ = writeln!(text, "{}\n", constants.join(" · "));
    write_table(&table, &mut text);
    let (judged, good) = outcome.score();
    let _ = write!(text, "\n{good} of {judged} figures within their tolerance");
    if let Extent::Part { done, total } = outcome.extent {
        let _ = write!(text, "\npartial: stopped after {done} of {total} runs");
    }
    for failure in &outcome.failures {
        let _ = write!(
            text,
            "\nfailed: {}\n  replay: manyhop lab replay '{}'",
            failure.reason, failure.replay
        );
    }
    text
}

fn write_table(table: &Table, text: &mut String) {
    let width = |column: usize| {
        let head = table.head[column].0.chars().count();
        let cells = table
            .rows
            .iter()
            .map(|(cells, _)| cells[column].chars().count());
        cells.fold(head, usize::max)
    };
    let widths: Vec<usize> = (0..table.head.len()).map(width).collect();
    let write_row = |cells: &mut dyn Iterator<Item = &str>, text: &mut String| {
        let mut line = String::new();
        for ((cell, width), (_, side)) in cells.zip(&widths).zip(&table.head) {
            let _ = match side {
                Side::Left => write!(line, "  {cell:<width$}"),
                Side::Right => write!(line, "  {cell:>width$}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    write_row(&mut table.head.iter().map(|(name, _)| name.as_str()), text);
    let rule: usize = widths.iter().map(|width| width + 2).sum();
    let _ = writeln!(text, "  {}", "─".repeat(rule.saturating_sub(2)));
    for (cells, _) in &table.rows {
        write_row(&mut cells.iter().map(String::as_str), text);
    }
}

fn cells(row: &Row<'_>, varied: &[&Parameter]) -> (Vec<String>, Verdict) {
    let mut cells: Vec<_> = varied
        .iter()
        .map(|parameter| cell(parameter, row.case))
        .collect();
    let Figure {
        quantity,
        unit,
        paper,
        tolerance,
        ..
    } = *row.figure;
    cells.push(match unit {
        "" => quantity.into(),
        unit => format!("{quantity} ({unit})"),
    });
    let Summary {
        mean,
        p1,
        p50,
        p99,
        ci95,
        ..
    } = row.ours;
    cells.push(paper.map_or(String::new(), number));
    cells.push(number(mean));
    cells.push(ci95.map_or(String::new(), short));
    cells.extend([p1, p50, p99].map(number));
    cells.push(tolerance.map_or(String::new(), written));
    let verdict = match row.is_within() {
        Some(true) => Verdict::Within,
        Some(false) => Verdict::Outside,
        None => Verdict::Unjudged,
    };
    cells.push(verdict.word().into());
    (cells, verdict)
}

/// A tolerance, in words.
#[must_use]
pub fn written(band: Band) -> String {
    match (band.low.is_finite(), band.high.is_finite()) {
        (true, true) if band.low >= band.high => format!("{} exactly", number(band.low)),
        (true, true) => format!("{} … {}", number(band.low), number(band.high)),
        (false, _) => format!("at most {}", number(band.high)),
        (true, false) => format!("at least {}", number(band.low)),
    }
}

/// A setting as a cell of a table.
fn cell(parameter: &Parameter, case: &Case) -> String {
    let setting = case.setting(parameter.name);
    match (parameter.kind, setting) {
        (Kind::Count(..), Setting::Number(number)) => count(number as u64),
        (Kind::Count(..) | Kind::Share | Kind::Time | Kind::Rate | Kind::Word(_), _) => {
            parameter.write(setting)
        }
    }
}

const fn side(parameter: &Parameter) -> Side {
    match parameter.kind {
        Kind::Word(_) => Side::Left,
        Kind::Count(..) | Kind::Share | Kind::Time | Kind::Rate => Side::Right,
    }
}

/// Two significant digits: more of an uncertainty says nothing.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return number(value);
    }
    let digits = 1 - value.abs().log10().floor() as i32;
    let factor = 10f64.powi(digits);
    number((value * factor).round() / factor)
}
