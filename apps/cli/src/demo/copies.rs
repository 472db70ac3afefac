//! Whether the copies are copies: every file of theirs is hashed, and the original too.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bittorrent::metainfo::{FileKind, Info};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::error::Failure;
use crate::units::Size;

/// How much is read at a time, in bytes.
const READ_LEN: usize = 256 << 10;

/// How many files people are shown.
const FILES_SHOWN: usize = 12;

/// How the copies compare with the original.
#[derive(Debug)]
pub(super) struct Comparison {
    files: Vec<Compared>,
}

#[derive(Debug)]
struct Compared {
    path: String,
    bytes: u64,
    sha1: Hash,
    /// Whether each copy is equal.
    equal: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hash([u8; 20]);

/// Compares the copies in these folders with the original in another.
///
/// # Errors
/// When the original cannot be read. What cannot be read of a copy is not equal.
pub(super) fn compare(
    info: &Info,
    original: &Path,
    copies: &[PathBuf],
) -> Result<Comparison, Failure> {
    let mut files = Vec::new();
    for (index, file) in info
        .files()
        .filter(|(_, file)| file.kind == FileKind::Regular)
    {
        let path = info.display_path(file);
        let sha1 = hash(&original.join(&path)).map_err(|error| {
            Failure::new(format!(
                "cannot read {} again: {error}",
                original.join(&path).display()
            ))
        })?;
        let is_equal = |copy: &PathBuf| hash(&copy.join(&path)).is_ok_and(|copied| copied == sha1);
        files.push(Compared {
            equal: copies.iter().map(is_equal).collect(),
            bytes: info.layout().file_len(index),
            path,
            sha1,
        });
    }
    Ok(Comparison { files })
}

impl Comparison {
    /// Tells whether all copies of all files are equal to the original.
    pub(super) fn is_equal(&self) -> bool {
        self.files.iter().all(Compared::is_equal)
    }

    /// Shows it to people.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!("{:<18} {:>9}  copies  file", "SHA-1", "size")];
        let worst_first = {
            let mut files: Vec<&Compared> = self.files.iter().collect();
            files.sort_by_key(|file| file.is_equal());
            files
        };
        for file in worst_first.iter().take(FILES_SHOWN) {
            let marks: String = file
                .equal
                .iter()
                .map(|equal| if *equal { "=" } else { "X" })
                .collect();
            let (sha1, size) = (file.sha1.to_string(), Size(file.bytes).to_string());
            lines.push(format!(
                "{}… {size:>9}  {marks:<6}  {}",
                &sha1[..17],
                file.path
            ));
        }
        if self.files.len() > FILES_SHOWN {
            let rest = self.files.len() - FILES_SHOWN;
            lines.push(format!("and {rest} files more"));
        }
        lines.join("\n")
    }

    /// Gives it to programs.
    pub(super) fn to_json(&self) -> Value {
        let files = self.files.iter().map(|file| {
            json!({
                "path": file.path, "bytes": file.bytes, "sha1": file.sha1.to_string(),
                "equal": file.equal,
            })
        });
        files.collect()
    }
}

impl Compared {
    fn is_equal(&self) -> bool {
        self.equal.iter().all(|equal| *equal)
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn hash(path: &Path) -> io::Result<Hash> {
    let mut file = File::open(path)?;
    let mut hasher = Sha1::new();
    let mut buffer = vec![0; READ_LEN];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Hash(hasher.finalize().into())),
            len => hasher.update(&buffer[..len]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_differs_is_shown() {
        let file = |equal: &[bool]| Compared {
            path: "a/b".into(),
            bytes: 3,
            sha1: Hash([0xab; 20]),
            equal: equal.into(),
        };
        let good = Comparison {
            files: vec![file(&[true, true])],
        };
        assert!(good.is_equal() && good.text().ends_with("==      a/b"));
        let bad = Comparison {
            files: vec![file(&[true, true]), file(&[true, false])],
        };
        assert!(!bad.is_equal());
        assert!(bad.text().contains("=X      a/b"), "{}", bad.text());
    }
}
