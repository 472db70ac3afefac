//! Many seeds, one test; and the line that replays the one that failed.

use core::fmt;
use core::ops::Range;

use machine::Seed;

/// Names the one seed to run instead of all: the number of a replay line.
pub const SEED_VARIABLE: &str = "MANYHOP_SEED";

/// Runs a test with each seed of a range, or with the one that [`SEED_VARIABLE`] names. A test
/// that panics while a [`Simulation`](crate::Simulation) lives prints the line that replays it.
///
/// # Panics
/// When the test does, or the variable is no number.
pub fn seeds(range: Range<u128>, mut test: impl FnMut(Seed)) {
    match std::env::var(SEED_VARIABLE) {
        Ok(text) => {
            let seed = text.parse().unwrap_or_else(|_| {
                panic!("{SEED_VARIABLE} is a number below 2^128; this is {text:?}")
            });
            run(seed, &mut test);
        }
        Err(_) => range.for_each(|seed| run(seed, &mut test)),
    }
}

fn run(seed: u128, test: &mut impl FnMut(Seed)) {
    let label = Label(seed);
    test(Seed(seed));
    drop(label);
}

/// Prints the seed if it is dropped by a panic.
struct Label(u128);

impl Drop for Label {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(format_args!("run it again with {SEED_VARIABLE}={}", self.0));
        }
    }
}

/// Prints a line for whoever looks for a failure's cause.
#[expect(
    clippy::print_stderr,
    reason = "a panicking test has no other voice, and its harness captures this one"
)]
pub(crate) fn say(line: fmt::Arguments<'_>) {
    eprintln!("{line}");
}
