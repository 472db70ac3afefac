//! `cargo xtask test`: everything that CI runs, in one command on one machine.
//!
//! Steps go on after a failure, so that one run tells all. Foreign programs are installed beside
//! the build, which leaves the network idle.

use anyhow::bail;

use crate::Verdict;
use crate::cargo::{build_cores, cargo, cargo_lines, cargo_with, complete_the_toolchain};
use crate::check;
use crate::foreign::{Foreign, Permission};
use crate::steps::Steps;
use crate::tally::Tally;

/// Tells the tests that a foreign program that is missing is a failure, not a reason to skip.
const REQUIRE_ALL: (&str, &str) = ("MANYHOP_REQUIRE_ALL", "1");

/// Runs the command.
pub(crate) fn run(permission: Permission) -> Verdict {
    let foreign = Foreign::prepare(permission);
    let mut steps = Steps::default();
    steps.run("toolchain", complete_the_toolchain);
    steps.run("dependencies", || {
        cargo(&["fetch", "--locked"])?;
        Ok(String::new())
    });
    check::add_to(&mut steps);
    steps.run("documentation", || {
        let strict = [("RUSTDOCFLAGS", "-D warnings")];
        cargo_with(
            &["doc", "--workspace", "--no-deps", "--keep-going"],
            &strict,
        )?;
        Ok(String::new())
    });
    steps.run("bare target", build_cores);
    steps.run("build", || {
        // All that the tests start, too: their own binaries and `manyhop` itself.
        cargo(&[
            "build",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
        ])?;
        Ok(String::new())
    });
    steps.run("foreign programs", || foreign.wait());
    let mut tally = Tally::default();
    steps.run("tests", || run_tests(permission, &mut tally));
    tally.print_table();
    steps.print_table();
    println!("\n{}", tally.closing_line());
    steps.verdict()
}

fn run_tests(permission: Permission, tally: &mut Tally) -> anyhow::Result<String> {
    let required = match permission {
        Permission::InstallAndRequire => &[REQUIRE_ALL][..],
        Permission::Install | Permission::Look => &[],
    };
    let arguments = ["test", "--workspace", "--no-fail-fast"];
    let succeeded = cargo_lines(&arguments, required, |line| tally.read_line(line))?;
    tally.finish(succeeded);
    let left_out = tally.left_out();
    if !succeeded {
        bail!("{}", tally.closing_line());
    }
    if permission == Permission::InstallAndRequire && left_out > 0 {
        bail!("{left_out} left out, but in CI nothing is");
    }
    Ok(format!("{}, {left_out} left out", tally.closing_line()))
}
