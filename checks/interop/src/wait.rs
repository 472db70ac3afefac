//! Waiting for other programs.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

/// How long one step of a foreign program may last on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How often is looked: rare enough to leave the machine to who works.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks again and again until there is something to see.
///
/// # Errors
/// The first one of `look`; else, after `patience`, that `what` did not happen.
pub fn wait_until<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        if Instant::now() >= end {
            bail!("{what}: not within {} s", patience.as_secs());
        }
        thread::sleep(LOOK_EVERY);
    }
}
