//! Tells the code of a Rust file from its comments and its literals.
//!
//! A rule about attributes must not trip over a string that quotes one, and a rule about comments
//! must not read code. This is not a parser: it knows where comments, strings and characters begin
//! and end (Rust reference, "Lexical structure"), and nothing else.

/// What one line of a Rust file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its code, every literal cut down to the quote that opens it.
    pub(crate) code: String,
    /// The text of its comments, with their slashes and stars.
    pub(crate) comment: String,
}

/// Splits `text` into its lines, and each line into code and comment.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let mut splitter = Splitter {
        rest: text,
        before: ' ',
        lines: vec![Line::default()],
    };
    while splitter.step() {}
    splitter.lines
}

struct Splitter<'a> {
    rest: &'a str,
    /// The character before `rest`: `r"` opens a raw string, but not in `for"`.
    before: char,
    lines: Vec<Line>,
}

#[derive(Clone, Copy)]
enum Part {
    Code,
    Comment,
    Literal,
}

impl Splitter<'_> {
    /// Moves over one comment, one literal or one character; false at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest;
        let Some(first) = rest.chars().next() else {
            return false;
        };
        if rest.starts_with("//") {
            self.take(rest.find('\n').unwrap_or(rest.len()), Part::Comment);
        } else if rest.starts_with("/*") {
            self.take(block_comment_len(rest), Part::Comment);
        } else if let Some((open, len)) = literal_len(rest, self.before) {
            self.take(open, Part::Code);
            self.take(len - open, Part::Literal);
        } else {
            self.take(first.len_utf8(), Part::Code);
        }
        true
    }

    fn take(&mut self, len: usize, part: Part) {
        let (taken, rest) = self.rest.split_at(len);
        for character in taken.chars() {
            self.before = character;
            if character == '\n' {
                self.lines.push(Line::default());
                continue;
            }
            let Some(line) = self.lines.last_mut() else {
                continue;
            };
            match part {
                Part::Code => line.code.push(character),
                Part::Comment => line.comment.push(character),
                Part::Literal => {}
            }
        }
        self.rest = rest;
    }
}

/// The length of the block comment that opens `text`; such comments nest.
fn block_comment_len(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The lengths of the opening mark and of the whole literal that opens `text`, if one does.
fn literal_len(text: &str, before: char) -> Option<(usize, usize)> {
    let in_a_word = before.is_alphanumeric() || before == '_';
    if let Some(inner) = text.strip_prefix('"') {
        Some((1, 1 + closing_quote(inner, '"')))
    } else if text.starts_with('\'') {
        character_len(text).map(|len| (1, len))
    } else if !in_a_word && ["r", "br", "cr"].iter().any(|mark| text.starts_with(mark)) {
        raw_string_len(text)
    } else {
        None
    }
}

/// The length up to and with the first `quote` that no backslash escapes.
fn closing_quote(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if character == quote && !escaped {
            return at + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}

/// `'x'` and `'\n'` are characters; `'static` is a lifetime.
fn character_len(text: &str) -> Option<usize> {
    let inner = &text[1..];
    let first = inner.chars().next()?;
    if first == '\\' {
        return Some(1 + closing_quote(inner, '\''));
    }
    inner[first.len_utf8()..]
        .starts_with('\'')
        .then(|| first.len_utf8() + 2)
}

/// `r"…"`, `br##"…"##`: ends at the quote that as many hashes follow as preceded the first.
fn raw_string_len(text: &str) -> Option<(usize, usize)> {
    let marks = text.find('r')? + 1;
    let hashes = text[marks..].chars().take_while(|&c| c == '#').count();
    let open = marks + hashes + 1;
    text[marks + hashes..].strip_prefix('"').map(|inner| {
        let close = format!("\"{}", "#".repeat(hashes));
        let len = inner
            .find(&close)
            .map_or(text.len(), |at| open + at + close.len());
        (open, len)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<(String, String)> {
        lines(text)
            .into_iter()
            .map(|line| (line.code, line.comment))
            .collect()
    }

    #[track_caller]
    fn assert_split(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        assert_eq!(split(text), expected);
    }

    #[test]
    fn comments_leave_the_code() {
        assert_split("a(); // b\nc", &[("a(); ", "// b"), ("c", "")]);
        assert_split(
            "a /* b /* c */\n d */ e",
            &[("a ", "/* b /* c */"), (" e", " d */")],
        );
    }

    #[test]
    fn literals_are_cut() {
        let line = r#"f("// \" no", 'x', '"', '\'') // yes"#;
        assert_split(line, &[(r#"f(", ', ', ') "#, "// yes")]);
        assert_split("r#\"a \" // b\"# c", &[("r#\" c", "")]);
        assert_split("b\"a\nb\";", &[("b\"", ""), (";", "")]);
    }

    #[test]
    fn lifetimes_and_words_are_no_literals() {
        assert_split("&'a str, 'b: loop", &[("&'a str, 'b: loop", "")]);
        assert_split("for\"x\"", &[("for\"", "")]);
        assert_split("r#type", &[("r#type", "")]);
    }

    #[test]
    fn what_never_ends_ends_with_the_file() {
        assert_split("a \"b\u{e9}", &[("a \"", "")]);
        assert_split("a \"", &[("a \"", "")]);
        assert_split("a /* b", &[("a ", "/* b")]);
        assert_split("'\\", &[("'", "")]);
        assert_split("r#\"", &[("r#\"", "")]);
    }
}
