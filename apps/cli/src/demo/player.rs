//! A process of the demo, and what it says.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{News, Role};
use crate::error::Failure;

/// How long a process may take to end by itself.
const END_MAX: Duration = Duration::from_secs(5);

/// How often we look whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A process. It ends when this is dropped; and it ends by itself when this process does, for then
/// its standard input ends.
#[derive(Debug)]
pub(super) struct Player {
    child: Child,
    listener: Option<JoinHandle<()>>,
}

impl Player {
    /// Starts a process of this very program: `words`, then `paths`.
    ///
    /// # Errors
    /// When the system cannot.
    pub(super) fn start(
        role: Role,
        paths: &[&Path],
        words: &[&str],
        sender: &Sender<News>,
    ) -> Result<Self, Failure> {
        let cannot =
            |error: std::io::Error| Failure::new(format!("cannot start the {role}: {error}"));
        let program = std::env::current_exe().map_err(cannot)?;
        let mut child = Command::new(program)
            .args(["--json"])
            .args(words)
            .args(paths)
            .arg("--until-input-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let listener = child.stdout.take().map(|stdout| {
            let sender = sender.clone();
            thread::spawn(move || listen(role, stdout, &sender))
        });
        Ok(Self { child, listener })
    }

    /// Waits until the process has ended, but not for ever.
    fn has_ended(&mut self) -> bool {
        let until = Instant::now() + END_MAX;
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(LOOK_EVERY),
                Ok(Some(_)) | Err(_) => return true,
            }
        }
        false
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if !self.has_ended() {
            // It fails only when it has ended after all.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

/// Hands on what a process says, until it ends.
fn listen(role: Role, stdout: ChildStdout, sender: &Sender<News>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Ok(said) = serde_json::from_str::<Value>(&line) {
            // It fails when nobody listens any more.
            let _ = sender.send(News::Said(role, said));
        }
    }
    let _ = sender.send(News::Ended(role));
}
