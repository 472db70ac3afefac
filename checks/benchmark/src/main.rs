//! Measures manyhop beside real programs; `cargo xtask bench` builds what it needs and starts it.
//!
//! A row is one question, such as what it costs to fetch a torrent. All contenders answer it in turn,
//! A B C, then B C A, so that a machine that changes its pace hurts all of them alike; hence only
//! figures of one run may be compared. Each trial has a network namespace and a folder of its own,
//! made by the harness of the interop tests, and a fresh tracker of ours. What is measured is seen
//! from outside the contender, the same way for all:
//!
//! - wall time, from before the process starts until it shows that it is done ([`contenders::Sign`]);
//! - the first and the last byte of payload, from the network's own counter ([`traffic`]);
//! - processor time and anonymous memory, from `/proc` ([`usage`]).
//!
//! Not a test: nothing here fails because something is slow.

#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks on the terminal"
)]

mod contenders;
mod interruption;
mod machine;
mod metric;
mod options;
mod payload;
mod report;
mod rows;
mod schedule;
mod statistics;
mod table;
mod traffic;
mod trial;
mod usage;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, ensure};
use clap::Parser as _;
use manyhop_interop::{Manyhop, Requirement};

use crate::options::Options;
use crate::report::Report;

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match &options.report {
        Some(file) => print_again(file),
        None => measure(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print_again(file: &Path) -> anyhow::Result<()> {
    let report = Report::read(file)?;
    println!("{}", table::head(&report));
    for row in &report.rows {
        println!("{}", table::row(row));
    }
    Ok(())
}

fn measure(options: &Options) -> anyhow::Result<()> {
    if let Some(missing) = Requirement::Namespaces.missing() {
        bail!("{missing}");
    }
    Manyhop::command()?;
    rows::check_names(&options.only)?;
    interruption::heed()?;
    let words: Vec<String> = env::args().skip(1).collect();
    let command = format!("cargo xtask bench {}", words.join(" "));
    let mut report = Report::new(command.trim_end().to_owned());
    println!("{}", table::head(&report));
    let keep = |report: &Report| match &options.out {
        Some(file) => report.write(file),
        None => Ok(()),
    };
    keep(&report)?;
    let mut impossible = Vec::new();
    for name in options.rows() {
        // A run is long: what was measured is shown, and kept, though another row should fail.
        match rows::prepare(name, options) {
            Ok(row) => {
                let row = schedule::run(name, row, options)?;
                println!("{}", table::row(&row));
                report.rows.push(row);
            }
            Err(error) => impossible.push(format!("{name}: {error:#}")),
        }
        interruption::check()?;
        keep(&report)?;
    }
    ensure!(impossible.is_empty(), "{}", impossible.join("\n"));
    Ok(())
}
