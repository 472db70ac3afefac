//! A small disk of its own, which can be full or read-only also for root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::sweep;

/// A file system in memory, gone with this value.
#[derive(Debug)]
pub struct Tmpfs {
    path: PathBuf,
}

impl Tmpfs {
    /// Mounts one of `size_bytes` at `path`.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn mount(path: &Path, size_bytes: usize) -> anyhow::Result<Self> {
        fs::create_dir_all(path)?;
        let options = format!("size={size_bytes}");
        run(
            "mount",
            &["-t", "tmpfs", "-o", &options, &sweep::name("disk")],
            path,
        )?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Changes its size or its mode, in the words of mount(8).
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn remount(&self, options: &str) -> anyhow::Result<()> {
        run("mount", &["-o", &format!("remount,{options}")], &self.path)
    }

    /// Gives how many bytes still fit.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn free_bytes(&self) -> anyhow::Result<u64> {
        let status = rustix::fs::statvfs(&self.path)?;
        Ok(status.f_bavail * status.f_frsize)
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Whoever still has a file open there keeps no name from vanishing.
        let _ = run("umount", &["--lazy"], &self.path);
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> anyhow::Result<()> {
    let output = Command::new(program).args(arguments).arg(path).output();
    let output = output.with_context(|| format!("{program} does not start"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {}", path.display(), told.trim());
    }
    Ok(())
}
