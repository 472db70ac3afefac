//! The real programs that the interop tests talk to, and how Debian provides them.

use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::{self, JoinHandle};
use std::{env, fs};

use anyhow::{Context as _, anyhow, bail, ensure};

/// Debian's packages of all foreign programs: clients, a tracker, and what builds networks.
const PACKAGES: [&str; 10] = [
    "aria2",
    "iproute2",
    "mktorrent",
    "nftables",
    "opentracker",
    "python3-libtorrent",
    "qbittorrent-nox",
    "rtorrent",
    "transmission-cli",
    "transmission-daemon",
];

/// Debian asks this program before it starts a service that was just installed.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";
/// "Forbidden": no service starts by itself, for the tests start their own.
const FORBID_ALL: &str =
    "#!/bin/sh\n# Of `cargo xtask test --install`, which removes it.\nexit 101\n";
/// Another installation may hold the lock; seconds.
const LOCK_TIMEOUT: &str = "DPkg::Lock::Timeout=120";

/// What may be done about programs that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Name them; their cases are skipped.
    Look,
    /// Install them.
    Install,
    /// Install them, and let nothing be skipped: CI.
    InstallAndRequire,
}

impl Permission {
    /// CI is where the environment says `CI=true`.
    pub(crate) fn from_environment() -> Self {
        match env::var("CI").as_deref() {
            Ok("true" | "1") => Self::InstallAndRequire,
            Ok(_) | Err(_) => Self::Look,
        }
    }
}

/// The search for foreign programs and, if it may, their installation, running beside the build.
#[derive(Debug)]
pub(crate) struct Foreign {
    work: JoinHandle<anyhow::Result<String>>,
}

impl Foreign {
    /// Begins.
    pub(crate) fn prepare(permission: Permission) -> Self {
        Self {
            work: thread::spawn(move || provide(permission)),
        }
    }

    /// Waits for the end; gives what there is to say about it.
    pub(crate) fn wait(self) -> anyhow::Result<String> {
        self.work
            .join()
            .map_err(|_| anyhow!("the installation panicked"))?
    }
}

fn provide(permission: Permission) -> anyhow::Result<String> {
    let Some(missing) = missing()? else {
        return Ok("this is no Debian: each interop test looks for its program itself".to_owned());
    };
    if missing.is_empty() {
        return Ok("all there".to_owned());
    }
    let names = missing.join(" ");
    if permission == Permission::Look {
        return Ok(format!(
            "missing, so their interop cases are skipped: {names}; \
             `cargo xtask test --install` as root installs them"
        ));
    }
    ensure!(is_root(), "only root installs; missing: {names}");
    install(&missing)?;
    Ok(format!("installed {names}"))
}

/// The packages that are not installed; `None` where there is no dpkg to ask.
fn missing() -> anyhow::Result<Option<Vec<&'static str>>> {
    let query = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${Status}\n"])
        .args(PACKAGES)
        .output();
    match query {
        // It fails when it knows not one of them, which is an answer too.
        Ok(output) => Ok(Some(missing_from(&String::from_utf8_lossy(&output.stdout)))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("dpkg-query does not start"),
    }
}

/// The packages that `listing` does not show as installed.
fn missing_from(listing: &str) -> Vec<&'static str> {
    let installed = |package: &str| {
        let line = format!("{package} install ok installed");
        listing.lines().any(|one| one == line)
    };
    PACKAGES
        .into_iter()
        .filter(|package| !installed(package))
        .collect()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let _no_services = NoServices::hold(Path::new(SERVICE_POLICY))?;
    // Old lists may do, so only the installation itself decides.
    let _lists = apt_get(&["update"])?;
    let wanted = ["install", "--yes", "--no-install-recommends"];
    let output = apt_get(&[&wanted[..], packages].concat())?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!(
            "apt-get cannot install {}: {}",
            packages.join(" "),
            told.trim()
        );
    }
    Ok(())
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<Output> {
    Command::new("apt-get")
        .args(["--quiet", "--option", LOCK_TIMEOUT])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context("apt-get does not start")
}

/// While it lives, no freshly installed service starts. A policy that is already there stays.
#[derive(Debug)]
struct NoServices<'a> {
    ours: Option<&'a Path>,
}

impl<'a> NoServices<'a> {
    fn hold(policy: &'a Path) -> anyhow::Result<Self> {
        let created = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(policy);
        match created.and_then(|mut file| file.write_all(FORBID_ALL.as_bytes())) {
            Ok(()) => Ok(Self { ours: Some(policy) }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Self { ours: None }),
            Err(error) => Err(error).with_context(|| format!("cannot write {}", policy.display())),
        }
    }
}

impl Drop for NoServices<'_> {
    fn drop(&mut self) {
        let removed = self.ours.map_or(io::Result::Ok(()), fs::remove_file);
        if let Err(error) = removed {
            eprintln!("remove {SERVICE_POLICY} by hand, it forbids services to start: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wholly_installed_is_there() {
        let listing = "aria2 install ok installed\nmktorrent deinstall ok config-files\n";
        let missing = missing_from(listing);
        assert!(!missing.contains(&"aria2"));
        assert!(
            missing.contains(&"mktorrent"),
            "removed, its configuration kept"
        );
        assert_eq!(missing.len(), PACKAGES.len() - 1);
    }

    #[test]
    fn the_policy_is_held_and_given_back() {
        let policy = env::temp_dir().join(format!("manyhop-policy-{}", std::process::id()));
        let held = NoServices::hold(&policy).unwrap();
        assert!(fs::read_to_string(&policy).unwrap().ends_with("exit 101\n"));
        let second = NoServices::hold(&policy).unwrap();
        drop(second);
        assert!(policy.exists(), "a policy that was there stays");
        drop(held);
        assert!(!policy.exists());
    }
}
