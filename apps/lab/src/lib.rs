//! Experiments: the tables of the papers, measured on the code that runs on the net.
//!
//! A paper says "about half of log2 N hops", and shows a figure. Here the same question is put to
//! the protocol's own code, many times with different seeds, and the answer is printed beside the
//! paper's, with a word whether it lies within the tolerance that was fixed beforehand.
//!
//! ```text
//!  Request ──▶ cases × seeds ──▶ Experiment::run ──▶ measurements
//!  (a name,     (all that is       (one world,         │ pooled over seeds
//!   a file)      asked)             one seed)          ▼
//!  table, JSON, CSV, report ◀── Outcome ◀── figures of the paper
//! ```
//!
//! | room | what stands there |
//! |---|---|
//! | [`experiment`] | what an experiment is; its figures with their tolerances are data |
//! | [`parameter`], [`case`](mod@case) | what can be varied, with units, and one choice of it all |
//! | [`measure`], [`statistics`] | what a run yields, and what many runs say together |
//! | [`request`], [`scenario`] | what is asked: in words, or in a file |
//! | [`runner`] | runs cases and seeds on all cores |
//! | [`outcome`], [`table`], [`report`] | what came of it: for programs, people and the shelf |
//! | [`experiments`] | the experiments themselves |
//!
//! # Seeds
//!
//! A run is a function of its case and its seed, and nothing else. Whatever goes wrong in one
//! prints the one line that replays it (`manyhop lab replay LINE`).

#![forbid(unsafe_code)]

pub mod case;
pub mod error;
pub mod experiment;
pub mod experiments;
pub mod measure;
pub mod memory;
mod nearest;
pub mod numbers;
pub mod outcome;
pub mod parameter;
pub mod report;
pub mod request;
pub mod runner;
pub mod scenario;
pub mod statistics;
pub mod table;

pub use error::LabError;
pub use experiment::Experiment;
pub use outcome::Outcome;
pub use request::Request;
pub use runner::{Progress, run};
