//! `cargo xtask check`: formats and lints, the quick look before a commit.

use crate::Verdict;
use crate::cargo::cargo;
use crate::steps::Steps;

/// Runs the command.
pub(crate) fn run() -> Verdict {
    let mut steps = Steps::default();
    add_to(&mut steps);
    steps.print_table();
    steps.verdict()
}

/// The two steps, which `test` begins with too.
pub(crate) fn add_to(steps: &mut Steps) {
    steps.run("format", || {
        cargo(&["fmt", "--all", "--", "--check"])?;
        cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--", "--check"])?;
        Ok(String::new())
    });
    steps.run("lints", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])?;
        Ok(String::new())
    });
}
