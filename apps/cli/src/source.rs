//! What the user wants to fetch, wherever its description comes from.

use std::path::Path;

use bittorrent::magnet::Magnet;
use bittorrent::metainfo::{Info, Metainfo};
use bittorrent::numbers::InfoHash;
use library::Folder;
use machine::{Endpoint, Target};

use crate::args::GetArgs;
use crate::error::Failure;
use crate::show::read_torrent;
use crate::units::FileNumbers;
use crate::web;

/// A torrent to fetch, and all that helps to find its peers.
#[derive(Debug)]
pub(crate) struct Wish {
    /// What is known of the torrent.
    pub(crate) what: What,
    /// The trackers, in tiers.
    pub(crate) trackers: Vec<Vec<String>>,
    /// Where peers are.
    pub(crate) peers: Vec<Endpoint>,
    /// Where peers are, by the names of their hosts.
    pub(crate) hosts: Vec<(String, u16)>,
    /// The files that are wanted; `None` for all.
    pub(crate) files: Option<FileNumbers>,
}

/// How much of a torrent is known.
#[derive(Debug)]
pub(crate) enum What {
    /// All of it.
    Known(Box<Info>),
    /// Its name among peers.
    Named(InfoHash),
}

impl Wish {
    /// Understands what the user wants. Only a torrent on the web takes time.
    ///
    /// # Errors
    /// When the torrent cannot be read or fetched, or is none.
    pub(crate) fn of(args: &GetArgs, folder: &Folder) -> Result<Self, Failure> {
        let mut wish = if Magnet::is_meant_by(&args.source) {
            Self::of_magnet(args.source.parse()?, folder)
        } else if web::is_meant_by(&args.source) {
            let bytes = web::fetch(&args.source, args.peers.bind)?;
            let parsed = Metainfo::parse(&bytes);
            Self::of_torrent(parsed.map_err(|error| Failure::from(error).about(&args.source))?)
        } else {
            Self::of_torrent(read_torrent(Path::new(&args.source))?)
        };
        wish.peers.extend(&args.peers.peers);
        if args.files.is_some() {
            wish.files.clone_from(&args.files);
        }
        Ok(wish)
    }

    /// Tells whether neither a tracker nor a peer is known.
    pub(crate) const fn has_nobody_to_ask(&self) -> bool {
        self.trackers.is_empty() && self.peers.is_empty() && self.hosts.is_empty()
    }

    /// Gives the hash by which the torrent is known.
    pub(crate) const fn info_hash(&self) -> InfoHash {
        match &self.what {
            What::Known(info) => info.hash(),
            What::Named(hash) => *hash,
        }
    }

    fn of_torrent(metainfo: Metainfo) -> Self {
        Self {
            trackers: tiers(&metainfo),
            what: What::Known(Box::new(metainfo.info)),
            peers: Vec::new(),
            hosts: Vec::new(),
            files: None,
        }
    }

    fn of_magnet(magnet: Magnet, folder: &Folder) -> Self {
        let mut wish = match folder.load_metainfo(magnet.info_hash) {
            Some(metainfo) => Self::of_torrent(metainfo),
            None => Self {
                what: What::Named(magnet.info_hash),
                trackers: Vec::new(),
                peers: Vec::new(),
                hosts: Vec::new(),
                files: None,
            },
        };
        for url in magnet.trackers {
            let is_known = wish.trackers.iter().flatten().any(|known| **known == *url);
            if !is_known {
                wish.trackers.push(vec![url.into()]);
            }
        }
        for peer in magnet.peers {
            match peer {
                Target::Endpoint(endpoint) => wish.peers.push(endpoint),
                Target::Host { name, port, .. } => wish.hosts.push((name, port)),
            }
        }
        if !magnet.selected.is_empty() {
            wish.files = Some(magnet.selected.into());
        }
        wish
    }
}

/// The trackers of a torrent, as a node takes them.
pub(crate) fn tiers(metainfo: &Metainfo) -> Vec<Vec<String>> {
    let tiers = metainfo.trackers.iter();
    tiers
        .map(|tier| tier.0.iter().map(|url| String::from(&**url)).collect())
        .collect()
}
