//! How the user stops us: Ctrl-C, or SIGTERM from a supervisor.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::raise;

use crate::error::Failure;

/// The exit code of who did not wait.
const FAILED: i32 = 1;

/// A second signal so soon after the first is the same wish: `timeout` and some supervisors send
/// one to the process and one to its group.
const ECHO_MAX: Duration = Duration::from_millis(500);

/// Watches for the wish to stop. The first one is a request; the next ends the process at once, for
/// who has no patience.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    flag: Arc<AtomicBool>,
}

/// Stops us, as SIGTERM would, when standard input ends: so that no process outlives the one that
/// started it, however that ends.
pub(crate) fn stop_when_input_ends() {
    std::thread::spawn(|| {
        // Whatever comes is not meant for us, and a failure is an end as well.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = raise(SIGTERM);
    });
}

impl Stop {
    /// Begins to watch; `on_stop` is called once, on a thread of its own.
    ///
    /// # Errors
    /// When the system lets us not watch.
    pub(crate) fn watch(on_stop: impl FnOnce() + Send + 'static) -> Result<Self, Failure> {
        let flag = Arc::new(AtomicBool::new(false));
        let refused = |error: io::Error| Failure::new(format!("cannot watch for signals: {error}"));
        let signals = Signals::new([SIGINT, SIGTERM]).map_err(refused)?;
        let raised = Arc::clone(&flag);
        std::thread::Builder::new()
            .name("manyhop-signals".into())
            .spawn(move || heed(signals, &raised, on_stop))
            .map_err(refused)?;
        Ok(Self { flag })
    }

    /// Begins to watch for who only looks at the flag.
    ///
    /// # Errors
    /// As [`Stop::watch`].
    pub(crate) fn watch_flag() -> Result<Self, Failure> {
        Self::watch(|| {})
    }

    /// Gives what is set once the user wants to stop.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.flag
    }

    /// Tells whether the user wants to stop.
    pub(crate) fn is_wanted(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }
}

/// Waits for signals for as long as the process lasts.
fn heed(mut signals: Signals, flag: &AtomicBool, on_stop: impl FnOnce()) {
    let mut signals = signals.forever();
    if signals.next().is_none() {
        return;
    }
    let asked_at = Instant::now();
    flag.store(true, Ordering::Relaxed);
    on_stop();
    if signals.any(|_| asked_at.elapsed() > ECHO_MAX) {
        std::process::exit(FAILED);
    }
}
