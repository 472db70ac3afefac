//! What is measured, and in which unit.

use std::collections::BTreeMap;

/// A kind of figure. The order is that of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    /// From the start of the process until it is done.
    Wall,
    /// The same against the time that the seed needs to give each byte once.
    TimesOptimum,
    /// From the start of the process to the first byte of payload.
    FirstByte,
    /// From the first to the last byte of payload.
    Stream,
    /// Processor time, user and system.
    Cpu,
    /// The same for each GiB of payload.
    CpuPerGib,
    /// The most anonymous memory that was seen.
    Anonymous,
    /// The same for each torrent.
    AnonymousPerTorrent,
    /// Processor time while nothing happens, in hundredths of one processor.
    IdleCpu,
    /// What other programs took of the machine meanwhile, in hundredths of all processors.
    Others,
}

/// The figures of one trial.
pub(crate) type Figures = BTreeMap<Metric, f64>;

impl Metric {
    /// All of them, in their order.
    pub(crate) const ALL: [Self; 10] = [
        Self::Wall,
        Self::TimesOptimum,
        Self::FirstByte,
        Self::Stream,
        Self::Cpu,
        Self::CpuPerGib,
        Self::Anonymous,
        Self::AnonymousPerTorrent,
        Self::IdleCpu,
        Self::Others,
    ];

    /// Gives its name in a file.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Wall => "wall_seconds",
            Self::TimesOptimum => "times_optimum",
            Self::FirstByte => "first_byte_seconds",
            Self::Stream => "first_to_last_byte_seconds",
            Self::Cpu => "cpu_seconds",
            Self::CpuPerGib => "cpu_seconds_per_gib",
            Self::Anonymous => "anonymous_mib",
            Self::AnonymousPerTorrent => "anonymous_kib_per_torrent",
            Self::IdleCpu => "idle_cpu_percent",
            Self::Others => "others_percent",
        }
    }

    /// Gives the head of its column.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Wall => "wall, s",
            Self::TimesOptimum => "wall / (size / rate)",
            Self::FirstByte => "to the first byte, s",
            Self::Stream => "first to last byte, s",
            Self::Cpu => "CPU, s",
            Self::CpuPerGib => "CPU, s/GiB",
            Self::Anonymous => "anonymous, MiB",
            Self::AnonymousPerTorrent => "anonymous, KiB a torrent",
            Self::IdleCpu => "idle CPU, %",
            Self::Others => "others, %",
        }
    }

    /// Finds the one of a name.
    pub(crate) fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.key() == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again() {
        for metric in Metric::ALL {
            assert_eq!(Metric::of_key(metric.key()), Some(metric));
        }
        assert!(Metric::ALL.is_sorted());
    }
}
