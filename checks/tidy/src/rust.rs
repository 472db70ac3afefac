//! How a Rust file looks: its head, its length, its whitespace, its names, its promises.
//!
//! What rustfmt and clippy hold already is not repeated here; the length of functions is clippy's.

use crate::code::{self, Line};
use crate::policy;
use crate::tree::TextFile;
use crate::violation::Violation;

/// Everything in one Rust file that breaks a rule.
pub(crate) fn check(file: &TextFile) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut complain = |line: usize, what: &str| {
        violations.push(Violation::new(&file.path, line, what));
    };
    if !file.text.starts_with("//! ") {
        complain(
            1,
            "open the file with `//!`: what it is, in the words of the paper, and why",
        );
    }
    let stem = match file.name().trim_end_matches(".rs") {
        "mod" => file.path.rsplit('/').nth(1).unwrap_or_default(),
        stem => stem,
    };
    if policy::EMPTY_NAMES.contains(&stem) {
        complain(1, "this name says nothing: name the file for what it holds");
    }
    for (index, line) in file.text.lines().enumerate() {
        if line.contains('\t') {
            complain(
                index + 1,
                "a tab: indent by spaces; in a string write `\\t`",
            );
        }
        if line.ends_with([' ', '\t']) {
            complain(index + 1, "whitespace at the end of the line: remove it");
        }
    }
    for (index, line) in code::lines(&file.text).iter().enumerate() {
        for what in about_line(line) {
            complain(index + 1, &what);
        }
    }
    violations
}

/// Too long a file, in whatever language somebody writes and reads it.
pub(crate) fn check_length(file: &TextFile) -> Option<Violation> {
    let lines = file.text.lines().count();
    let written = policy::WRITTEN_ENDINGS
        .iter()
        .any(|ending| file.path.ends_with(ending));
    let what = || {
        let max = policy::FILE_LINES_MAX;
        format!("{lines} lines, {max} are a thought: find the idea that wants a file of its own")
    };
    (written && lines > policy::FILE_LINES_MAX)
        .then(|| Violation::new(&file.path, policy::FILE_LINES_MAX + 1, what()))
}

fn about_line(line: &Line) -> Vec<String> {
    let mut complaints = Vec::new();
    let code: String = line.code.split_whitespace().collect();
    if code.contains("#[ignore") || (code.contains("cfg_attr(") && code.contains(",ignore")) {
        complaints.push(
            "an ignored test proves nothing: make it run everywhere, or report by name why it is \
             skipped"
                .to_owned(),
        );
    }
    if line.comment.contains("```ignore") {
        complaints.push("an ignored example rots: make it compile, or mark it `text`".to_owned());
    }
    let mut getters = line.code.split("fn get_").skip(1);
    let not_as_in_std = |rest: &str| !policy::STD_GETTERS.iter().any(|end| rest.starts_with(end));
    if getters.any(not_as_in_std) {
        complaints.push("a getter bears the name of what it gives: drop `get_`".to_owned());
    }
    complaints.extend(unowned_promise(&line.comment));
    complaints
}

/// A promise in `text` to do something later that names nobody who will.
pub(crate) fn unowned_promise(text: &str) -> Option<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for marker in ["TODO", "FIXME", "XXX"] {
        for (at, _) in text.match_indices(marker) {
            let after = &text[at + marker.len()..];
            let inside_a_word = text[..at].ends_with(is_word) || after.starts_with(is_word);
            let owned = after
                .strip_prefix('(')
                .is_some_and(|owner| owner.starts_with(is_word));
            if !inside_a_word && !owned {
                return Some(format!(
                    "a {marker} of nobody: do it, or write `{marker}(name)`"
                ));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::made_up::file;

    const HEAD: &str = "//! A file.\n";

    #[track_caller]
    fn assert_complains(body: &str, line: usize, part: &str) {
        let found = check(&file("a/src/x.rs", &format!("{HEAD}{body}")));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        let place = format!("a/src/x.rs:{line}: ");
        assert!(
            found
                .iter()
                .any(|one| one.starts_with(&place) && one.contains(part)),
            "{part} in line {line}: {found:?}"
        );
    }

    #[track_caller]
    fn assert_passes(body: &str) {
        assert_eq!(check(&file("a/src/x.rs", &format!("{HEAD}{body}"))), []);
    }

    #[test]
    fn a_file_opens_with_what_it_is() {
        let headless = check(&file("x.rs", "// a\nfn main() {}\n"));
        assert!(headless[0].to_string().starts_with("x.rs:1: open the file"));
        assert_passes("fn main() {}\n");
    }

    #[test]
    fn names_say_something() {
        for path in ["src/utils.rs", "tests/common/mod.rs"] {
            assert_eq!(check(&file(path, HEAD)).len(), 1, "{path}");
        }
        assert!(check(&file("src/choker/mod.rs", HEAD)).is_empty());
        assert_complains("fn get_peer() {}", 2, "drop `get_`");
        assert_passes("fn target() {}\nfn get_mut(&mut self) {}");
    }

    #[test]
    fn whitespace_is_plain() {
        assert_complains("\tlet a = 1;", 2, "a tab");
        assert_complains("let a = 1; \nlet b = 2;", 2, "end of the line");
    }

    #[test]
    fn no_test_is_ignored() {
        assert_complains("\n#[ignore]\nfn t() {}", 3, "ignored test");
        assert_complains("#[ignore = \"slow\"]", 2, "ignored test");
        assert_complains("#[cfg_attr(unix, ignore)]", 2, "ignored test");
        assert_complains("/// ```ignore", 2, "ignored example");
        assert_passes("let a = \"#[ignore]\"; // about #[ignore]\n");
    }

    #[test]
    fn promises_have_an_owner() {
        assert_complains("// TODO: later", 2, "TODO of nobody");
        assert_complains("/* FIXME */", 2, "FIXME of nobody");
        assert_complains("let a = 1; // XXX() why", 2, "XXX of nobody");
        assert_passes("// TODO(ada): divide\nlet a = \"TODO\"; // XXXI, TODOS\n");
    }

    #[test]
    fn files_are_short() {
        let long = file("x.rs", &"\n".repeat(policy::FILE_LINES_MAX + 1));
        assert!(
            check_length(&long).is_some_and(|found| found.to_string().starts_with("x.rs:601:"))
        );
        assert_eq!(
            check_length(&file("x.rs", &"\n".repeat(policy::FILE_LINES_MAX))),
            None
        );
        assert_eq!(check_length(&file("Cargo.lock", &"\n".repeat(9_000))), None);
    }
}
