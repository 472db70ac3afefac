//! The report: one page a experiment, that needs nothing but itself.
//!
//! A page is for the shelf: in ten years no library that draws its pictures will be where it was.
//! So it holds its own style and pictures and no script, and can be read in light and in the dark,
//! by eye and by screen reader.

pub mod axis;
mod page;
pub mod plot;
mod svg;

use std::io;
use std::path::{Path, PathBuf};

use crate::experiment::Experiment;
use crate::outcome::Outcome;

/// Writes `NAME.html`, and beside it `NAME.json` and `NAME.csv`, into a folder, which is made if
/// need be. Tells where the page is.
///
/// # Errors
/// When they cannot be written.
pub fn write(folder: &Path, experiment: &dyn Experiment, outcome: &Outcome) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let name = outcome.about.name;
    let page = folder.join(format!("{name}.html"));
    std::fs::write(&page, page::page(outcome, &experiment.plots(outcome)))?;
    let json = format!("{:#}\n", outcome.to_json());
    std::fs::write(folder.join(format!("{name}.json")), json)?;
    std::fs::write(folder.join(format!("{name}.csv")), outcome.to_csv())?;
    Ok(page)
}

/// Writes `index.html`, which leads to the pages of several outcomes.
///
/// # Errors
/// When it cannot be written.
pub fn write_index(folder: &Path, outcomes: &[Outcome]) -> io::Result<PathBuf> {
    let page = folder.join("index.html");
    std::fs::write(&page, page::index(outcomes))?;
    Ok(page)
}

/// Writes text so that HTML does not read it as marks.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}
