//! What we build upon: licences, bans, sources and duplicates of other people's crates.
//!
//! Everything is read from `cargo metadata` and the lock files, without network; what is allowed
//! stands in `policy.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crate::licence;
use crate::policy;
use crate::tree::{TextFile, Tree};
use crate::violation::Violation;
use crate::workspace::{Package, Workspace};

const LOCK_FILE: &str = "Cargo.lock";
const POLICY_FILE: &str = "checks/tidy/src/policy.rs";

/// Every foreign crate whose licence, name or source is not allowed.
pub(crate) fn check_each(workspace: &Workspace, tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in workspace
        .packages
        .values()
        .filter(|package| package.folder.is_none())
    {
        let complaints = [
            about_licence(package),
            about_ban(package),
            about_source(package.source.as_deref()),
        ];
        for complaint in complaints.into_iter().flatten() {
            let what = format!("`{} {}` {complaint}", package.name, package.version);
            violations.push(Violation::new(LOCK_FILE, line_in_lock(tree, package), what));
        }
    }
    violations
}

/// Every lock file's line that takes a crate from elsewhere than the registry.
pub(crate) fn check_lock_file(file: &TextFile) -> Vec<Violation> {
    let lines = file.text.lines().enumerate();
    let sources = lines.filter_map(|(index, line)| {
        let source = line.strip_prefix("source = \"")?.strip_suffix('"')?;
        Some((index + 1, about_source(Some(source))?))
    });
    sources
        .map(|(line, what)| Violation::new(&file.path, line, format!("a crate {what}")))
        .collect()
}

/// Every crate that reaches a core, through whatever path, and would break its purity.
pub(crate) fn check_cores(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (folder, core) in workspace.members().filter(|(folder, _)| is_core(folder)) {
        for (name, path) in reached_from(workspace, core) {
            if let Some((_, why)) = policy::BANNED_IN_CORES.iter().find(|(ban, _)| *ban == name) {
                let manifest = format!("{folder}/Cargo.toml");
                let what =
                    format!("this core reaches `{name}` through {path}: {why}; leave it out");
                violations.push(Violation::of_file(&manifest, what));
            }
        }
    }
    violations
}

/// Every crate in two incompatible versions that is not allowed to be, and every idle allowance.
pub(crate) fn check_duplicates(
    workspace: &Workspace,
    tree: &Tree,
    allowed: &[(&str, &str)],
) -> Vec<Violation> {
    let mut versions: BTreeMap<&str, BTreeMap<String, &Package>> = BTreeMap::new();
    for package in workspace.packages.values() {
        let of_one_name = versions.entry(&package.name).or_default();
        of_one_name.insert(compatible_part(&package.version), package);
    }
    versions.retain(|_, of_one_name| of_one_name.len() > 1);
    let mut violations = Vec::new();
    for (name, of_one_name) in &versions {
        if allowed.iter().any(|(spared, _)| spared == name) {
            continue;
        }
        let newest_first: Vec<_> = of_one_name
            .values()
            .rev()
            .map(|p| p.version.as_str())
            .collect();
        let what = format!(
            "`{name}` is built in the versions {}: update who needs the older, or allow it in \
             {POLICY_FILE} with a reason",
            newest_first.join(" and ")
        );
        let line = of_one_name
            .values()
            .next()
            .map_or(1, |package| line_in_lock(tree, package));
        violations.push(Violation::new(LOCK_FILE, line, what));
    }
    for (name, _) in allowed
        .iter()
        .filter(|(name, _)| !versions.contains_key(name))
    {
        let line = tree
            .file(POLICY_FILE)
            .map_or(1, |f| f.line_where(|line| line.contains(name)));
        let what = format!("`{name}` may be built twice but no longer is: remove the allowance");
        violations.push(Violation::new(POLICY_FILE, line, what));
    }
    violations
}

fn about_licence(package: &Package) -> Option<String> {
    let Some(expression) = &package.licence else {
        return Some("states no licence: replace it, for nobody may copy it".to_owned());
    };
    match licence::is_satisfied(expression, |one| policy::LICENCES.contains(&one)) {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "is under `{expression}`, which {POLICY_FILE} does not allow: replace it, or allow the \
             licence with a reason"
        )),
        Err(error) => Some(format!(
            "has the licence `{expression}`, but {error}: replace it"
        )),
    }
}

fn about_ban(package: &Package) -> Option<String> {
    let (_, why) = policy::BANNED
        .iter()
        .find(|(name, _)| *name == package.name)?;
    Some(format!("is banned: {why}"))
}

fn about_source(source: Option<&str>) -> Option<String> {
    match source {
        None => Some("lies outside of the repository: publish it or move it in".to_owned()),
        Some(policy::REGISTRY) => None,
        Some(source) => Some(format!("comes from `{source}`: take it from the registry")),
    }
}

fn is_core(folder: &str) -> bool {
    ["foundation/", "protocols/"]
        .iter()
        .any(|floor| folder.starts_with(floor))
}

/// The names of all crates that `core` is built from, each with the path to it.
fn reached_from(workspace: &Workspace, core: &Package) -> BTreeMap<String, String> {
    let mut paths = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<(&str, String)> = Vec::new();
    open.extend(
        core.needs
            .iter()
            .map(|id| (id.as_str(), "its manifest".to_owned())),
    );
    while let Some((id, path)) = open.pop() {
        let Some(package) = workspace.packages.get(id).filter(|_| seen.insert(id)) else {
            continue;
        };
        let further = format!("{path}, `{}`", package.name);
        open.extend(
            package
                .needs
                .iter()
                .map(|id| (id.as_str(), further.clone())),
        );
        paths.insert(package.name.clone(), path);
    }
    paths
}

/// Cargo takes versions for compatible that agree in the first number that is not zero.
fn compatible_part(version: &str) -> String {
    let numbers: Vec<&str> = version.split(['.', '+', '-']).take(3).collect();
    let zeros = numbers.iter().take_while(|number| **number == "0").count();
    numbers[..numbers.len().min(zeros + 1)].join(".")
}

fn line_in_lock(tree: &Tree, package: &Package) -> usize {
    let name = format!("name = \"{}\"", package.name);
    let version = format!("version = \"{}\"", package.version);
    let lines: Vec<&str> = tree
        .file(LOCK_FILE)
        .map_or(Vec::new(), |file| file.text.lines().collect());
    lines
        .windows(2)
        .position(|pair| pair == [&name, &version])
        .map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::made_up::{file, tree};
    use crate::workspace::made_up::{ours, theirs, workspace};

    fn complaints(package: Package) -> Vec<String> {
        let found = check_each(&workspace([package]), &Tree::default());
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_free_crate_of_the_registry_passes() {
        assert!(complaints(theirs("bytes", "1.0.0")).is_empty());
    }

    #[test]
    fn licences_are_held_to_the_policy() {
        let licensed = |licence: Option<&str>| Package {
            licence: licence.map(str::to_owned),
            ..theirs("x", "1.0.0")
        };
        assert!(complaints(licensed(Some("GPL-3.0-only")))[0].contains("GPL-3.0-only"));
        assert!(complaints(licensed(Some("MIT AND")))[0].contains("a licence should follow"));
        assert!(complaints(licensed(None))[0].contains("states no licence"));
        assert!(complaints(licensed(Some("GPL-3.0-only OR Zlib"))).is_empty());
    }

    #[test]
    fn bans_give_their_reason() {
        assert!(complaints(theirs("openssl", "0.10.0"))[0].contains("rustls"));
    }

    #[test]
    fn only_the_registry_and_the_repository_are_sources() {
        let from = |source: Option<&str>| Package {
            source: source.map(str::to_owned),
            ..theirs("x", "1.0.0")
        };
        assert!(complaints(from(Some("git+https://example.org/x")))[0].contains("example.org"));
        assert!(complaints(from(None))[0].contains("outside of the repository"));
        let lock = format!("source = \"{}\"\nsource = \"git+x\"\n", policy::REGISTRY);
        let found = check_lock_file(&file("fuzz/Cargo.lock", &lock));
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("fuzz/Cargo.lock:2: "));
    }

    #[test]
    fn a_core_reaches_no_socket_by_a_detour() {
        let mut core = ours("protocols/chord", &[]);
        core.needs = vec!["detour 1.0.0".to_owned()];
        let mut detour = theirs("detour", "1.0.0");
        detour.needs = vec!["mio 1.0.0".to_owned(), "detour 1.0.0".to_owned()];
        let found = check_cores(&workspace([core, detour, theirs("mio", "1.0.0")]));
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .to_string()
                .contains("`mio` through its manifest, `detour`"),
            "{found:?}"
        );
        let mut driver = ours("drivers/runtime", &[]);
        driver.needs = vec!["mio 1.0.0".to_owned()];
        assert!(check_cores(&workspace([driver, theirs("mio", "1.0.0")])).is_empty());
    }

    #[test]
    fn two_versions_need_an_allowance_and_an_allowance_two_versions() {
        let twice = workspace([
            theirs("x", "0.3.9"),
            theirs("x", "0.4.0"),
            theirs("y", "1.0.0"),
        ]);
        let lock =
            "name = \"x\"\nversion = \"0.4.0\"\n[[package]]\nname = \"x\"\nversion = \"0.3.9\"\n";
        let tree = tree(&[(LOCK_FILE, lock)]);
        let found = check_duplicates(&twice, &tree, &[]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].to_string().starts_with("Cargo.lock:4: `x`"),
            "{found:?}"
        );
        assert!(check_duplicates(&twice, &tree, &[("x", "why")]).is_empty());
        let idle = check_duplicates(&twice, &tree, &[("x", "why"), ("y", "why")]);
        assert!(
            idle[0].to_string().contains("`y` may be built twice"),
            "{idle:?}"
        );
    }

    #[test]
    fn compatible_versions_are_no_duplicates() {
        assert_eq!(compatible_part("1.2.3"), "1");
        assert_eq!(compatible_part("0.2.3"), "0.2");
        assert_eq!(compatible_part("0.0.3"), "0.0.3");
        assert_eq!(compatible_part("0.11.1+wasi-snapshot-preview1"), "0.11");
        assert_eq!(compatible_part("0.0.0"), "0.0.0");
        let patch = workspace([theirs("x", "1.2.0"), theirs("x", "1.3.0")]);
        assert!(check_duplicates(&patch, &Tree::default(), &[]).is_empty());
    }
}
