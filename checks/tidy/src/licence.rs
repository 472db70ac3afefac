//! Licence expressions as SPDX writes them: `(MIT OR Apache-2.0) AND Unicode-3.0`.
//!
//! Grammar: SPDX specification, annex "SPDX license expressions". `WITH` binds tightest, then
//! `AND`, then `OR`. The older `MIT/Apache-2.0` of many crates reads as `OR`.

use thiserror::Error;

/// Deeper parentheses than any sane licence needs.
const DEPTH_MAX: usize = 16;

/// Why an expression cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Unreadable {
    #[error("a licence should follow, but `{0}` does")]
    NoLicence(String),
    #[error("`{0}` is left over after the expression")]
    LeftOver(String),
    #[error("a parenthesis is not closed")]
    Unclosed,
    #[error("parentheses are nested deeper than {DEPTH_MAX}")]
    TooDeep,
}

/// Whether the licences that `allowed` accepts are enough to use what `expression` covers.
pub(crate) fn is_satisfied(
    expression: &str,
    allowed: impl Fn(&str) -> bool,
) -> Result<bool, Unreadable> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser {
        words: &words,
        allowed: &allowed,
    };
    let satisfied = parser.either(0)?;
    match parser.words.first() {
        None => Ok(satisfied),
        Some(word) => Err(Unreadable::LeftOver((*word).to_owned())),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    /// `a OR b`: the user chooses, so one that is allowed suffices.
    fn either(&mut self, depth: usize) -> Result<bool, Unreadable> {
        let mut satisfied = self.both(depth)?;
        while self.takes("OR") {
            satisfied |= self.both(depth)?;
        }
        Ok(satisfied)
    }

    /// `a AND b`: both bind.
    fn both(&mut self, depth: usize) -> Result<bool, Unreadable> {
        let mut satisfied = self.single(depth)?;
        while self.takes("AND") {
            satisfied &= self.single(depth)?;
        }
        Ok(satisfied)
    }

    /// One licence, perhaps `WITH` an exception; or an expression in parentheses.
    fn single(&mut self, depth: usize) -> Result<bool, Unreadable> {
        if self.takes("(") {
            if depth == DEPTH_MAX {
                return Err(Unreadable::TooDeep);
            }
            let satisfied = self.either(depth + 1)?;
            return if self.takes(")") {
                Ok(satisfied)
            } else {
                Err(Unreadable::Unclosed)
            };
        }
        let licence = self.name()?;
        if self.takes("WITH") {
            let exception = self.name()?;
            return Ok((self.allowed)(&format!("{licence} WITH {exception}")));
        }
        Ok((self.allowed)(licence) || licence.strip_suffix('+').is_some_and(self.allowed))
    }

    fn name(&mut self) -> Result<&'a str, Unreadable> {
        match self.words.split_first() {
            Some((word, rest)) if !["AND", "OR", "WITH", "(", ")"].contains(word) => {
                self.words = rest;
                Ok(word)
            }
            Some((word, _)) => Err(Unreadable::NoLicence((*word).to_owned())),
            None => Err(Unreadable::NoLicence("the end".to_owned())),
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        let follows = self.words.first() == Some(&word);
        if follows {
            self.words = &self.words[1..];
        }
        follows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str) -> Result<bool, Unreadable> {
        is_satisfied(expression, |licence| {
            ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&licence)
        })
    }

    #[test]
    fn one_of_a_choice_suffices() {
        assert_eq!(check("MIT"), Ok(true));
        assert_eq!(check("GPL-3.0-only"), Ok(false));
        assert_eq!(check("GPL-3.0-only OR MIT"), Ok(true));
        assert_eq!(check("GPL-3.0-only/MIT"), Ok(true));
    }

    #[test]
    fn all_of_a_sum_bind() {
        assert_eq!(check("MIT AND ISC"), Ok(true));
        assert_eq!(check("MIT AND GPL-3.0-only"), Ok(false));
        assert_eq!(check("(GPL-3.0-only OR MIT) AND ISC"), Ok(true));
    }

    #[test]
    fn and_binds_tighter_than_or() {
        assert_eq!(check("MIT OR ISC AND GPL-3.0-only"), Ok(true));
        assert_eq!(check("(MIT OR ISC) AND GPL-3.0-only"), Ok(false));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert_eq!(check("Apache-2.0 WITH LLVM-exception"), Ok(true));
        assert_eq!(check("Apache-2.0"), Ok(false));
        assert_eq!(check("MIT WITH Classpath-exception-2.0"), Ok(false));
        assert_eq!(check("MIT+"), Ok(true));
    }

    #[test]
    fn nonsense_is_named() {
        assert_eq!(check(""), Err(Unreadable::NoLicence("the end".to_owned())));
        assert_eq!(
            check("MIT AND OR"),
            Err(Unreadable::NoLicence("OR".to_owned()))
        );
        assert_eq!(
            check("MIT ISC"),
            Err(Unreadable::LeftOver("ISC".to_owned()))
        );
        assert_eq!(check("(MIT"), Err(Unreadable::Unclosed));
        assert_eq!(check(&"(".repeat(100_000)), Err(Unreadable::TooDeep));
    }
}
