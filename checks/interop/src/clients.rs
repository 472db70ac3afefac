//! The foreign clients, all asked the same: seed this, or leech this, at that address.
//!
//! What every one of them is told: no DHT, no local discovery, no peer exchange, no port forwarding,
//! for whoever is met shall be met through the tracker; no uTP; no encryption where that can be said.
//! aria2 keeps its habit of trying encryption first, which a peer must get along with.

mod aria2;
mod libtorrent;
mod qbittorrent;
mod rtorrent;
mod transmission;

use std::fmt::Debug;
use std::path::PathBuf;
use std::process::Command;

pub use aria2::Aria2;
pub use libtorrent::Libtorrent;
pub use qbittorrent::QBittorrent;
pub use rtorrent::RTorrent;
pub use transmission::Transmission;

use crate::requirement::Requirement;
use crate::stage::Place;

/// All of them.
pub const ALL: [&dyn Client; 5] = [&Transmission, &Aria2, &RTorrent, &Libtorrent, &QBittorrent];

/// What a client shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Check what lies in its place, and give it.
    Seed,
    /// Fetch, and then seed.
    Leech,
}

/// What names a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A torrent file.
    Torrent(PathBuf),
    /// A magnet link.
    Magnet(String),
}

/// A real program that speaks BitTorrent.
pub trait Client: Debug + Sync {
    /// Gives its name.
    fn name(&self) -> &'static str;

    /// Gives what must be installed.
    fn requirements(&self) -> &[Requirement];

    /// Writes its settings into its place and gives the command that starts it.
    ///
    /// # Errors
    /// Those of the disk.
    fn command(&self, role: Role, sources: &[Source], place: &Place) -> anyhow::Result<Command>;
}

/// The words of a command line that name the sources.
fn words(sources: &[Source]) -> impl Iterator<Item = &std::ffi::OsStr> {
    sources.iter().map(|source| match source {
        Source::Torrent(path) => path.as_os_str(),
        Source::Magnet(link) => link.as_ref(),
    })
}
