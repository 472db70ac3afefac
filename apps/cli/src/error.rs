//! What went wrong, where, and what to try next.

use std::fmt;
use std::process::ExitCode;

use bittorrent::magnet::{MagnetError, MagnetProblem};
use bittorrent::metainfo::MetainfoError;
use clap::error::{ContextKind, ContextValue};
use library::LibraryError;
use runtime::StartError;
use serde_json::{Value, json};

/// The exit code for words that make no command.
pub(crate) const WRONG_USAGE: u8 = 2;

/// What ends the command without success, in words for its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    field: Option<String>,
    offset: Option<u64>,
    blame: Blame,
}

/// Who can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// The world: exit code 1.
    World,
    /// Who wrote the command: exit code 2.
    Usage,
}

impl Failure {
    /// Says what went wrong: a sentence without a capital and a full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            field: None,
            offset: None,
            blame: Blame::World,
        }
    }

    /// Says what is wrong with the command itself.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        let blame = Blame::Usage;
        Self {
            blame,
            ..Self::new(message)
        }
    }

    /// Names the next thing to try.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the part of the input that is wrong.
    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Tells where in the input that part begins, in bytes.
    pub(crate) fn offset(mut self, offset: usize) -> Self {
        self.offset = u64::try_from(offset).ok();
        self
    }

    /// Names what the failure is about, before the message.
    pub(crate) fn about(mut self, subject: impl fmt::Display) -> Self {
        self.message = format!("{subject}: {}", self.message);
        self
    }

    /// Tells with which code the process ends.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.blame {
            Blame::World => ExitCode::FAILURE,
            Blame::Usage => ExitCode::from(WRONG_USAGE),
        }
    }

    /// Gives the members of the `error` object.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "error": self.message,
            "hint": self.hint,
            "field": self.field,
            "offset": self.offset,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Self {
        let failure = Self::new(error.to_string());
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<MetainfoError> for Failure {
    fn from(error: MetainfoError) -> Self {
        Self::new(error.to_string())
            .field(error.field())
            .offset(error.offset())
            .hint("the torrent is damaged or made by a faulty program: fetch it anew, or ask for another")
    }
}

impl From<MagnetError> for Failure {
    fn from(error: MagnetError) -> Self {
        let hint = match error.problem() {
            MagnetProblem::Version2Only => "ask for a link or a torrent of version 1",
            MagnetProblem::Scheme
            | MagnetProblem::NoInfoHash
            | MagnetProblem::HashLength { .. }
            | MagnetProblem::Hash(_)
            | MagnetProblem::Peer
            | MagnetProblem::Selection
            | MagnetProblem::Url => "copy the whole link again, and put it between quotes: '…'",
        };
        Self::new(error.to_string())
            .field(error.field())
            .offset(error.offset())
            .hint(hint)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let hint = match &error {
            StartError::Listen { address, reason } | StartError::Datagrams { address, reason } => {
                if *reason == std::io::ErrorKind::AddrInUse {
                    format!(
                        "another program has port {}: name another with --port",
                        address.port()
                    )
                } else {
                    format!("check that {} is an address of this machine", address.ip())
                }
            }
            StartError::System { .. } => {
                "close other programs, or raise the limit of open files (ulimit -n)".into()
            }
        };
        Self::new(error.to_string()).hint(hint)
    }
}

/// What clap finds wrong with the words, for `--json`.
impl From<&clap::Error> for Failure {
    fn from(error: &clap::Error) -> Self {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let failure = Self::usage(message).hint("manyhop --help shows what can be asked");
        match error.get(ContextKind::InvalidArg) {
            // `--peer <IP:PORT>` is the field `--peer`.
            Some(ContextValue::String(arg)) => {
                failure.field(arg.split(' ').next().unwrap_or_default())
            }
            Some(ContextValue::Strings(args)) => failure.field(args.join(" ")),
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_a_sentence_and_a_hint() {
        let failure = Failure::new("the disk is full")
            .hint("make room")
            .about("a.iso");
        assert_eq!(
            failure.to_string(),
            "a.iso: the disk is full\nhint: make room"
        );
    }

    #[test]
    fn a_failure_is_one_object_for_programs() {
        let failure = Failure::new("no").field("xt").offset(7);
        let expected = json!({"error": "no", "hint": null, "field": "xt", "offset": 7});
        assert_eq!(failure.to_json(), expected);
    }
}
