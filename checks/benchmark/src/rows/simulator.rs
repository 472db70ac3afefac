//! What it costs to simulate a swarm of 200: the bench `swarm` of the protocol, as one process.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use manyhop_interop::Stage;
use serde_json::Value;
use tempfile::TempDir;

use super::Row;
use crate::contenders::{Asked, Contender, Ours, Sign};
use crate::metric::{Figures, Metric};
use crate::trial::Trial;

/// Makes the row ready: builds the bench.
///
/// # Errors
/// When it does not build.
pub(super) fn prepare(folder: TempDir) -> anyhow::Result<Row> {
    let bench = build()?;
    Ok(Row {
        title: "simulator: 1 seed and 199 leechers, 256 MiB, in virtual time".to_owned(),
        contenders: vec![&Ours],
        skipped: Vec::new(),
        trial: Box::new(move |_: &dyn Contender| simulate(&bench)),
        folder,
    })
}

fn simulate(bench: &Path) -> anyhow::Result<Figures> {
    let stage = Stage::new()?;
    let trial = Trial::new(&stage)?;
    let place = trial.place("simulator")?;
    let asked = Asked {
        command: Command::new(bench),
        sign: Sign::End,
    };
    let mut runner = trial.start_asked(asked, &[], place)?;
    trial.watch(&mut [&mut runner])?;
    Ok([
        (Metric::Wall, runner.wall()?.as_secs_f64()),
        (Metric::Cpu, runner.cpu()?.as_secs_f64()),
        (Metric::Anonymous, runner.usage().anonymous_mib()),
    ]
    .into())
}

/// Builds it, and gives where it lies.
fn build() -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "bench",
        "--package",
        "manyhop-bittorrent",
        "--bench",
        "swarm",
    ]);
    cargo.args(["--no-run", "--message-format", "json"]);
    let output = cargo.stderr(Stdio::inherit()).output();
    let output = output.context("cargo does not start")?;
    ensure!(output.status.success(), "the bench does not build");
    let messages = String::from_utf8_lossy(&output.stdout);
    executable_in(&messages).context("cargo names no executable")
}

fn executable_in(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_names_what_it_has_built() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\nno JSON\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"a/b-1\"}\n";
        assert_eq!(executable_in(messages), Some("a/b-1".into()));
        assert_eq!(executable_in("{}"), None);
    }
}
