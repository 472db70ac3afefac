//! `cargo xtask bench`: measures the release binary beside real programs.
//!
//! What is measured, and how, is the business of `checks/benchmark`; here it is only built, together
//! with the binary, and started in our stead, so that Ctrl-C reaches it and its exit code the user.

use std::os::unix::process::CommandExt as _;

use anyhow::Context as _;

use crate::Verdict;
use crate::cargo;

/// The crate that measures.
const BENCHMARK: &str = "manyhop-benchmark";

/// Runs the command; comes back only if that fails.
pub(crate) fn run(words: &[&str]) -> anyhow::Result<Verdict> {
    cargo::cargo(&["build", "--release", "-p", "manyhop", "-p", BENCHMARK])?;
    let mut command = cargo::command();
    command.args(["run", "--quiet", "--release", "-p", BENCHMARK, "--"]);
    Err(command.args(words).exec()).context("cargo does not start")
}
