//! `cargo xtask fuzz`: throws random bytes at the readers of every format.
//!
//! The committed corpus is replayed by an ordinary test; this command looks for new inputs. What it
//! finds stays out of the repository until somebody adds it: new inputs go to `fuzz/target/corpus`,
//! crashes to `fuzz/artifacts`.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::Verdict;
use crate::steps::Steps;

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

/// Fuzzing instruments the code, which only the nightly compiler does.
fn name_what_lacks() -> anyhow::Result<()> {
    let works = |arguments: &[&str]| {
        let output = Command::new("rustup").args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !works(&["run", "nightly", "rustc", "--version"]) {
        bail!("the nightly compiler is missing: rustup toolchain install nightly");
    }
    if !works(&["run", "nightly", "cargo", "fuzz", "--version"]) {
        bail!("cargo-fuzz is missing: cargo install cargo-fuzz --locked");
    }
    Ok(())
}

fn fuzz(target: &str, seconds: u32) -> anyhow::Result<String> {
    let found = format!("fuzz/target/corpus/{target}");
    let known = format!("fuzz/corpus/{target}");
    fs::create_dir_all(&found).with_context(|| format!("cannot make {found}"))?;
    fs::create_dir_all(&known).with_context(|| format!("cannot make {known}"))?;
    let limit = format!("-max_total_time={seconds}");
    // libFuzzer writes to the first corpus that it is given and only reads the others.
    let arguments = [
        "run",
        "nightly",
        "cargo",
        "fuzz",
        "run",
        "--fuzz-dir",
        "fuzz",
        target,
    ];
    let status = Command::new("rustup")
        .args(arguments)
        .args([&found, &known, "--", &limit])
        .status()
        .context("rustup does not start")?;
    ensure!(
        status.success(),
        "{target} failed; the input lies in fuzz/artifacts/{target}"
    );
    Ok(target.to_owned())
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
