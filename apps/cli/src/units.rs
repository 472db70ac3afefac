//! Sizes, rates, times and selections of files, as people write and read them.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use bittorrent::metainfo::FileIndex;
use library::{LibraryError, Selection};

/// A number of bytes; written as `1.5 MiB`, read from `1.5M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) u64);

/// A number of bytes a second that is not 0; read as sizes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) NonZeroU64);

/// A time in the words of people: `2 h 5 min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lasting(pub(crate) Duration);

/// The numbers of files, from 1, as `show` prints them: `1,3-5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileNumbers(Vec<RangeInclusive<u32>>);

/// Says why a text is none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnitError {
    /// No size.
    #[error(
        "a size is a number of bytes, or one with K, M or G behind it (1024 each), as 512K or 1.5M; this is {0:?}"
    )]
    Size(String),
    /// Too large.
    #[error("{0} is more bytes than can be counted")]
    TooLarge(String),
    /// A limit of nothing.
    #[error("a limit of 0 lets nothing pass; leave it out for no limit")]
    NoRate,
    /// No selection.
    #[error("a selection of files is numbers from 1 and ranges of them, as 1,3-5; this is {0:?}")]
    Files(String),
}

/// Writes how many there are of something: `1 peer`, `2 peers`.
pub(crate) fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::Size(text.into());
        let (digits, shift) = match text.char_indices().last() {
            Some((at, 'k' | 'K')) => (&text[..at], 10),
            Some((at, 'm' | 'M')) => (&text[..at], 20),
            Some((at, 'g' | 'G')) => (&text[..at], 30),
            _ => (text, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) || fraction.len() > FRACTION_MAX {
            return Err(wrong());
        }
        let too_large = || UnitError::TooLarge(text.into());
        let whole: u64 = whole.parse().map_err(|_| too_large())?;
        let whole = u128::from(whole) << shift;
        let numerator: u128 = fraction.parse().map_err(|_| wrong())?;
        let denominator = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
        let bytes = whole + (numerator << shift) / denominator;
        u64::try_from(bytes).map(Self).map_err(|_| too_large())
    }
}

/// The most digits behind the point: more than a G has bytes.
const FRACTION_MAX: usize = 12;

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        // Rounded to tenths in integers; what would read as 1024.0 belongs to the next unit.
        let mut tenths = u128::from(self.0) * 10;
        for unit in UNITS {
            tenths = (tenths + 512) / 1024;
            if tenths < 10_240 {
                return match tenths {
                    ..1000 => write!(f, "{}.{} {unit}", tenths / 10, tenths % 10),
                    _ => write!(f, "{} {unit}", (tenths + 5) / 10),
                };
            }
        }
        write!(f, "{} B", self.0)
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let Size(bytes) = text.parse()?;
        NonZeroU64::new(bytes).map(Self).ok_or(UnitError::NoRate)
    }
}

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, _) => write!(f, "{minutes} min {} s", seconds % 60),
            (0, _, _) => write!(f, "{hours} h {} min", minutes % 60),
            (_, _, _) => write!(f, "{days} d {} h", hours % 24),
        }
    }
}

impl FromStr for FileNumbers {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::Files(text.into());
        let number = |digits: &str| digits.trim().parse().ok().filter(|number| *number > 0);
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(first..=last)
        };
        let ranges = text.split(',').map(range).collect::<Option<_>>();
        ranges.map(Self).ok_or_else(wrong)
    }
}

impl FileNumbers {
    /// Gives the files of these numbers in a torrent that has `count` of them.
    ///
    /// # Errors
    /// When the torrent has no such file.
    pub(crate) fn selection(&self, count: u32) -> Result<Selection, LibraryError> {
        let mut files = BTreeSet::new();
        for range in &self.0 {
            if *range.end() > count {
                let number = u64::from(*range.start().max(&count.saturating_add(1)));
                return Err(LibraryError::NoSuchFile { number, count });
            }
            files.extend(range.clone().map(|number| FileIndex(number - 1)));
        }
        Ok(Selection::Files(files))
    }
}

/// The same selection as magnet links write it: from 0 (BEP 53).
impl From<Vec<RangeInclusive<u32>>> for FileNumbers {
    fn from(ranges: Vec<RangeInclusive<u32>>) -> Self {
        let from_one = |number: &u32| number.saturating_add(1);
        let ranges = ranges
            .iter()
            .map(|range| from_one(range.start())..=from_one(range.end()));
        Self(ranges.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("16K", 16 << 10),
            ("1.5M", 3 << 19),
            ("2g", 2 << 30),
            ("0.1K", 102),
            ("17179869183G", 17_179_869_183 << 30),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in [
            "", "K", "1.", ".5M", "-1", "1 M", "1T", "1e3", "١", "0x10", "1.5.5", "1é",
        ] {
            assert_eq!(text.parse::<Size>(), Err(UnitError::Size(text.into())));
        }
        for text in ["18446744073709551616", "17179869184G"] {
            assert_eq!(text.parse::<Size>(), Err(UnitError::TooLarge(text.into())));
        }
        assert_eq!("0K".parse::<Rate>(), Err(UnitError::NoRate));
    }

    #[test]
    fn sizes_are_shown_in_three_digits_or_so() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (100 << 10, "100 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (34 << 30, "34.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn times_are_shown_in_their_two_largest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (7_500, "2 h 5 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(Lasting(Duration::from_secs(seconds)).to_string(), text);
        }
    }

    #[test]
    fn one_is_not_many() {
        let shown = [0, 1, 2].map(|number| count(number, "peer"));
        assert_eq!(shown, ["0 peers", "1 peer", "2 peers"]);
    }

    #[test]
    fn files_count_from_one() {
        let numbers: FileNumbers = "1,3-5".parse().expect("a selection");
        let files = [0, 2, 3, 4].map(FileIndex).into();
        assert_eq!(numbers.selection(5), Ok(Selection::Files(files)));
        let error = LibraryError::NoSuchFile {
            number: 5,
            count: 4,
        };
        assert_eq!(numbers.selection(4), Err(error));
        for text in ["", "0", "1,", "3-1", "a", "1-2-3", "-1", "4294967296"] {
            assert_eq!(
                text.parse::<FileNumbers>(),
                Err(UnitError::Files(text.into()))
            );
        }
        assert_eq!(FileNumbers::from(vec![0..=0, 2..=4]), numbers);
        let all: FileNumbers = "1-4294967295".parse().expect("a selection");
        assert!(all.selection(10).is_err());
    }
}
