//! Ctrl-C: a trial ends at its next look at the clock, and with it all that it has started.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// How long a sleep goes on before it hears that all shall end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Begins to heed the signals that ask for an end. Who asks twice gets no more than who asks once:
/// some send every signal twice, and what was started must be ended.
///
/// # Errors
/// When the system does not let us.
pub(crate) fn heed() -> anyhow::Result<()> {
    let asked = ASKED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(asked))?;
    }
    Ok(())
}

/// Fails when all shall end.
///
/// # Errors
/// Then.
pub(crate) fn check() -> anyhow::Result<()> {
    ensure!(!is_asked(), "interrupted");
    Ok(())
}

/// Tells whether all shall end.
pub(crate) fn is_asked() -> bool {
    ASKED
        .get()
        .is_some_and(|asked| asked.load(Ordering::Relaxed))
}

/// Sleeps, unless all shall end.
///
/// # Errors
/// Then.
pub(crate) fn sleep(time: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + time;
    loop {
        check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(LOOK_EVERY));
    }
}
