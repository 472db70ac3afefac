//! `cargo xtask fuzz`: throws random bytes at the readers of every format.
//!
//! The committed corpus is replayed by an ordinary test; this command looks for new inputs. Those it
//! finds join the corpus under names that git ignores, crashes go to `fuzz/artifacts`.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::steps::Steps;
use crate::{Verdict, cargo};

const SECONDS_DEFAULT: u32 = 60;
const TARGETS: &str = "fuzz/fuzz_targets";

/// What to fuzz.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// One target; all of them in turn if there is none.
    target: Option<String>,
    /// How long each.
    seconds: u32,
}

impl Options {
    /// Reads `[TARGET] [--seconds N]`, in any order.
    pub(crate) fn parse(words: &[&str]) -> anyhow::Result<Self> {
        let mut options = Self {
            target: None,
            seconds: SECONDS_DEFAULT,
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            if word == "--seconds" {
                let number = words.next().context("--seconds wants a number")?;
                let number = number
                    .parse()
                    .with_context(|| format!("--seconds {number}"))?;
                options.seconds = number;
            } else if word.starts_with('-') || options.target.is_some() {
                bail!("fuzz does not know `{word}`");
            } else {
                options.target = Some(word.to_owned());
            }
        }
        ensure!(options.seconds > 0, "--seconds 0 would never end");
        Ok(options)
    }
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> anyhow::Result<Verdict> {
    let all = targets()?;
    let chosen: Vec<&String> = match &options.target {
        Some(target) if all.contains(target) => vec![target],
        Some(target) => bail!("there is no target `{target}`, only {}", all.join(", ")),
        None => all.iter().collect(),
    };
    name_what_lacks()?;
    let mut steps = Steps::default();
    for target in chosen {
        steps.run("fuzz", || fuzz(target, options.seconds));
    }
    steps.print_table();
    Ok(steps.verdict())
}

/// The names of all targets.
fn targets() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(TARGETS).with_context(|| format!("cannot list {TARGETS}"))? {
        let name = entry?.file_name();
        names.extend(
            name.to_str()
                .and_then(|name| name.strip_suffix(".rs"))
                .map(str::to_owned),
        );
    }
    names.sort();
    Ok(names)
}

fn name_what_lacks() -> anyhow::Result<()> {
    let version = cargo_fuzz(&["--version"]).output();
    let works = version.is_ok_and(|output| output.status.success());
    ensure!(
        works,
        "cargo-fuzz is missing: cargo install cargo-fuzz --locked"
    );
    Ok(())
}

fn fuzz(target: &str, seconds: u32) -> anyhow::Result<String> {
    let limit = format!("-max_total_time={seconds}");
    let status = cargo_fuzz(&["run", "--fuzz-dir", "fuzz", target, "--", &limit]).status();
    let passed = status.context("cargo does not start")?.success();
    ensure!(
        passed,
        "{target} failed; the input lies in fuzz/artifacts/{target}"
    );
    Ok(target.to_owned())
}

/// Fuzzing instruments the code, which the stable compiler only does when told to be a bootstrap.
fn cargo_fuzz(arguments: &[&str]) -> Command {
    let mut command = cargo::command();
    command
        .env("RUSTC_BOOTSTRAP", "1")
        .arg("fuzz")
        .args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, String> {
        Options::parse(words).map_err(|error| error.to_string())
    }

    #[test]
    fn options_come_in_any_order() {
        let one = Options {
            target: Some("bencode".to_owned()),
            seconds: 5,
        };
        assert_eq!(parse(&["bencode", "--seconds", "5"]).as_ref(), Ok(&one));
        assert_eq!(parse(&["--seconds", "5", "bencode"]).as_ref(), Ok(&one));
        let all = Options {
            target: None,
            seconds: SECONDS_DEFAULT,
        };
        assert_eq!(parse(&[]), Ok(all));
    }

    #[test]
    fn nonsense_is_named() {
        for words in [
            &["--second", "5"][..],
            &["a", "b"],
            &["--seconds"],
            &["--seconds", "x"],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
        assert_eq!(
            parse(&["--seconds", "0"]),
            Err("--seconds 0 would never end".to_owned())
        );
    }
}
