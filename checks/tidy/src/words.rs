//! Words that no text file of the project may hold: they tie it to one machine or one registry.

use crate::policy;
use crate::rust;
use crate::tree::TextFile;
use crate::violation::Violation;

/// Everything in one text file that names a machine, a registry, or a promise of nobody.
pub(crate) fn check(file: &TextFile) -> Vec<Violation> {
    let is_lock_file = policy::LOCK_FILES.contains(&file.name());
    let mut violations = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let mut complain = |what: String| {
            violations.push(Violation::new(&file.path, index + 1, what));
        };
        if let Some(path) = machine_path(line) {
            complain(format!(
                "`{path}` is a path of one machine: say it relative to the project"
            ));
        }
        let host = policy::REGISTRY_HOSTS
            .iter()
            .find(|host| line.contains(**host));
        if let (Some(host), false) = (host, is_lock_file) {
            complain(format!(
                "`{host}` is a registry: its package manager knows where it is"
            ));
        }
        if let (Some(what), false) = (rust::unowned_promise(line), file.is_rust() || is_lock_file) {
            complain(what);
        }
    }
    violations
}

/// A machine's path in `line`, unless it is only the tail of a longer, relative one.
fn machine_path(line: &str) -> Option<&'static str> {
    let goes_on = |before: char| before.is_alphanumeric() || "._-~*)}>".contains(before);
    let starts_at = |at: usize| !line[..at].ends_with(goes_on);
    let mut paths = policy::MACHINE_PATHS.iter().copied();
    paths.find(|path| line.match_indices(path).any(|(at, _)| starts_at(at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::made_up::file;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&file(path, text))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        let path = policy::MACHINE_PATHS[0];
        for text in [
            format!("cd {path}ada"),
            format!("\"{path}ada\""),
            format!("{path}ada"),
        ] {
            assert_eq!(found("a.sh", &format!("\n{text}\n")).len(), 1, "{text}");
        }
        assert!(found("a.sh", &format!("\ncd {path}ada"))[0].starts_with("a.sh:2: "));
    }

    #[test]
    fn tails_of_longer_paths_are_none() {
        let path = policy::MACHINE_PATHS[0];
        for text in [
            format!("cd ${{DIR}}{path}x"),
            format!("example.org{path}"),
            format!("..{path}"),
        ] {
            assert!(found("a.sh", &text).is_empty(), "{text}");
        }
    }

    #[test]
    fn registries_are_named_by_lock_files_only() {
        let text = format!("see https://{}/x", policy::REGISTRY_HOSTS[0]);
        assert!(found("README.md", &text)[0].contains("is a registry"));
        assert!(found("fuzz/Cargo.lock", &text).is_empty());
    }

    #[test]
    fn promises_in_prose_have_an_owner() {
        assert!(found("README.md", "TODO: write")[0].contains("of nobody"));
        assert!(found("README.md", "TODO(ada): write").is_empty());
        assert!(
            found("a.rs", "let a = \"TODO\";").is_empty(),
            "rust.rs reads comments only"
        );
    }
}
