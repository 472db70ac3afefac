//! The rooms of a protocol: every protocol crate has the same, so who knows one knows all.

use crate::policy;
use crate::tree::Tree;
use crate::violation::Violation;

/// The rooms and what they are for.
const ROOMS: [(&str, &str); 4] = [
    ("lib", "what it is, its papers, the life of a node"),
    (
        "node",
        "the node and its `impl Protocol`, which only delegates",
    ),
    (
        "api",
        "the commands, events and configuration that a user of the crate sees",
    ),
    ("wire", "messages to bytes and back"),
];

/// Every room that is missing from the protocol in `folder`, and a `node.rs` that does not delegate.
pub(crate) fn check(folder: &str, tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (room, purpose) in ROOMS {
        let file = format!("{folder}/src/{room}.rs");
        let whole_folder = format!("{folder}/src/{room}");
        let may_be_a_folder = room == "wire" && tree.paths.contains(&whole_folder);
        if !tree.paths.contains(&file) && !may_be_a_folder {
            let what = format!("every protocol has this room, but it is missing: {purpose}");
            violations.push(Violation::of_file(&file, what));
        }
    }
    let node = tree.file(&format!("{folder}/src/node.rs"));
    if let Some((node, lines)) = node.map(|node| (node, node.text.lines().count()))
        && lines > policy::NODE_LINES_MAX
    {
        let max = policy::NODE_LINES_MAX;
        let what =
            format!("{lines} lines, but `node.rs` only delegates, in {max}: move the ideas out");
        violations.push(Violation::new(&node.path, max + 1, what));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::made_up::tree;

    const LIB: (&str, &str) = ("protocols/chord/src/lib.rs", "");
    const NODE: (&str, &str) = ("protocols/chord/src/node.rs", "");
    const API: (&str, &str) = ("protocols/chord/src/api.rs", "");

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check("protocols/chord", &tree(files))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn all_rooms_are_there() {
        let files = [LIB, NODE, API, ("protocols/chord/src/wire.rs", "")];
        assert!(found(&files).is_empty());
        for left_out in 0..files.len() {
            let mut fewer = files.to_vec();
            let (path, _) = fewer.remove(left_out);
            let found = found(&fewer);
            assert!(
                found.len() == 1 && found[0].starts_with(path),
                "{path}: {found:?}"
            );
        }
    }

    #[test]
    fn only_the_wire_may_be_a_folder() {
        assert!(found(&[LIB, NODE, API, ("protocols/chord/src/wire/mod.rs", "")]).is_empty());
        let wire = ("protocols/chord/src/wire.rs", "");
        assert_eq!(
            found(&[LIB, NODE, wire, ("protocols/chord/src/api/mod.rs", "")]).len(),
            1
        );
    }

    #[test]
    fn a_node_only_delegates() {
        let long = "\n".repeat(policy::NODE_LINES_MAX + 1);
        let files = [
            LIB,
            ("protocols/chord/src/node.rs", &long),
            API,
            ("protocols/chord/src/wire.rs", ""),
        ];
        let found = found(&files);
        assert!(
            found.len() == 1 && found[0].contains("node.rs:151: "),
            "{found:?}"
        );
    }
}
