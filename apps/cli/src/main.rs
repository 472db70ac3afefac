//! The manyhop command: one verb of the user's at a time.
//!
//! # What every verb keeps to
//!
//! - Results go to standard output; progress, notes and errors to standard error. With `--json`
//!   everything goes to standard output, one object a line with `event`; the last one is `result`
//!   or `error`. (The lab's result is one value: a table.)
//! - The process ends with 0 if it is done, 1 if it failed, 2 if it was asked wrongly.
//! - An error says what is wrong with which numbers, and then what to try next.
//! - Ctrl-C and SIGTERM stop cleanly.
//!
//! | module | what |
//! |---|---|
//! | [`args`] | what can be asked |
//! | [`output`], [`meter`] | what is told, to people and to programs |
//! | [`error`] | what went wrong, and what to try next |
//! | [`units`] | sizes, rates and selections of files, as people write them |
//! | [`signals`] | how the user stops us |
//! | [`source`], [`web`] | where descriptions of torrents come from |
//! | [`session`], [`download`] | a node at work, and a torrent on its way to the disk |
//! | `create`, `show`, `check`, `get`, `seed`, `tracker`, `demo`, `chord`, `lab` | a verb each |

#![forbid(unsafe_code)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the errors that are told apart here are the system's, which has dozens"
)]

mod args;
mod check;
mod chord;
mod create;
mod demo;
mod download;
mod error;
mod get;
mod lab;
mod meter;
mod output;
mod seed;
mod session;
mod shelf;
mod show;
mod signals;
mod source;
mod tracker;
mod units;
mod web;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Verb};
use error::Failure;
use output::{Format, Output};

/// How a verb ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All is as the user wants it.
    Done,
    /// The answer is no: the result says what is missing.
    NotDone,
}

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let args = match Args::try_parse_from(&words) {
        Ok(args) => args,
        Err(error) => return explain(&error, &words),
    };
    let output = Output::new(Format::of(args.json));
    match run(args.verb, &output) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::NotDone) => ExitCode::FAILURE,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

fn run(verb: Verb, output: &Output) -> Result<Outcome, Failure> {
    match verb {
        Verb::Create(args) => create::run(args, output),
        Verb::Show(args) => show::run(args, output),
        Verb::Get(args) => get::run(args, output),
        Verb::Seed(args) => seed::run(args, output),
        Verb::Check(args) => check::run(args, output),
        Verb::Tracker(args) => tracker::run(args, output),
        Verb::Demo(args) => demo::run(args, output),
        Verb::Chord(args) => chord::run(args, output),
        Verb::Lab(args) => lab::run(args, output),
    }
}

/// Tells what is wrong with the words after the command's name; or gives the help that they ask
/// for.
fn explain(error: &clap::Error, words: &[OsString]) -> ExitCode {
    let is_json = words.iter().any(|word| word == "--json");
    if is_json && error.use_stderr() {
        let failure = Failure::from(error);
        Output::new(Format::Json).failure(&failure);
        return failure.exit_code();
    }
    // When not even this can be written, nobody is there to be told.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(error::WRONG_USAGE))
}
