//! The text files of the project, read once and handed to every rule.
//!
//! Git knows which files belong to the project, those included that are not committed yet. A copy
//! without git (an unpacked archive) is walked instead, past the folders that hold what was built.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use crate::policy;

/// One text file.
#[derive(Debug)]
pub(crate) struct TextFile {
    /// Where it lies, seen from the root, parts separated by `/`.
    pub(crate) path: String,
    /// Its whole content.
    pub(crate) text: String,
}

impl TextFile {
    /// The name after the last `/`.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether this is Rust source.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether this is prose in Markdown.
    pub(crate) fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }

    /// The number of the first line that `wanted` accepts; 1 when there is none.
    pub(crate) fn line_where(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.text
            .lines()
            .position(wanted)
            .map_or(1, |index| index + 1)
    }
}

/// All files of the project.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Those that are text and ours, sorted by path.
    pub(crate) files: Vec<TextFile>,
    /// Every path, files that are not text and folders included: what a link may point to.
    pub(crate) paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the project below `root`.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        for path in listed_by_git(root).map_or_else(|| walked(root), Ok)? {
            let Ok(content) = fs::read(root.join(&path)) else {
                continue; // deleted and not committed, or a link to a folder
            };
            tree.add_path(&path);
            let foreign = policy::FOREIGN_FOLDERS
                .iter()
                .any(|folder| path.contains(folder));
            if let (false, Ok(text)) = (foreign, String::from_utf8(content)) {
                tree.files.push(TextFile { path, text });
            }
        }
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// The text file at `path`.
    pub(crate) fn file(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    fn add_path(&mut self, path: &str) {
        let folders = path
            .match_indices('/')
            .map(|(end, _)| path[..end].to_owned());
        self.paths.extend(folders);
        self.paths.insert(path.to_owned());
    }
}

/// The files that git tracks or would offer to add; `None` where there is no git.
fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let listing = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .ok()?;
    let paths = String::from_utf8(listing.stdout).ok()?;
    let paths: BTreeSet<String> = paths
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    (listing.status.success() && !paths.is_empty()).then(|| paths.into_iter().collect())
}

/// Every file below `root`, but for what was built.
fn walked(root: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = format!("{folder}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if !kind.is_dir() {
                files.push(path);
            } else if !policy::BUILT_FOLDERS.contains(&entry.file_name().to_string_lossy().as_ref())
            {
                folders.push(path + "/");
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
pub(crate) mod made_up {
    //! Small made-up sources for the tests of the rules.

    use super::{TextFile, Tree};

    /// A file of a made-up tree.
    pub(crate) fn file(path: &str, text: &str) -> TextFile {
        TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// A tree of `(path, text)`.
    pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.add_path(path);
            tree.files.push(file(path, text));
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_and_a_walk_agree_on_this_crate() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut walked = walked(root).unwrap();
        walked.sort();
        assert!(walked.contains(&"src/tree.rs".to_owned()));
        if let Some(listed) = listed_by_git(root) {
            assert_eq!(listed, walked);
        }
    }

    #[test]
    fn folders_are_paths_too() {
        let tree = made_up::tree(&[("a/b/c.rs", "")]);
        assert!(
            ["a", "a/b", "a/b/c.rs"]
                .iter()
                .all(|path| tree.paths.contains(*path))
        );
    }
}
