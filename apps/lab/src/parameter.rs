//! What of an experiment can be varied, and how its values are written.
//!
//! A number without its unit is a question, not an answer: thirty of what? So lengths of time and
//! rates are refused without one.

use std::fmt;

use crate::nearest::nearest;

/// One thing that can be varied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name, one word.
    pub name: &'static str,
    /// What it means, in a few words.
    pub meaning: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// What it is if nobody says otherwise.
    pub default: Setting,
}

/// What the values of a parameter are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Things that are counted, at least so many and at most so many.
    Count(u64, u64),
    /// A part of a whole, from 0 to 1; also written as `10 %`.
    Share,
    /// A length of time, held in seconds.
    Time,
    /// So many a second.
    Rate,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// A value of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Setting {
    /// A number, in the unit in which it is held.
    Number(f64),
    /// One of the words that the parameter allows.
    Word(&'static str),
}

/// Why something is no value of a parameter.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingError {
    /// A number is needed.
    #[error("`{0}` is no number")]
    NotANumber(String),
    /// The number stands alone.
    #[error("`{0}` has no unit")]
    NoUnit(String),
    /// The unit is of something else.
    #[error("`{unit}` is no unit of {of}")]
    WrongUnit {
        /// What was written.
        unit: String,
        /// What it should be a unit of.
        of: &'static str,
    },
    /// The number is too small or too large.
    #[error("{number} is not between {least} and {most}")]
    OutOfRange {
        /// The number.
        number: f64,
        /// The least that is allowed.
        least: f64,
        /// The most.
        most: f64,
    },
    /// The word is none of those allowed.
    #[error("`{0}` is none of its values")]
    NoSuchWord(String),
}

const TIMES: &[(&str, f64)] = &[
    ("ms", 0.001),
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];
const RATES: &[(&str, f64)] = &[("/s", 1.0), ("/min", 60.0), ("/h", 3600.0)];

impl Parameter {
    /// A parameter that is counted.
    #[must_use]
    pub const fn count(name: &'static str, default: u64, most: u64, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            kind: Kind::Count(1, most),
            default: Setting::Number(default as f64),
        }
    }

    /// A part of a whole.
    #[must_use]
    pub const fn share(name: &'static str, default: f64, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            kind: Kind::Share,
            default: Setting::Number(default),
        }
    }

    /// A length of time, in seconds.
    #[must_use]
    pub const fn time(name: &'static str, default: f64, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            kind: Kind::Time,
            default: Setting::Number(default),
        }
    }

    /// So many a second.
    #[must_use]
    pub const fn rate(name: &'static str, default: f64, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            kind: Kind::Rate,
            default: Setting::Number(default),
        }
    }

    /// One of several words; the first is the default.
    #[must_use]
    pub const fn word(
        name: &'static str,
        words: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            meaning,
            kind: Kind::Word(words),
            default: Setting::Word(words[0]),
        }
    }

    /// Reads a value as it is written in files and on the command line.
    ///
    /// # Errors
    /// When it is none of this parameter's values.
    pub fn read(&self, text: &str) -> Result<Setting, SettingError> {
        let text = text.trim();
        let (digits, unit) = split(text);
        match self.kind {
            Kind::Word(words) => words
                .iter()
                .find(|word| **word == text)
                .map(|word| Setting::Word(word))
                .ok_or_else(|| SettingError::NoSuchWord(text.into())),
            Kind::Count(least, most) => match unit {
                "" => in_range(number(digits, text)?, least as f64, most as f64),
                _ => Err(SettingError::NotANumber(text.into())),
            },
            Kind::Share => match unit {
                "" => in_range(number(digits, text)?, 0.0, 1.0),
                "%" => in_range(number(digits, text)? / 100.0, 0.0, 1.0),
                _ => Err(wrong_unit(unit, "shares")),
            },
            Kind::Time => {
                let factor = factor(text, unit, TIMES, "time")?;
                in_range(number(digits, text)? * factor, 0.0, TIME_MAX)
            }
            Kind::Rate => {
                let factor = factor(text, unit, RATES, "rates")?;
                in_range(number(digits, text)? / factor, 0.0, RATE_MAX)
            }
        }
    }

    /// An example of how its values are written.
    #[must_use]
    pub fn example(&self) -> String {
        match self.kind {
            Kind::Word(words) => words.join(", "),
            Kind::Count(..) | Kind::Share | Kind::Time | Kind::Rate => self.write(self.default),
        }
    }

    /// What to try instead of a text that was refused.
    #[must_use]
    pub fn advice(&self, text: &str) -> String {
        match self.kind {
            Kind::Word(words) => match nearest(text, words.iter().copied()) {
                Some(word) => format!("did you mean `{word}`? It is one of: {}", words.join(", ")),
                None => format!("it is one of: {}", words.join(", ")),
            },
            Kind::Count(least, most) => {
                format!(
                    "write a whole number from {least} to {most}, such as {}",
                    self.example()
                )
            }
            Kind::Share => "write a share such as 0.1, or \"10 %\"".into(),
            Kind::Time | Kind::Rate => format!("write a unit, such as \"{}\"", self.example()),
        }
    }

    /// Writes a value so that [`read`](Self::read) reads it; without spaces, for replay lines.
    #[must_use]
    pub fn write(&self, setting: Setting) -> String {
        let number = match setting {
            Setting::Word(word) => return word.into(),
            Setting::Number(number) => number,
        };
        match self.kind {
            Kind::Time if number < 1.0 => format!("{}ms", tidy(number * 1000.0)),
            Kind::Time => format!("{}s", tidy(number)),
            Kind::Rate => format!("{}/s", tidy(number)),
            Kind::Count(..) | Kind::Share | Kind::Word(_) => tidy(number),
        }
    }
}

/// A century: whoever writes more has mistaken the unit.
const TIME_MAX: f64 = 100.0 * 365.0 * 86_400.0;
/// As many a second as there are nanoseconds.
const RATE_MAX: f64 = 1e9;

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(&tidy(*number)),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Writes a number without the dust of its binary fractions.
fn tidy(number: f64) -> String {
    let rounded = (number * 1e9).round() / 1e9;
    format!("{rounded}")
}

fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || "+-._eE".contains(c)))
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    (digits.trim(), unit.trim())
}

fn number(digits: &str, text: &str) -> Result<f64, SettingError> {
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    let number: Result<f64, _> = digits.parse();
    number
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| SettingError::NotANumber(text.into()))
}

fn factor(
    text: &str,
    unit: &str,
    units: &[(&str, f64)],
    of: &'static str,
) -> Result<f64, SettingError> {
    if unit.is_empty() {
        return Err(SettingError::NoUnit(text.into()));
    }
    let unit: String = unit.split_whitespace().collect();
    let known = units.iter().find(|(name, _)| *name == unit);
    known
        .map(|(_, factor)| *factor)
        .ok_or_else(|| wrong_unit(&unit, of))
}

fn wrong_unit(unit: &str, of: &'static str) -> SettingError {
    SettingError::WrongUnit {
        unit: unit.into(),
        of,
    }
}

fn in_range(number: f64, least: f64, most: f64) -> Result<Setting, SettingError> {
    if (least..=most).contains(&number) {
        Ok(Setting::Number(number))
    } else {
        Err(SettingError::OutOfRange {
            number,
            least,
            most,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Parameter = Parameter::time("wait", 30.0, "");
    const RATE: Parameter = Parameter::rate("rate", 0.05, "");

    #[test]
    fn what_is_written_is_read_again() {
        let cases = [
            (WAIT, "30s", 30.0),
            (WAIT, "500ms", 0.5),
            (RATE, "0.05/s", 0.05),
            (
                Parameter::count("nodes", 1, 1_000_000, ""),
                "10000",
                10_000.0,
            ),
            (Parameter::share("dead", 0.5, ""), "0.3", 0.3),
        ];
        for (parameter, text, number) in cases {
            assert_eq!(parameter.read(text), Ok(Setting::Number(number)), "{text}");
            assert_eq!(parameter.write(Setting::Number(number)), text);
        }
    }

    #[test]
    fn units_are_read_as_people_write_them() {
        assert_eq!(WAIT.read("2 min"), Ok(Setting::Number(120.0)));
        assert_eq!(RATE.read("3 / min"), Ok(Setting::Number(0.05)));
        let dead = Parameter::share("dead", 0.5, "");
        assert_eq!(dead.read("50 %"), Ok(Setting::Number(0.5)));
        let nodes = Parameter::count("nodes", 1, 1_000_000, "");
        assert_eq!(nodes.read("1_000"), Ok(Setting::Number(1000.0)));
    }

    #[test]
    fn what_says_nothing_is_refused() {
        assert_eq!(WAIT.read("30"), Err(SettingError::NoUnit("30".into())));
        assert_eq!(WAIT.read("30 m"), Err(wrong_unit("m", "time")));
        assert_eq!(WAIT.read("s"), Err(SettingError::NotANumber("s".into())));
        let nodes = Parameter::count("nodes", 1, 10, "");
        assert!(matches!(
            nodes.read("11"),
            Err(SettingError::OutOfRange { .. })
        ));
        let rules = Parameter::word("rules", &["corrected", "original"], "");
        assert_eq!(
            rules.read("corected"),
            Err(SettingError::NoSuchWord("corected".into()))
        );
        assert!(
            rules
                .advice("corected")
                .starts_with("did you mean `corrected`?")
        );
    }
}
