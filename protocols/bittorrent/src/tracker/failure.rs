//! Why an announce brought nothing.

use alloc::string::String;
use core::time::Duration;
use machine::{CloseReason, ResolveError};
use wire::Malformed;

/// The characters of a tracker's own words that are kept for the user.
const REASON_MAX: usize = 300;

/// Why an announce brought nothing, as the user may read it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The tracker understood and refused.
    #[error("the tracker refuses: {reason}")]
    Refused {
        /// Its words, cut and freed of control characters ([`Failure::refused`]).
        reason: String,
        /// When it wants to be asked again (BEP 31).
        retry: Retry,
    },
    /// The connection could not be made, or ended before the answer was whole.
    #[error("no answer from the tracker: {0}")]
    Closed(CloseReason),
    /// The tracker's name has no address.
    #[error("the tracker cannot be found: {0}")]
    Unresolved(ResolveError),
    /// The tracker was silent.
    #[error("the tracker did not answer in time")]
    TimedOut,
    /// The answer is not what a tracker says.
    #[error("the tracker's answer makes no sense: {0}")]
    Malformed(#[from] Malformed),
    /// The web server in front of the tracker refused.
    #[error("the tracker's web server answers {0}")]
    Status(u16),
    /// We were sent from one place to the next too often, or to no place at all.
    #[error("the tracker sends us elsewhere {0} times, or to no place we can reach")]
    Astray(u8),
}

/// When a failed announce may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// After a rest that grows with each failure.
    Usual,
    /// After so long, as the tracker said.
    After(Duration),
    /// Not in this session, as the tracker said.
    Never,
}

impl Failure {
    /// Makes a refusal of a tracker's own words, fit for a terminal.
    #[must_use]
    pub fn refused(reason: &str, retry: Retry) -> Self {
        Self::Refused {
            reason: legible(reason),
            retry,
        }
    }

    /// Tells when it may be tried again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Refused { retry, .. } => *retry,
            Self::Closed(_)
            | Self::Unresolved(_)
            | Self::TimedOut
            | Self::Malformed(_)
            | Self::Status(_)
            | Self::Astray(_) => Retry::Usual,
        }
    }
}

/// Cuts a stranger's words and takes out what could steer a terminal.
pub(super) fn legible(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(REASON_MAX)
        .collect()
}
