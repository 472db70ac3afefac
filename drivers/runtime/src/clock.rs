//! The one clock of a run.

use machine::Instant;

/// Tells how long the run has lasted. It is monotonic: it never runs backwards, and a change of
/// the system's date does not touch it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: std::time::Instant,
}

impl Clock {
    /// Starts at [`Instant::ZERO`].
    pub(crate) fn start() -> Self {
        Self {
            start: std::time::Instant::now(),
        }
    }

    /// The moment that it is now.
    pub(crate) fn now(self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }
}
