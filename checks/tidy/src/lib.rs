//! Reads the sources and holds them to the house rules.
//!
//! Compilers and linters see one crate at a time. What the house promises as a whole, they cannot
//! hold: that imports point down, that every protocol has the same rooms, that a page stays a page,
//! that dependencies are free and few. So an ordinary test reads `cargo metadata` and every text
//! file, and prints all that breaks a rule at once, each as `path:line: what, and what to do`.
//!
//! | module | rules |
//! |---|---|
//! | `arrows` | who may import whom; drivers name no protocol |
//! | `rooms` | the files that every protocol has |
//! | `settings` | shared lints, no unsafe code, no `std` in cores, the limit of functions |
//! | `rust` | heads, lengths, whitespace, names, promises, ignored tests |
//! | `words` | no machine paths, no registries, no promises of nobody |
//! | `links` | links in prose lead somewhere |
//! | `dependencies`, `licence` | licences, bans, sources, duplicates |
//!
//! What is allowed, and why, stands in `policy.rs`. Each rule is tested on small made-up sources,
//! for a rule that cannot fail holds nothing.

#![forbid(unsafe_code)]

mod arrows;
mod code;
mod dependencies;
mod licence;
mod links;
mod policy;
mod rooms;
mod rust;
mod settings;
mod tree;
mod violation;
mod words;
mod workspace;

use std::io;
use std::path::Path;

use thiserror::Error;

use crate::tree::{TextFile, Tree};
pub use crate::violation::Violation;
use crate::workspace::Workspace;
pub use crate::workspace::WorkspaceError;

/// Why the sources cannot be judged at all.
#[derive(Debug, Error)]
pub enum TidyError {
    /// The files cannot be read.
    #[error("the sources cannot be read: {0}")]
    Files(#[from] io::Error),
    /// The crates cannot be listed.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

/// Lists every place below `root` that breaks a house rule, sorted by path and line.
///
/// # Errors
///
/// When files or `cargo metadata` cannot be read: a broken rule is no error, it is an answer.
pub fn violations(root: &Path) -> Result<Vec<Violation>, TidyError> {
    let tree = Tree::read(root)?;
    let workspace = Workspace::read(root)?;
    let mut found = in_crates(&workspace, &tree);
    for file in &tree.files {
        found.extend(in_file(file, &tree));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn in_crates(workspace: &Workspace, tree: &Tree) -> Vec<Violation> {
    let mut found = arrows::check_manifests(workspace, tree);
    found.extend(arrows::check_drivers(workspace, tree));
    found.extend(dependencies::check_each(workspace, tree));
    found.extend(dependencies::check_cores(workspace));
    found.extend(dependencies::check_duplicates(
        workspace,
        tree,
        policy::DUPLICATES_ALLOWED,
    ));
    for (folder, package) in workspace.members() {
        found.extend(settings::check_crate(folder, &package.roots, tree));
        if folder.starts_with("protocols/") {
            found.extend(rooms::check(folder, tree));
        }
    }
    found
}

fn in_file(file: &TextFile, tree: &Tree) -> Vec<Violation> {
    let mut found = words::check(file);
    found.extend(rust::check_length(file));
    found.extend(settings::check_clippy(file));
    if file.is_rust() {
        found.extend(rust::check(file));
    }
    if file.is_markdown() {
        found.extend(links::check(file, tree));
    }
    if file.name() == "Cargo.lock" {
        found.extend(dependencies::check_lock_file(file));
    }
    found
}
