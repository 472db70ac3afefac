//! The import rule: arrows point down, from `apps` to `foundation`, and nobody looks sideways.
//!
//! ```text
//! apps ──────┬──> protocols ──┐
//!            │                ├──> foundation
//!            └──> drivers ────┘
//! ```
//!
//! A protocol knows no driver and no other protocol; a driver names no protocol. Only the tests of
//! a protocol may run in the simulator. `checks` and `xtask` stand outside and may see all.

use std::collections::BTreeSet;

use crate::code;
use crate::policy;
use crate::tree::Tree;
use crate::violation::Violation;
use crate::workspace::{Need, Workspace};

const SIMULATOR: &str = "drivers/simulator";

/// A floor of the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Floor {
    Foundation,
    Protocols,
    Drivers,
    Apps,
    Outside,
}

impl Floor {
    fn of(folder: &str) -> Option<Self> {
        match folder.split('/').next()? {
            "foundation" => Some(Self::Foundation),
            "protocols" => Some(Self::Protocols),
            "drivers" => Some(Self::Drivers),
            "apps" => Some(Self::Apps),
            "checks" | "xtask" => Some(Self::Outside),
            _ => None,
        }
    }

    fn may_see(self) -> &'static [Self] {
        match self {
            Self::Foundation | Self::Protocols => &[Self::Foundation],
            Self::Drivers => &[Self::Foundation, Self::Drivers],
            Self::Apps => &[Self::Foundation, Self::Protocols, Self::Drivers, Self::Apps],
            Self::Outside => &[
                Self::Foundation,
                Self::Protocols,
                Self::Drivers,
                Self::Apps,
                Self::Outside,
            ],
        }
    }
}

/// Every dependency between our crates that points the wrong way.
pub(crate) fn check_manifests(workspace: &Workspace, tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (folder, package) in workspace.members() {
        let manifest = format!("{folder}/Cargo.toml");
        let Some(floor) = Floor::of(folder) else {
            violations.push(Violation::of_file(
                &manifest,
                "this crate stands on no floor of the house: move it below foundation, protocols, \
                 drivers, apps or checks",
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let Some(target) = &dependency.folder else {
                continue;
            };
            let is_seen = Floor::of(target).is_some_and(|below| floor.may_see().contains(&below));
            let is_simulated =
                floor == Floor::Protocols && dependency.need == Need::Tests && target == SIMULATOR;
            if !is_seen && !is_simulated {
                let name = dependency.name.as_str();
                let line = tree.file(&manifest).map_or(1, |file| {
                    file.line_where(|line| line.strip_prefix(name).is_some_and(ends_a_key))
                });
                let what = format!(
                    "`{folder}` must not see `{target}`: imports point down, from apps to \
                     foundation; move what is shared down, or let an app bring the two together"
                );
                violations.push(Violation::new(&manifest, line, what));
            }
        }
    }
    violations
}

/// Every driver whose code names a protocol.
pub(crate) fn check_drivers(workspace: &Workspace, tree: &Tree) -> Vec<Violation> {
    let protocols: BTreeSet<&str> = workspace
        .members()
        .filter_map(|(folder, _)| folder.strip_prefix("protocols/"))
        .filter(|name| !policy::EVERYDAY_PROTOCOLS.contains(name))
        .collect();
    let mut violations = Vec::new();
    for file in tree
        .files
        .iter()
        .filter(|f| f.is_rust() && f.path.starts_with("drivers/"))
    {
        for (index, line) in code::lines(&file.text).iter().enumerate() {
            let words = line.code.split(|c: char| !c.is_alphanumeric());
            for word in words.map(str::to_lowercase) {
                if protocols.contains(word.as_str()) {
                    let what = format!(
                        "a driver names `{word}`: drivers are generic over `Protocol`; what only \
                         this one needs belongs into `protocols/{word}` or into an app"
                    );
                    violations.push(Violation::new(&file.path, index + 1, what));
                }
            }
        }
    }
    violations
}

fn ends_a_key(rest: &str) -> bool {
    rest.starts_with([' ', '.', '='])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::made_up::tree;
    use crate::workspace::made_up::{ours, workspace};

    fn allowed(from: &str, to: &str, need: Need) -> bool {
        let workspace = workspace([ours(from, &[(to, need)])]);
        check_manifests(&workspace, &Tree::default()).is_empty()
    }

    #[test]
    fn arrows_point_down() {
        assert!(allowed("apps/cli", "apps/library", Need::Always));
        assert!(allowed("apps/cli", "protocols/chord", Need::Always));
        assert!(allowed("apps/cli", "drivers/runtime", Need::Always));
        assert!(allowed("protocols/chord", "foundation/wire", Need::Always));
        assert!(allowed("drivers/runtime", "foundation/wire", Need::Always));
        assert!(allowed("checks/interop", "apps/cli", Need::Always));
    }

    #[test]
    fn arrows_never_point_up_or_sideways() {
        for need in [Need::Always, Need::Tests] {
            assert!(!allowed("foundation/wire", "protocols/chord", need));
            assert!(!allowed("foundation/wire", "drivers/simulator", need));
            assert!(!allowed("protocols/chord", "protocols/pastry", need));
            assert!(!allowed("protocols/chord", "drivers/runtime", need));
            assert!(!allowed("protocols/chord", "apps/library", need));
            assert!(!allowed("drivers/runtime", "protocols/chord", need));
            assert!(!allowed("drivers/runtime", "apps/library", need));
            assert!(!allowed("apps/cli", "checks/interop", need));
            assert!(!allowed("apps/cli", "elsewhere/crate", need));
        }
    }

    #[test]
    fn tests_of_a_protocol_may_be_simulated() {
        assert!(allowed("protocols/chord", SIMULATOR, Need::Tests));
        assert!(!allowed("protocols/chord", SIMULATOR, Need::Always));
    }

    #[test]
    fn a_crate_outside_of_the_house_is_found() {
        let workspace = workspace([ours("cellar/wine", &[])]);
        assert_eq!(check_manifests(&workspace, &Tree::default()).len(), 1);
    }

    #[test]
    fn the_guilty_line_is_named() {
        let workspace = workspace([ours(
            "drivers/runtime",
            &[("protocols/chord", Need::Always)],
        )]);
        let manifest = "[dependencies]\nchords.workspace = true\nchord.workspace = true\n";
        let tree = tree(&[("drivers/runtime/Cargo.toml", manifest)]);
        let found = check_manifests(&workspace, &tree);
        assert!(
            found[0]
                .to_string()
                .starts_with("drivers/runtime/Cargo.toml:3: "),
            "{found:?}"
        );
    }

    #[test]
    fn a_driver_names_no_protocol() {
        let workspace = workspace([ours("protocols/chord", &[])]);
        let source = "// as chord does\nlet a = \"chord\";\nuse manyhop_chord::Chord;\n";
        let tree = tree(&[
            ("drivers/runtime/src/lib.rs", source),
            ("apps/a.rs", source),
        ]);
        let found = check_drivers(&workspace, &tree);
        assert_eq!(found.len(), 2, "once for each word of code: {found:?}");
        assert!(
            found[0]
                .to_string()
                .starts_with("drivers/runtime/src/lib.rs:3: ")
        );
    }
}
