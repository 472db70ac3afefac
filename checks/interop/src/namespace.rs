//! A network of its own for each test: no packet leaves it, and no port of it is taken.
//!
//! It has a loopback device only. To that belong the whole of 10.77.0.0/16 and the first addresses
//! of fd00:77::/64, so that every peer can have an address of its own; transmission would refuse
//! one from 127.0.0.0/8.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::panic;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::sweep;

/// Where iproute2 keeps the names.
pub(crate) const NAMES: &str = "/run/netns";

/// What the kernel tells about the devices of the network that a thread stands in.
const DEVICES: &str = "/proc/thread-self/net/dev";

/// More than it tells about one device.
const DEVICES_LEN_MAX: usize = 1024;

/// How many IPv6 addresses there are. (Those of IPv4 come as one whole range.)
const IPV6_ADDRESSES: u16 = 64;

/// A network namespace that vanishes with this value, and whatever runs in it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    handle: File,
    /// Opened inside, it tells of the inside wherever it is read.
    devices: Option<File>,
}

impl Namespace {
    /// Makes one, after those were removed that killed tests have left behind.
    ///
    /// # Errors
    /// When `ip` is missing or may not.
    pub fn new() -> anyhow::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        sweep::sweep();
        let name = sweep::name(&NUMBER.fetch_add(1, Ordering::Relaxed).to_string());
        run_ip(&["netns", "add", &name], "")?;
        let path = Path::new(NAMES).join(&name);
        let handle = File::open(&path).with_context(|| path.display().to_string())?;
        let mut namespace = Self {
            name,
            handle,
            devices: None,
        };
        namespace.enter(bring_up)??;
        let devices = namespace.enter(|| File::open(DEVICES))?;
        namespace.devices = Some(devices.context(DEVICES)?);
        Ok(namespace)
    }

    /// Gives the IPv4 address of a number.
    pub const fn ipv4(number: u16) -> IpAddr {
        let [high, low] = number.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(10, 77, high, low))
    }

    /// Gives the IPv6 address of a number below 64.
    pub const fn ipv6(number: u16) -> IpAddr {
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0x77, 0, 0, 0, 0, 0, number))
    }

    /// Gives how many bytes have passed the network since it was made, with all their headers.
    /// It costs one system call.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn passed_bytes(&self) -> anyhow::Result<u64> {
        let mut table = [0; DEVICES_LEN_MAX];
        let devices = self.devices.as_ref().context("the network is not up")?;
        let len = devices.read_at(&mut table, 0)?;
        let loopback = str::from_utf8(&table[..len])?
            .lines()
            .find_map(|line| line.trim_start().strip_prefix("lo:"));
        let received = loopback.and_then(|numbers| numbers.split_whitespace().next());
        Ok(received
            .with_context(|| format!("no loopback in {DEVICES}"))?
            .parse()?)
    }

    /// Does `work` on a thread that stands inside. Sockets and processes that it opens stay inside.
    ///
    /// # Errors
    /// When the thread may not enter.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
        let inside = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(self.handle.as_fd(), kind).context("enter a namespace")?;
            Ok(work())
        };
        thread::scope(|scope| match scope.spawn(inside).join() {
            Ok(result) => result,
            Err(cause) => panic::resume_unwind(cause),
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

fn bring_up() -> anyhow::Result<()> {
    let mut batch = String::from("link set lo up\naddress add 10.77.0.1/16 dev lo\n");
    for number in 1..IPV6_ADDRESSES {
        let address = Namespace::ipv6(number);
        batch.push_str(&format!("address add {address}/64 dev lo nodad\n"));
    }
    run_ip(&["-batch", "-"], &batch)
}

/// Ends all that runs inside, then removes the name. Nobody hears of failures: this is clean-up.
pub(crate) fn remove(name: &str) {
    let pids = Command::new("ip").args(["netns", "pids", name]).output();
    let pids = pids.map(|output| output.stdout).unwrap_or_default();
    for pid in String::from_utf8_lossy(&pids).lines() {
        if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    let _ = run_ip(&["netns", "delete", name], "");
}

fn run_ip(arguments: &[&str], input: &str) -> anyhow::Result<()> {
    let mut child = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("ip (of iproute2) does not start")?;
    if let Some(mut pipe) = child.stdin.take() {
        match pipe.write_all(input.as_bytes()) {
            // It has read enough to say what is wrong.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!("ip {}: {}", arguments.join(" "), told.trim());
    }
    Ok(())
}
