//! `cargo xtask bench`: measures the release binary beside real programs.
//!
//! What is measured, and how, is the business of `checks/benchmark`; here it is only built, together
//! with the binary, and started in our stead, so that Ctrl-C reaches it and its exit code the user.

use std::env;
use std::os::unix::process::CommandExt as _;

use anyhow::Context as _;

use crate::Verdict;
use crate::cargo;

/// The crate that measures.
const BENCHMARK: &str = "manyhop-benchmark";

/// Names another binary to be measured than the one that is built here.
const BINARY: &str = "MANYHOP_BINARY";

/// Runs the command; comes back only if that fails.
pub(crate) fn run(words: &[&str]) -> anyhow::Result<Verdict> {
    if measures(words) && env::var_os(BINARY).is_none() {
        cargo::cargo(&["build", "--release", "--package", "manyhop"])?;
    }
    let mut command = cargo::command();
    command.args(["run", "--quiet", "--release", "--package", BENCHMARK, "--"]);
    Err(command.args(words).exec()).context("cargo does not start")
}

/// Whether anything is measured, or only shown.
fn measures(words: &[&str]) -> bool {
    let shows = |word: &&str| word.starts_with("--report") || ["--help", "-h"].contains(word);
    !words.iter().any(shows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_shows_needs_no_binary() {
        assert!(measures(&[]));
        assert!(measures(&["leech", "--out", "a.json"]));
        assert!(!measures(&["--report", "a.json"]));
        assert!(!measures(&["leech", "--help"]));
    }
}
