//! Where the programs of one test meet.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, anyhow, ensure};
use tempfile::TempDir;

use crate::namespace::Namespace;
use crate::process::{Process, tail};
use crate::sweep;

/// A namespace and a folder, with addresses and rooms for everybody. All vanish with it.
#[derive(Debug)]
pub struct Stage {
    // The processes inside must end before their folder goes: fields drop in order.
    namespace: Namespace,
    folder: TempDir,
    places: AtomicU16,
}

/// Room for one program: a folder, and an address where it may listen.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its settings, its log and whatever else it writes.
    pub home: PathBuf,
    /// What it shares.
    pub data: PathBuf,
    /// Nobody else has this address, and nobody else this port.
    pub address: SocketAddr,
}

/// One thing that is tried, side by side with others.
pub struct Case<'a> {
    name: String,
    work: Box<dyn FnOnce() -> anyhow::Result<()> + Send + 'a>,
}

/// The first of the ports; they are numbered on, so that no two programs share one.
const FIRST_PORT: u16 = 20_000;

/// Below are the addresses of trackers.
const FIRST_ADDRESS: u16 = 8;

/// The file in a place's home that holds what its program wrote.
const LOG: &str = "output.log";

/// Where programs look for their settings.
const HOMES: [&str; 4] = ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"];

/// What would lead a program elsewhere.
const STRANGERS: [&str; 5] = [
    "http_proxy",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "DISPLAY",
];

impl Stage {
    /// Sets one up.
    ///
    /// # Errors
    /// When the machine does not let us.
    pub fn new() -> anyhow::Result<Self> {
        let namespace = Namespace::new()?;
        let folder = folder()?;
        // opentracker works as `nobody`, and must find its way to its folder.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self {
            namespace,
            folder,
            places: AtomicU16::new(0),
        })
    }

    /// Gives the network.
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Makes room for a program of `case`, with an IPv4 address.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn place(&self, case: &str, program: &str) -> anyhow::Result<Place> {
        self.place_at(case, program, Namespace::ipv4)
    }

    /// Makes room for a program of `case`, with an IPv6 address.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn place_v6(&self, case: &str, program: &str) -> anyhow::Result<Place> {
        self.place_at(case, program, Namespace::ipv6)
    }

    /// Starts `command` at `place`, inside the network.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, place: &Place, mut command: Command) -> anyhow::Result<Process> {
        command.current_dir(&place.home).env("LC_ALL", "C.UTF-8");
        for variable in HOMES {
            command.env(variable, &place.home);
        }
        for variable in STRANGERS {
            command.env_remove(variable);
        }
        let log = place.home.join(LOG);
        self.namespace.enter(|| Process::start(command, &log))?
    }

    /// Runs all cases side by side.
    ///
    /// # Errors
    /// When one fails, or more: all are named, and the ends of their logs printed.
    pub fn run(&self, cases: Vec<Case<'_>>) -> anyhow::Result<()> {
        let results = thread::scope(|scope| {
            let running: Vec<_> = cases
                .into_iter()
                .map(|case| (case.name, scope.spawn(|| timed(case.work))))
                .collect();
            let ended = running.into_iter().map(|(name, thread)| {
                let result = thread.join();
                (name, result.unwrap_or_else(|_| Err(anyhow!("it panicked"))))
            });
            ended.collect::<Vec<_>>()
        });
        let mut failures = Vec::new();
        for (name, result) in results {
            match result {
                Ok(seconds) => tell(&format!("passed: {name} ({seconds:.1} s)")),
                Err(error) => {
                    self.show_logs(&name);
                    failures.push(format!("{name}: {error:#}"));
                }
            }
        }
        ensure!(failures.is_empty(), "\n{}", failures.join("\n"));
        Ok(())
    }

    /// Runs one case.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_one(
        &self,
        name: &str,
        work: impl FnOnce() -> anyhow::Result<()> + Send,
    ) -> anyhow::Result<()> {
        self.run(vec![Case::new(name, work)])
    }

    fn place_at(
        &self,
        case: &str,
        program: &str,
        address: fn(u16) -> IpAddr,
    ) -> anyhow::Result<Place> {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        let home = self.folder_of(case).join(slug(program));
        let data = home.join("data");
        fs::create_dir_all(&data).with_context(|| data.display().to_string())?;
        let address = SocketAddr::new(address(FIRST_ADDRESS + number), FIRST_PORT + number);
        Ok(Place {
            home,
            data,
            address,
        })
    }

    fn folder_of(&self, case: &str) -> PathBuf {
        self.folder.path().join(slug(case))
    }

    /// Shows the ends of all logs of `case`, and of the trackers.
    fn show_logs(&self, case: &str) {
        for folder in [case, TRACKERS] {
            let homes = fs::read_dir(self.folder_of(folder));
            let homes = homes.into_iter().flatten().flatten();
            for home in homes {
                let log: &Path = &home.path().join(LOG);
                let program = home.file_name();
                tell(&format!("--- {case}: {}\n{}", program.display(), tail(log)));
            }
        }
    }
}

/// Makes a folder that vanishes with the value; or, if this process is killed, at the next start of
/// one like it.
///
/// # Errors
/// Those of the disk.
pub fn folder() -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix(&sweep::name("")).tempdir();
    folder.context("no folder for what is only for a time")
}

/// The case to which all trackers belong.
pub(crate) const TRACKERS: &str = "trackers";

impl<'a> Case<'a> {
    /// Names some work.
    pub fn new(
        name: impl Into<String>,
        work: impl FnOnce() -> anyhow::Result<()> + Send + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            work: Box::new(work),
        }
    }
}

impl std::fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A name for a folder: settings of some clients cannot quote a space.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    name.chars().map(plain).collect()
}

/// Does `work`, and gives the seconds that it took.
fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

#[expect(
    clippy::print_stdout,
    reason = "the test harness shows it when the test fails"
)]
fn tell(text: &str) {
    println!("{text}");
}
