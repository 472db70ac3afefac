//! The machine, and how fast it is just now: without that, seconds mean nothing elsewhere.

use std::hint::black_box;
use std::thread;
use std::time::Instant;
use std::{fs, iter};

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::statistics::Summary;

/// How fast one thread does two simple things, in GiB a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// SHA-1 of one stream.
    pub(crate) hash: f64,
    /// Copying what no cache holds.
    pub(crate) copy: f64,
}

/// More than caches hold.
const LEN: usize = 64 << 20;

/// The median of so many is taken.
const TIMES: usize = 5;

impl Pace {
    /// Measures it, in a fraction of a second.
    pub(crate) fn measure() -> Self {
        let source = vec![1_u8; LEN];
        let mut target = vec![0_u8; LEN];
        Self {
            hash: rate(|| _ = black_box(Sha1::digest(black_box(&source)))),
            copy: rate(|| black_box(&mut target).copy_from_slice(black_box(&source))),
        }
    }

    /// Writes it for a file.
    pub(crate) fn to_json(self) -> Value {
        json!({ "sha1_gib_per_second": self.hash, "copy_gib_per_second": self.copy })
    }

    /// Reads what was written.
    pub(crate) fn of_json(value: &Value) -> Option<Self> {
        Some(Self {
            hash: value["sha1_gib_per_second"].as_f64()?,
            copy: value["copy_gib_per_second"].as_f64()?,
        })
    }
}

/// Describes the machine in a line.
pub(crate) fn describe() -> String {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let (info, kernel) = (read("/proc/cpuinfo"), read("/proc/sys/kernel/osrelease"));
    let model = value_of(&info, "model name").unwrap_or("unknown");
    format!("{cpus} x {model}, Linux {}", kernel.trim())
}

fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn rate(mut work: impl FnMut()) -> f64 {
    let gib = LEN as f64 / f64::from(1 << 30);
    let rates = iter::repeat_with(|| {
        let start = Instant::now();
        work();
        gib / start.elapsed().as_secs_f64()
    });
    Summary::of(rates.take(TIMES)).map_or(0.0, |summary| summary.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_read_as_it_was_written() {
        let pace = Pace {
            hash: 1.5,
            copy: 7.25,
        };
        assert_eq!(Pace::of_json(&pace.to_json()), Some(pace));
    }

    #[test]
    fn a_value_stands_behind_its_key() {
        let text = "processor\t: 0\nmodel name\t: A Fine One\n";
        assert_eq!(value_of(text, "model name"), Some("A Fine One"));
        assert_eq!(value_of(text, "flags"), None);
    }
}
