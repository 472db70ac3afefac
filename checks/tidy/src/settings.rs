//! What every crate declares: the shared lints, no unsafe code, and, for a core, no `std`.

use crate::code;
use crate::policy;
use crate::tree::{TextFile, Tree};
use crate::violation::Violation;

/// Everything that the crate in `folder`, with these root files, should declare and does not.
pub(crate) fn check_crate(folder: &str, roots: &[String], tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    let manifest = format!("{folder}/Cargo.toml");
    if tree
        .file(&manifest)
        .is_some_and(|file| !shares_lints(&file.text))
    {
        let what = "the lints of the workspace do not hold here: add `[lints]` `workspace = true`";
        violations.push(Violation::of_file(&manifest, what));
    }
    let is_core = folder.starts_with("foundation/") || folder.starts_with("protocols/");
    for root in roots.iter().filter_map(|root| tree.file(root)) {
        if !policy::UNSAFE_ALLOWED.contains(&folder) && !declares(root, "forbid", "unsafe_code") {
            let what = "unsafe code is not forbidden: add `#![forbid(unsafe_code)]`";
            violations.push(Violation::of_file(&root.path, what));
        }
        if is_core && !declares(root, "no_std", "") {
            let what =
                "a core touches nothing: add `#![no_std]`, and `extern crate alloc` if needed";
            violations.push(Violation::of_file(&root.path, what));
        }
    }
    violations
}

/// Every `clippy.toml` that leaves out the limit of functions (it replaces those of the folders above).
pub(crate) fn check_clippy(file: &TextFile) -> Option<Violation> {
    let limited = file
        .text
        .lines()
        .any(|line| line.trim() == policy::FUNCTION_LIMIT);
    let what = || {
        format!(
            "functions have no limit here: add `{}`",
            policy::FUNCTION_LIMIT
        )
    };
    (file.name() == "clippy.toml" && !limited).then(|| Violation::of_file(&file.path, what()))
}

fn shares_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim);
    lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
}

/// Whether `root` has an inner attribute `#![attribute]` or `#![attribute(.., argument, ..)]`.
fn declares(root: &TextFile, attribute: &str, argument: &str) -> bool {
    code::lines(&root.text).iter().any(|line| {
        let code: String = line.code.split_whitespace().collect();
        let inner = code
            .strip_prefix("#![")
            .and_then(|rest| rest.strip_prefix(attribute));
        inner.is_some_and(|rest| {
            let mut arguments = rest.trim_matches(['(', ')', ']']).split(',');
            arguments.any(|one| one == argument)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::made_up::{file, tree};

    const SHARED: &str = "[package]\n\n[lints]\nworkspace = true\n";

    fn found(folder: &str, manifest: &str, root: &str) -> Vec<String> {
        let (manifest_path, root_path) = (
            format!("{folder}/Cargo.toml"),
            format!("{folder}/src/lib.rs"),
        );
        let tree = tree(&[(&manifest_path, manifest), (&root_path, root)]);
        check_crate(folder, &[root_path], &tree)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn lints_are_shared() {
        let root = "#![forbid(unsafe_code)]";
        assert!(found("apps/a", SHARED, root).is_empty());
        for manifest in [
            "[package]\n",
            "[lints.rust]\nworkspace = true\n",
            "[lints]\n",
        ] {
            assert!(
                found("apps/a", manifest, root)[0].contains("lints"),
                "{manifest}"
            );
        }
    }

    #[test]
    fn unsafe_code_is_forbidden_but_in_hardware() {
        for root in [
            "",
            "// #![forbid(unsafe_code)]",
            "#![deny(unsafe_code)]",
            "#![forbid(missing_docs)]",
        ] {
            assert!(
                found("apps/a", SHARED, root)[0].contains("unsafe"),
                "{root}"
            );
            assert!(found("drivers/hardware", SHARED, root).is_empty());
        }
        assert!(found("apps/a", SHARED, "#![forbid(missing_docs, unsafe_code)]").is_empty());
    }

    #[test]
    fn cores_have_no_std() {
        let forbid = "#![forbid(unsafe_code)]\n";
        let both = format!("{forbid}#![no_std]");
        for folder in ["foundation/a", "protocols/a"] {
            assert!(found(folder, SHARED, forbid)[0].contains("no_std"));
            assert!(found(folder, SHARED, &both).is_empty());
        }
        assert!(found("apps/a", SHARED, forbid).is_empty());
        let sometimes = format!("{forbid}#![cfg_attr(not(test), no_std)]");
        assert_eq!(found("foundation/a", SHARED, &sometimes).len(), 1);
    }

    #[test]
    fn every_clippy_file_limits_functions() {
        assert!(check_clippy(&file("a/clippy.toml", "too-many-lines-threshold = 100")).is_some());
        assert!(check_clippy(&file("a/clippy.toml", policy::FUNCTION_LIMIT)).is_none());
        assert!(check_clippy(&file("a/other.toml", "")).is_none());
    }
}
