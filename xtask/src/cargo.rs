//! Calls of cargo and its companions, told on the terminal before they run.

use std::io::{self, BufRead as _, BufReader, PipeReader};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;
use std::{env, fs, thread};

use anyhow::{Context as _, bail, ensure};

/// The target that has no `std`: what builds for it reaches no socket, clock, file or thread.
const BARE_TARGET: &str = "wasm32v1-none";
/// The floors of the house that build for it.
const CORES: [&str; 2] = ["foundation", "protocols"];
/// How long a pipe may be silent before we look whether cargo has ended.
const PATIENCE: Duration = Duration::from_millis(500);

/// The cargo that runs this command, to be called with arguments.
pub(crate) fn command() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Calls cargo with `arguments`, its output going to the terminal.
pub(crate) fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    cargo_with(arguments, &[])
}

/// Calls cargo like [`cargo`], with variables added to the environment.
pub(crate) fn cargo_with(arguments: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<()> {
    println!("cargo {}", arguments.join(" "));
    let mut command = command();
    let status = command
        .args(arguments)
        .envs(variables.iter().copied())
        .status();
    let status = status.context("cargo does not start")?;
    ensure!(status.success(), "`cargo {}` failed", arguments.join(" "));
    Ok(())
}

/// Calls cargo and hands every line of its two outputs, in one order, to `each_line` as well.
///
/// Gives whether it succeeded.
pub(crate) fn cargo_lines(
    arguments: &[&str],
    variables: &[(&str, &str)],
    mut each_line: impl FnMut(&str),
) -> anyhow::Result<bool> {
    println!("cargo {}", arguments.join(" "));
    let (reader, writer) = io::pipe().context("no pipe")?;
    let mut command = command();
    command.args(arguments).envs(variables.iter().copied());
    command.env("CARGO_TERM_COLOR", "never");
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().context("cargo does not start")?;
    drop(command); // it holds the pipe's writing ends, and would keep it open
    let lines = lines_of(reader);
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                println!("{line}");
                each_line(&line);
            }
            // A process that a test left behind may hold the pipe for ever.
            Err(RecvTimeoutError::Timeout) if child.try_wait()?.is_some() => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok(child.wait()?.success())
}

/// The lines that come through `pipe`, until nobody can write to it any more.
fn lines_of(pipe: PipeReader) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
    receiver
}

/// Installs the parts of the toolchain that the checks use and that a small installation lacks.
pub(crate) fn complete_the_toolchain() -> anyhow::Result<String> {
    let mut added = Vec::new();
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        let present = command().args([subcommand, "--version"]).output();
        if !present.is_ok_and(|output| output.status.success()) {
            rustup(&["component", "add", component])?;
            added.push(component);
        }
    }
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = String::from_utf8(sysroot.context("rustc does not start")?.stdout)?;
    if !Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(BARE_TARGET)
        .is_dir()
    {
        rustup(&["target", "add", BARE_TARGET])?;
        added.push(BARE_TARGET);
    }
    Ok(if added.is_empty() {
        String::new()
    } else {
        format!("added {}", added.join(", "))
    })
}

/// Builds every core for the bare target; gives how many there are.
pub(crate) fn build_cores() -> anyhow::Result<String> {
    let cores = cores()?;
    let mut arguments = vec!["build", "--target", BARE_TARGET];
    for core in &cores {
        arguments.extend(["--package", core]);
    }
    cargo(&arguments)?;
    Ok(format!("{} cores", cores.len()))
}

/// The package names of all crates below the floors of the cores.
fn cores() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for floor in CORES {
        for entry in fs::read_dir(floor).with_context(|| format!("cannot list {floor}"))? {
            let manifest = entry?.path().join("Cargo.toml");
            let Ok(text) = fs::read_to_string(&manifest) else {
                continue;
            };
            let name = text.lines().find_map(|line| line.strip_prefix("name = \""));
            let name = name.and_then(|rest| rest.strip_suffix('"'));
            let name = name.with_context(|| format!("{} has no name", manifest.display()))?;
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn rustup(arguments: &[&str]) -> anyhow::Result<()> {
    let asked = format!("rustup {}", arguments.join(" "));
    println!("{asked}");
    match Command::new("rustup").args(arguments).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => bail!("`{asked}` failed"),
        Err(_) => bail!("rustup is missing; what `{asked}` would add is needed"),
    }
}
