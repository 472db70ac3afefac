//! The project's own commands: `cargo xtask <command>`.
//!
//! One file a command. A command needs nothing but cargo: what else it wants it installs when told
//! to, or names.

#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "commands speak on the terminal"
)]

mod bench;
mod cargo;
mod check;
mod foreign;
mod fuzz;
mod steps;
mod tally;
mod test;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use anyhow::Context as _;

const USAGE: &str = "\
The project's own commands.

  cargo xtask check
      Formats and lints only: the quick look before a commit.

  cargo xtask test [--install]
      Everything that CI runs: formats, lints, documentation, the bare target, all tests.
      The interop tests want foreign programs; --install (or CI=true) installs those that
      Debian has, as root. Without them their cases are skipped, by name; in CI they fail.

  cargo xtask bench [ROW...] [--reps N] [--size SIZE] [--only NAME,...] [--out FILE.json]
      Measures the release binary beside real programs, in turn, as root; `--help` has the
      rest. `cargo xtask bench --report FILE.json` prints the tables of a run again.

  cargo xtask fuzz [TARGET] [--seconds N]
      Fuzzes one format, or each in turn, for N seconds (60).
";

/// Whether all that a command tried has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(Verdict::Passed) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[&str]) -> anyhow::Result<Verdict> {
    go_to_the_root()?;
    match arguments {
        ["check"] => Ok(check::run()),
        ["test"] => Ok(test::run(foreign::Permission::from_environment())),
        ["test", "--install"] => Ok(test::run(foreign::Permission::Install)),
        ["bench", words @ ..] => bench::run(words),
        ["fuzz", options @ ..] => fuzz::run(&fuzz::Options::parse(options)?),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(Verdict::Passed)
        }
        _ => anyhow::bail!("there is no such command\n\n{USAGE}"),
    }
}

/// Commands may be called from any folder of the project; they work at its root.
fn go_to_the_root() -> anyhow::Result<()> {
    let here =
        env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let root = fs::canonicalize(Path::new(&here).join("..")).context("the project's root")?;
    env::set_current_dir(root).context("the project's root")
}
