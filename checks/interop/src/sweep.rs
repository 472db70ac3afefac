//! What tests leave behind that were killed, and could not clean up.
//!
//! Namespaces, mounts and folders bear the number of the process that made them in their names. What
//! the dead have made goes before anything new is made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::Once;
use std::{env, iter};

use crate::namespace;

/// How the names of ours begin; then comes the process that made it.
const PREFIX: &str = "manyhop-";

/// Gives a name for something of this process.
pub(crate) fn name(rest: &str) -> String {
    format!("{PREFIX}{}-{rest}", process::id())
}

/// Removes, once, all that is left of the dead. Failures are nobody's: it is only tidying up.
pub(crate) fn sweep() {
    static SWEEP: Once = Once::new();
    SWEEP.call_once(|| {
        entries(Path::new(namespace::NAMES)).for_each(|(name, _)| namespace::remove(&name));
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        for mount in mounts.lines() {
            let mut words = mount.split(' ');
            if let (Some(name), Some(path)) = (words.next(), words.next())
                && is_of_the_dead(name)
            {
                let _ = Command::new("umount").args(["--lazy", path]).output();
            }
        }
        entries(&env::temp_dir()).for_each(|(_, path)| drop(fs::remove_dir_all(path)));
    });
}

/// What of the dead lies in `folder`.
fn entries(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
    iter::from_fn(move || {
        entries.by_ref().find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            is_of_the_dead(&name).then(|| (name, entry.path()))
        })
    })
}

/// Tells whether `name` is one of ours whose maker is dead.
fn is_of_the_dead(name: &str) -> bool {
    let maker = name.strip_prefix(PREFIX);
    let maker = maker.and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
    maker.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Above the kernel's largest process id (2^22).
    const NOBODY: u32 = 4_194_999;

    #[test]
    fn only_ours_and_only_of_the_dead_are_swept() {
        assert!(!is_of_the_dead(&name("0")), "we live");
        assert!(!is_of_the_dead(&format!("docker-{NOBODY}-0")));
        assert!(!is_of_the_dead(&format!("{PREFIX}tools")));
        assert!(is_of_the_dead(&format!("{PREFIX}{NOBODY}-0")));
    }
}
