//! Who takes part, and how each is asked.
//!
//! The foreign clients are set up as for the interop tests (no DHT, no peer exchange, TCP), and told
//! in addition what a benchmark needs: to trust a seed's file where that can be said, for what a seed
//! does before it seeds is not measured, and to show when a download is complete.

mod aria2;
mod libtorrent;
mod manyhop;
mod mktorrent;
mod qbittorrent;
mod rqbit;
mod rtorrent;
mod transmission;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;
use manyhop_interop::clients::Source;
use manyhop_interop::{Place, Requirement};

pub(crate) use aria2::Aria2;
pub(crate) use libtorrent::Libtorrent;
pub(crate) use manyhop::Ours;
pub(crate) use mktorrent::Mktorrent;
pub(crate) use qbittorrent::QBittorrent;
pub(crate) use rqbit::Rqbit;
pub(crate) use rtorrent::RTorrent;
pub(crate) use transmission::Transmission;

/// All of them, ours first.
pub(crate) const ALL: [&dyn Contender; 9] = [
    &Ours,
    &Transmission,
    &Aria2,
    &RTorrent,
    &Libtorrent::Default,
    &Libtorrent::Tuned,
    &QBittorrent,
    &Mktorrent,
    &Rqbit,
];

/// The name of ours, with which all others are compared.
pub(crate) const OURS: &str = "manyhop";

/// How long the pieces of the files are, in bytes and as the exponent of 2.
pub(crate) const PIECE_LEN: usize = 1 << PIECE_LEN_LOG2;
/// The same, as the exponent of 2.
pub(crate) const PIECE_LEN_LOG2: u32 = 20;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skill {
    /// To make a torrent.
    Create,
    /// To check what is there.
    Check,
    /// To give.
    Seed,
    /// To fetch.
    Leech,
    /// To fetch, and to give to others meanwhile and afterwards.
    Share,
    /// To seed many torrents.
    SeedMany,
}

/// What a contender shall do. Content lies, or shall lie, in the data folder of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task<'a> {
    /// Make a torrent of this file, as `made.torrent` in its home.
    Create(&'a Path),
    /// Check this torrent's content.
    Check(&'a Path),
    /// Give these torrents' content.
    Seed(&'a [PathBuf]),
    /// Fetch this torrent's content.
    Leech(&'a Path),
    /// Fetch it and go on giving.
    Share(&'a Path),
}

/// How a contender shows that it is done, or that it seeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It ends with success.
    End,
    /// It makes this file.
    File(PathBuf),
    /// It writes this to its log.
    Words(&'static str),
    /// The tracker knows somebody who has all of each torrent.
    Tracker,
}

/// A contender's command and sign.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What starts it.
    pub(crate) command: Command,
    /// What shows that it is done.
    pub(crate) sign: Sign,
}

/// A program that is measured.
pub(crate) trait Contender: Debug + Sync {
    /// Gives its name.
    fn name(&self) -> &'static str;

    /// Gives what must be installed.
    fn requirements(&self) -> &[Requirement];

    /// Gives what it can do.
    fn skills(&self) -> &[Skill];

    /// Writes its settings into its place and gives the command that does `task`.
    ///
    /// # Errors
    /// Those of the disk; or when it cannot do that.
    fn ask(&self, task: Task<'_>, place: &Place) -> anyhow::Result<Asked>;
}

/// What every client that can both fetch and give can do.
const SKILLS_OF_CLIENTS: &[Skill] = &[
    Skill::Check,
    Skill::Seed,
    Skill::Leech,
    Skill::Share,
    Skill::SeedMany,
];

/// The same, for those that make torrents, too.
const SKILLS_OF_ALL_ROUNDERS: &[Skill] = &[
    Skill::Create,
    Skill::Check,
    Skill::Seed,
    Skill::Leech,
    Skill::Share,
    Skill::SeedMany,
];

impl Task<'_> {
    /// The torrents, as the harness of the interop tests names them.
    fn sources(&self) -> Vec<Source> {
        match self {
            Self::Create(_) => Vec::new(),
            Self::Check(torrent) | Self::Leech(torrent) | Self::Share(torrent) => {
                vec![Source::Torrent(torrent.to_path_buf())]
            }
            Self::Seed(torrents) => torrents.iter().cloned().map(Source::Torrent).collect(),
        }
    }
}

impl Asked {
    fn new(command: Command, sign: Sign) -> anyhow::Result<Self> {
        Ok(Self { command, sign })
    }
}

/// Where whoever makes a torrent shall write it.
pub(crate) fn made_torrent(place: &Place) -> PathBuf {
    place.home.join("made.torrent")
}

/// The file that shows that a download is complete.
fn done_file(place: &Place) -> PathBuf {
    place.home.join("done")
}

/// A script, for those who call one when a download is complete.
fn done_script(place: &Place) -> anyhow::Result<PathBuf> {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    let script = place.home.join("done.sh");
    fs::write(
        &script,
        format!("#!/bin/sh\n: > {}\n", done_file(place).display()),
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

/// The answer of those who cannot do what they are asked.
fn unable(contender: &dyn Contender, task: Task<'_>) -> anyhow::Result<Asked> {
    bail!("{} cannot do this: {task:?}", contender.name())
}
