//! Runs the command.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// How long we wait for something that should happen; then the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of the command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A run of the command with `--json` that goes on.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    said: Receiver<Value>,
}

/// Runs the command to its end.
pub(crate) fn manyhop<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_manyhop"));
    for word in words {
        command.arg(word.as_ref());
    }
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    Ended {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Gives a path as a word of the command.
pub(crate) fn word(path: &Path) -> &str {
    path.to_str().expect("the tests' paths are UTF-8")
}

impl Ended {
    /// The objects that were written, each with an event.
    pub(crate) fn objects(&self) -> Vec<Value> {
        self.out.lines().map(object).collect()
    }

    /// The last object.
    pub(crate) fn last(&self) -> Value {
        self.objects().pop().expect("something is written")
    }
}

impl Running {
    /// Starts the command; it ends when this is dropped.
    pub(crate) fn start<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_manyhop"));
        for word in words {
            command.arg(word.as_ref());
        }
        command.arg("--until-input-ends");
        Self::run(command)
    }

    /// Starts the demo, which keeps what is temporary in this folder.
    pub(crate) fn start_demo(temporary: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_manyhop"));
        command.arg("demo").env("TMPDIR", temporary);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let mut child = command
            .arg("--json")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let out = child.stdout.take().expect("it is piped");
        let (sender, said) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(object(&line)).is_err() {
                    return;
                }
            }
        });
        Self { child, said }
    }

    /// Waits for an event.
    pub(crate) fn hears(&self, event: &str) -> Value {
        loop {
            let said = self.said.recv_timeout(PATIENCE).expect(event);
            assert!(event == "error" || said["event"] != "error", "{said}");
            if said["event"] == event {
                return said;
            }
        }
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the end; gives the exit code.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn object(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert!(line.starts_with("{\"event\":\""), "{line}");
    value
}
