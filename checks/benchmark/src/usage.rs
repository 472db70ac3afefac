//! What a process takes of the machine, as `/proc` tells (proc(5)).

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

/// The processor time and memory of a process, all threads, and of those children that it has
/// waited for.
#[derive(Debug)]
pub(crate) struct Usage {
    folder: PathBuf,
    cpu: Duration,
    anonymous_bytes_max: u64,
}

/// What all programs took of the machine since this value was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Others {
    all: Duration,
    ours: Duration,
}

impl Usage {
    /// Begins to watch the process of this number.
    pub(crate) fn new(process: u32) -> Self {
        Self {
            folder: format!("/proc/{process}").into(),
            cpu: Duration::ZERO,
            anonymous_bytes_max: 0,
        }
    }

    /// Looks. What has ended still tells its time, until somebody waits for it.
    pub(crate) fn look(&mut self) {
        let read = |file| fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        if let Some(cpu) = cpu_in(&read("stat")) {
            self.cpu = cpu;
        }
        if let Some(bytes) = anonymous_in(&read("status")) {
            self.anonymous_bytes_max = self.anonymous_bytes_max.max(bytes);
        }
    }

    /// Gives the processor time when was last looked, user and system, in steps of a tick.
    pub(crate) const fn cpu(&self) -> Duration {
        self.cpu
    }

    /// Gives the most anonymous memory seen, in MiB.
    pub(crate) fn anonymous_mib(&self) -> f64 {
        self.anonymous_bytes_max as f64 / f64::from(1 << 20)
    }
}

impl Others {
    /// Begins.
    ///
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let read = |file| fs::read_to_string(file).context(file);
        Ok(Self {
            all: busy_in(&read("/proc/stat")?).context("no times in /proc/stat")?,
            ours: cpu_in(&read("/proc/self/stat")?).context("no times in /proc/self/stat")?,
        })
    }

    /// Gives what was taken by neither us nor our children (who must have ended), other machines on
    /// the same host included.
    ///
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn cpu_since(&self) -> anyhow::Result<Duration> {
        let now = Self::new()?;
        let ours = now.ours.saturating_sub(self.ours);
        Ok(now.all.saturating_sub(self.all).saturating_sub(ours))
    }
}

fn of_ticks(ticks: u64) -> Duration {
    let a_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_secs_f64(ticks as f64 / a_second as f64)
}

/// The fields 14 to 17 of `/proc/PID/stat`. A program's name, the second, may hold anything.
fn cpu_in(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let times = fields.get(11..15)?.iter();
    let ticks = times.map(|time| time.parse::<u64>().ok());
    ticks.sum::<Option<u64>>().map(of_ticks)
}

/// The line `RssAnon` of `/proc/PID/status`, whose kB are KiB.
fn anonymous_in(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib = line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?;
    Some(kib << 10)
}

/// All of the first line of `/proc/stat` but idling and waiting for disks, the fourth and fifth, and
/// the guests' time, which the first two include.
fn busy_in(stat: &str) -> Option<Duration> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let times = line.split_whitespace().take(8).enumerate();
    let busy = times.filter(|(index, _)| *index != 3 && *index != 4);
    let ticks = busy.map(|(_, time)| time.parse::<u64>().ok());
    ticks.sum::<Option<u64>>().map(of_ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_any_name() {
        let stat = "7 (a) 1 ) b) S 1 2 3 4 5 6 7 8 9 10 100 20 3 1 20 0 1";
        assert_eq!(cpu_in(stat), Some(of_ticks(124)));
        assert_eq!(cpu_in("7 (a) S 1"), None);
    }

    #[test]
    fn memory_is_read() {
        let status = "VmRSS:\t    900 kB\nRssAnon:\t      80 kB\nRssFile:\t 1 kB\n";
        assert_eq!(anonymous_in(status), Some(80 << 10));
        assert_eq!(anonymous_in("State:\tZ (zombie)\n"), None);
    }

    #[test]
    fn idle_machines_are_not_busy() {
        let stat = "cpu  1 2 4 1000 1000 8 16 32 64 64\ncpu0 1 2 3\n";
        assert_eq!(busy_in(stat), Some(of_ticks(63)));
    }

    #[test]
    fn we_use_memory() {
        let mut usage = Usage::new(std::process::id());
        usage.look();
        assert!(usage.anonymous_mib() > 0.0);
    }
}
