//! A program that a test has started and will have ended.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

use crate::wait::wait_until;

/// How much of a log is shown.
const TAIL_LINES: usize = 25;

/// A running program with all its children. Dropped, they are killed.
#[derive(Debug)]
pub struct Process {
    program: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` as a process group of its own, with both its outputs appended to `log`.
    /// The thread that calls decides in which network namespace it runs.
    pub(crate) fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let output = File::options().append(true).create(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{program} does not start"))?;
        Ok(Self {
            program,
            child,
            log: log.to_owned(),
        })
    }

    /// Gives its number, under which the system tells about it in `/proc`.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells whether it has ended, and leaves what the system knows about it until [`Self::wait`].
    ///
    /// # Errors
    /// When that has been asked for already.
    pub fn has_ended(&self) -> anyhow::Result<bool> {
        let looking = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.pid()?), looking)?.is_some())
    }

    /// Gives the last lines of its log, for people.
    pub fn tail(&self) -> String {
        tail(&self.log)
    }

    /// Gives all that it, and its predecessors with the same log, have written.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        let bytes = fs::read(&self.log).with_context(|| self.log.display().to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Checks that it still runs.
    ///
    /// # Errors
    /// When it has ended.
    pub fn ensure_running(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended too early: {status}", self.program),
            None => Ok(()),
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When that does not come within `patience`.
    pub fn wait(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("the end of {}", self.program);
        wait_until(&what, patience, || Ok(self.child.try_wait()?))
    }

    /// Waits for an end with success.
    ///
    /// # Errors
    /// When it comes late, or is a failure.
    pub fn wait_for_success(&mut self, patience: Duration) -> anyhow::Result<()> {
        let status = self.wait(patience)?;
        if !status.success() {
            bail!("{} failed: {status}", self.program);
        }
        Ok(())
    }

    /// Asks it to stop, as Ctrl-C and the system's end do, and waits until it has.
    ///
    /// # Errors
    /// When it does not stop within `patience`.
    pub fn stop(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        if self.child.try_wait()?.is_none() {
            kill_process(self.pid()?, Signal::TERM)?;
        }
        self.wait(patience)
    }

    /// Ends it and its children as a power cut would: they learn nothing of it.
    ///
    /// # Errors
    /// When it has ended before.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.ensure_running()?;
        kill_process_group(self.pid()?, Signal::KILL)?;
        self.child.wait()?;
        Ok(())
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("a process has an id")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group may outlive its leader, but once that is reaped the number is not ours any more:
        // then the namespace ends the rest.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.pid().map(|pid| kill_process_group(pid, Signal::KILL));
            let _ = self.child.wait();
        }
    }
}

/// Gives the end of the log at `path`, for people.
pub(crate) fn tail(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<&str> = text.lines().rev().take(TAIL_LINES).collect();
    lines.reverse();
    lines.join("\n")
}
