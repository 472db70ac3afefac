//! What the user asks for.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};

/// Measures manyhop beside other programs, in turn, in network namespaces of its own (as root).
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench", after_help = EXAMPLES)]
pub(crate) struct Options {
    /// What to measure [default: all]
    #[arg(value_name = "ROW")]
    rows: Vec<RowName>,

    /// How often each contender runs [default: 5, first-byte 15]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    reps: Option<u32>,

    /// How much is hashed, fetched or given [default: create and recheck 2G, leech and seed 1G, swarm
    /// 256M, first-byte 64M]
    #[arg(long)]
    size: Option<Size>,

    /// How many torrents the row `many` has
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) torrents: usize,

    /// How long they are watched when nothing happens, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) idle: u64,

    /// Contenders that take part, others stay away
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) only: Vec<String>,

    /// Write and delete a file of the row's size before each trial: on a virtual machine the first
    /// touch of memory costs more than a later one, and whoever comes first would pay
    #[arg(long)]
    pub(crate) touch: bool,

    /// Keep the figures, with the command that made them
    #[arg(long, value_name = "FILE.json")]
    pub(crate) out: Option<PathBuf>,

    /// Measure nothing, print the tables of such a file
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench
  cargo xtask bench leech seed --size 256M --reps 3 --only manyhop,aria2,rtorrent
  cargo xtask bench --out run.json
  cargo xtask bench --report run.json";

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowName {
    /// Make a torrent of a file
    Create,
    /// Check a complete file
    Recheck,
    /// Fetch, from one peer
    Leech,
    /// From the start to the first byte of payload
    FirstByte,
    /// Give, to one peer
    Seed,
    /// One slow seed and eight who fetch
    Swarm,
    /// Seed many torrents that nobody wants
    Many,
    /// A swarm of 200 in the simulator
    Simulator,
}

/// A number of bytes, read with K, M or G for powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Enough for a median that one disturbed trial does not move.
const REPETITIONS: u32 = 5;

/// The time to the first byte is short, so it varies more.
const REPETITIONS_FIRST_BYTE: u32 = 15;

impl Options {
    /// Gives the rows, in the order of their kinds if none is named.
    pub(crate) fn rows(&self) -> Vec<RowName> {
        match self.rows.as_slice() {
            [] => RowName::value_variants().to_vec(),
            some => some.to_vec(),
        }
    }

    /// Gives how often each contender of `row` runs.
    pub(crate) fn repetitions(&self, row: RowName) -> u32 {
        let usual = match row == RowName::FirstByte {
            true => REPETITIONS_FIRST_BYTE,
            false => REPETITIONS,
        };
        self.reps.unwrap_or(usual)
    }

    /// Gives how many bytes `row` is about.
    pub(crate) fn size(&self, row: RowName) -> Size {
        self.size.unwrap_or(Size(match row {
            RowName::Create | RowName::Recheck => 2 * GIB,
            RowName::Leech | RowName::Seed => GIB,
            RowName::Swarm | RowName::Simulator => 256 * MIB,
            RowName::FirstByte | RowName::Many => 64 * MIB,
        }))
    }
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl Size {
    /// Gives the size in GiB.
    pub(crate) fn gib(self) -> f64 {
        self.0 as f64 / GIB as f64
    }
}

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let shift = match &text[digits.len()..] {
            "" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            unit => bail!("{unit} is no unit; there are K, M and G"),
        };
        let number: u64 = digits.parse().context("a size is a number")?;
        let size = number.checked_mul(1 << shift).context("too large")?;
        if size == 0 {
            bail!("nothing takes no time");
        }
        Ok(Self(size))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        match units
            .iter()
            .find(|(shift, _)| self.0.is_multiple_of(1 << shift))
        {
            Some((shift, unit)) => write!(f, "{} {unit}", self.0 >> shift),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Options {
        Options::try_parse_from([&["bench"], words].concat()).unwrap()
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, size, shown) in [
            ("1G", 1 << 30, "1 GiB"),
            ("64M", 64 << 20, "64 MiB"),
            ("1000", 1000, "1000 bytes"),
        ] {
            let read: Size = text.parse().unwrap();
            assert_eq!((read.0, read.to_string()), (size, shown.to_owned()));
        }
        for nonsense in ["", "G", "1T", "-1", "0", "99999999999G"] {
            assert!(nonsense.parse::<Size>().is_err(), "{nonsense}");
        }
    }

    #[test]
    fn rows_have_their_own_defaults() {
        let options = parse(&[]);
        assert_eq!(options.rows().len(), 8);
        assert_eq!(options.repetitions(RowName::FirstByte), 15);
        assert_eq!(options.size(RowName::Create), Size(2 * GIB));
        let options = parse(&["first-byte", "--reps", "2", "--only", "a,b"]);
        assert_eq!(options.rows(), [RowName::FirstByte]);
        assert_eq!(options.repetitions(RowName::FirstByte), 2);
        assert_eq!(options.only, ["a", "b"]);
    }
}
