//! Links in Markdown: each relative one leads to a file, each anchor to a heading.

use std::collections::BTreeSet;

use crate::tree::{TextFile, Tree};
use crate::violation::Violation;

/// Every link of one Markdown file that leads nowhere.
pub(crate) fn check(file: &TextFile, tree: &Tree) -> Vec<Violation> {
    let lines = prose(&file.text);
    let labels: BTreeSet<String> = lines
        .iter()
        .filter_map(|(_, line)| Some(definition(line)?.0.to_lowercase()))
        .collect();
    let mut violations = Vec::new();
    for (number, line) in &lines {
        let mut complain = |what: String| {
            violations.push(Violation::new(&file.path, *number, what));
        };
        for target in targets(line) {
            if let Some(why) = dead_end(&file.path, target, tree) {
                complain(format!("the link to `{target}` is dead: {why}"));
            }
        }
        for label in labels_used(line).filter(|label| !labels.contains(&label.to_lowercase())) {
            complain(format!(
                "the link `[{label}]` has no definition: add `[{label}]: target`"
            ));
        }
        if line.contains("[[") {
            complain("`[[...]]` is the link of a wiki: write `[text](path)`".to_owned());
        }
    }
    violations
}

/// The lines outside of code, numbered from 1, what stands between backticks taken out.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => lines.push((index + 1, line.split('`').step_by(2).collect())),
            (Some(_), _) => {}
        }
    }
    lines
}

/// `[label]: target` at the start of a line; `[^label]` is a footnote.
fn definition(line: &str) -> Option<(&str, &str)> {
    let (label, target) = line.trim_start().strip_prefix('[')?.split_once("]:")?;
    let plain = !label.starts_with('^') && !label.contains(']');
    plain.then(|| (label, target.split_whitespace().next().unwrap_or_default()))
}

/// Where the links, pictures and definitions of `line` lead.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line
        .split("](")
        .skip(1)
        .map(|rest| rest.split([')', ' ']).next().unwrap_or(rest));
    let quoted = ["href=\"", "src=\""].into_iter().flat_map(|key| {
        line.split(key)
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap_or(rest))
    });
    let defined = definition(line).map(|(_, target)| target);
    inline
        .chain(quoted)
        .chain(defined)
        .map(|target| target.trim_matches(['<', '>']))
}

/// The labels of links like `[text][label]`.
fn labels_used(line: &str) -> impl Iterator<Item = &str> {
    line.split("][")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(']')?.0))
}

/// Why nobody can go from the file at `from` to `target`.
fn dead_end(from: &str, target: &str, tree: &Tree) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() {
        Some(from.to_owned())
    } else {
        resolve(from, path)
    };
    let Some(path) = path.filter(|path| path.is_empty() || tree.paths.contains(path)) else {
        return Some("there is no such file; paths start at the folder of this one".to_owned());
    };
    let headings = tree
        .file(&path)
        .filter(|file| file.is_markdown() && !anchor.is_empty());
    headings
        .filter(|file| !anchors(&file.text).contains(anchor))
        .map(|file| format!("`{}` has no heading that becomes `#{anchor}`", file.path))
}

/// The path, seen from the root, of `path` as seen from the file at `from`; `None` if it leaves.
fn resolve(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The anchors that forges make of headings: lower case, spaces to hyphens, no punctuation.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let first: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..).map(|count| format!("{first}-{count}"));
        let free = [first.clone()]
            .into_iter()
            .chain(again)
            .find(|one| !anchors.contains(one));
        anchors.extend(free);
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::made_up::tree;

    fn found(text: &str) -> Vec<String> {
        let tree = tree(&[
            ("README.md", ""),
            ("docs/a.md", text),
            ("docs/b.md", "# One: two & three\n# Same\n# Same\n"),
            ("docs/deep/picture.svg", ""),
        ]);
        let file = tree.file("docs/a.md").unwrap();
        check(file, &tree).iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn assert_dead(text: &str, part: &str) {
        let found = found(text);
        assert!(
            found.len() == 1 && found[0].contains(part),
            "{text}: {found:?}"
        );
    }

    #[track_caller]
    fn assert_alive(text: &str) {
        assert_eq!(found(text), Vec::<String>::new(), "{text}");
    }

    #[test]
    fn relative_links_lead_to_files_and_folders() {
        assert_alive("[b](b.md), [up](../README.md) ![p](deep/picture.svg \"title\") [d](deep/)");
        assert_alive("<img src=\"deep/picture.svg\">");
        assert_dead("\n[c](c.md)", "docs/a.md:2: the link to `c.md` is dead");
        assert_dead("[out](../../README.md)", "no such file");
        assert_dead("<a href=\"c.md\">", "`c.md`");
    }

    #[test]
    fn anchors_lead_to_headings() {
        assert_alive("[b](b.md#one-two--three) [b](b.md#same-1)");
        assert_alive("# Here\n[here](#here)");
        assert_dead("[b](b.md#four)", "`#four`");
        assert_dead("[here](#here)", "`#here`");
    }

    #[test]
    fn labels_have_definitions() {
        assert_alive("[text][B]\n\n[b]: b.md\n[^1]: a note");
        assert_dead("[text][b]", "no definition");
        assert_dead("[b]: c.md", "`c.md`");
    }

    #[test]
    fn links_of_a_wiki_are_none() {
        assert_dead("[[b]]", "wiki");
    }

    #[test]
    fn other_hosts_and_code_are_left_alone() {
        assert_alive("[x](https://example.org/x.md) <mailto:a@b> `[x](c.md)`\n```\n[[x]]\n```\n");
    }
}
