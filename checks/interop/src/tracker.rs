//! Who introduces the peers, and says how far they are.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::manyhop::Manyhop;
use crate::namespace::Namespace;
use crate::payload::{InfoHash, escape};
use crate::process::Process;
use crate::stage::{Stage, TRACKERS};
use crate::wait::{PATIENCE, wait_until};

/// How many peers of one torrent the tracker knows (its scrape).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swarm {
    /// Who have all.
    pub complete: u32,
    /// Who do not.
    pub incomplete: u32,
}

/// A running tracker.
#[derive(Debug)]
pub struct Tracker<'a> {
    stage: &'a Stage,
    address: SocketAddr,
    process: Process,
}

/// Where trackers listen, on an address each.
const PORT: u16 = 6969;

/// A tracker on the same machine answers at once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

impl<'a> Tracker<'a> {
    /// Gives the address of the tracker of a number from 1 to 7.
    pub const fn ipv4(number: u16) -> SocketAddr {
        SocketAddr::new(Namespace::ipv4(number), PORT)
    }

    /// Gives the IPv6 address of the tracker of a number from 1 to 7.
    pub const fn ipv6(number: u16) -> SocketAddr {
        SocketAddr::new(Namespace::ipv6(number), PORT)
    }

    /// Gives the URL of the tracker at `address`.
    pub fn http(address: SocketAddr) -> String {
        format!("http://{address}/announce")
    }

    /// Gives the URL of the tracker at `address` for those who speak datagrams (BEP 15).
    pub fn udp(address: SocketAddr) -> String {
        format!("udp://{address}/announce")
    }

    /// Starts opentracker, which serves IPv4 only and no torrents but those it is told.
    ///
    /// # Errors
    /// When it does not start.
    pub fn open(
        stage: &'a Stage,
        address: SocketAddr,
        torrents: &[InfoHash],
    ) -> anyhow::Result<Self> {
        let place = stage.place(TRACKERS, &format!("opentracker {}", address.ip()))?;
        // It makes this folder its root, and reads the list only then, as `nobody`.
        let root = &place.data;
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        let list: String = torrents.iter().map(|hash| format!("{hash}\n")).collect();
        fs::write(root.join("whitelist"), list)?;
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = Command::new("opentracker");
        command.args(["-i", &ip, "-p", &port, "-P", &port, "-w", "/whitelist"]);
        command.arg("-d").arg(root);
        let process = stage.start(&place, command)?;
        Self::ready(stage, address, process)
    }

    /// Starts our own.
    ///
    /// # Errors
    /// When it does not start.
    pub fn ours(stage: &'a Stage, address: SocketAddr) -> anyhow::Result<Self> {
        let place = stage.place(TRACKERS, &format!("manyhop {}", address.ip()))?;
        let process = stage.start(&place, Manyhop::tracker(address)?)?;
        Self::ready(stage, address, process)
    }

    /// Waits until `number` peers have all of a torrent; meanwhile `workers` must not end.
    ///
    /// # Errors
    /// When that lasts too long, with what the tracker knows; or one of the workers ends.
    pub fn wait_for_complete<'p>(
        &self,
        torrent: InfoHash,
        number: u32,
        workers: impl IntoIterator<Item = &'p mut Process>,
    ) -> anyhow::Result<()> {
        let mut workers: Vec<&mut Process> = workers.into_iter().collect();
        let mut last = Swarm::default();
        let what = format!("{number} peers that have all of {torrent}");
        let waited = wait_until(&what, PATIENCE, || {
            for worker in &mut workers {
                worker.ensure_running()?;
            }
            last = self.scrape(torrent)?;
            Ok((last.complete >= number).then_some(()))
        });
        waited.with_context(|| format!("the tracker knows {last:?}"))
    }

    /// Asks how many peers a torrent has (BEP 48).
    ///
    /// # Errors
    /// When the tracker does not answer.
    pub fn scrape(&self, torrent: InfoHash) -> anyhow::Result<Swarm> {
        let hash: String = torrent.0.into_iter().map(escape).collect();
        let answer = self.ask(&format!("/scrape?info_hash={hash}"))?;
        Ok(Swarm {
            complete: number_after(&answer, b"8:completei").unwrap_or(0),
            incomplete: number_after(&answer, b"10:incompletei").unwrap_or(0),
        })
    }

    /// Gives how many of `torrents` some peer has all of.
    ///
    /// # Errors
    /// When the tracker does not answer.
    pub fn count_complete(&self, torrents: &[InfoHash]) -> anyhow::Result<usize> {
        let hashes = torrents.iter().map(|torrent| {
            let hash: String = torrent.0.into_iter().map(escape).collect();
            format!("info_hash={hash}")
        });
        let query = hashes.collect::<Vec<_>>().join("&");
        let answer = self.ask(&format!("/scrape?{query}"))?;
        Ok(count_after(&answer, b"8:completei"))
    }

    fn ready(stage: &'a Stage, address: SocketAddr, process: Process) -> anyhow::Result<Self> {
        let mut tracker = Self {
            stage,
            address,
            process,
        };
        wait_until("a tracker's start", PATIENCE, || {
            tracker.process.ensure_running()?;
            Ok(tracker.connect().ok())
        })?;
        Ok(tracker)
    }

    fn connect(&self) -> anyhow::Result<TcpStream> {
        let address = self.address;
        let stream = self
            .stage
            .namespace()
            .enter(move || TcpStream::connect_timeout(&address, ANSWER_TIMEOUT))??;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(stream)
    }

    fn ask(&self, target: &str) -> anyhow::Result<Vec<u8>> {
        let mut stream = self.connect()?;
        let host: IpAddr = self.address.ip();
        let request = format!("GET {target} HTTP/1.0\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream
            .read_to_end(&mut answer)
            .context("the tracker's answer")?;
        ensure!(answer.starts_with(b"HTTP/1."), "this is no HTTP");
        Ok(answer)
    }
}

/// The number that follows the only place of `key` in a bencoded answer.
fn number_after(answer: &[u8], key: &[u8]) -> Option<u32> {
    let at = answer.windows(key.len()).position(|window| window == key)?;
    let rest = &answer[at + key.len()..];
    let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

/// How often a number above 0 follows `key`.
fn count_after(answer: &[u8], key: &[u8]) -> usize {
    let number_at = |at: usize| answer.get(at + key.len());
    let mut windows = answer.windows(key.len()).enumerate();
    let mut count = 0;
    while let Some((at, _)) = windows.find(|(_, window)| *window == key) {
        count += usize::from(number_at(at).is_some_and(|digit| (b'1'..=b'9').contains(digit)));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_is_read() {
        let answer =
            b"d5:filesd20:01234567890123456789d8:completei12e10:downloadedi0e10:incompletei3eeee";
        assert_eq!(number_after(answer, b"8:completei"), Some(12));
        assert_eq!(number_after(answer, b"10:incompletei"), Some(3));
        assert_eq!(number_after(b"d5:filesdee", b"8:completei"), None);
        let answer = b"8:completei0e 8:completei12e 10:incompletei3e 8:completei1e 8:completei";
        assert_eq!(count_after(answer, b"8:completei"), 2);
    }
}
