//! A simulated swarm: nodes with one torrent, and who knows whom at first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bittorrent::Node;
use bittorrent::api::{
    Add, Command, Config, Content, Event, Limits, Order, Places, Source, TorrentId,
};
use bittorrent::bitfield::Bitfield;
use bittorrent::metainfo::{self, Builder, FileIndex, Info};
use bittorrent::numbers::{PeerId, PieceIndex};
use machine::{Endpoint, FileId, Instant, Rng, Seed, SlotPlan};
use sha1::{Digest, Sha1};
use simulator::{Bandwidth, NodeConfig, NodeId, Payload, Simulation};

/// The one torrent of each node.
pub(crate) const TORRENT: TorrentId = TorrentId(1);

const SLOTS: SlotPlan = SlotPlan {
    count: 1024,
    len: 1024 * 1024,
};

/// A torrent and its bytes, which are none where payload is shared.
pub(crate) struct Shared {
    pub(crate) info: Arc<Info>,
    pub(crate) files: Vec<Vec<u8>>,
}

/// A swarm and what its nodes have told so far.
pub(crate) struct Swarm {
    pub(crate) sim: Simulation<Node>,
    pub(crate) shared: Shared,
    pub(crate) told: BTreeMap<NodeId, Vec<(Instant, Event)>>,
    payload: Payload,
    next_number: u32,
}

/// What a node has at first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Everything.
    Seed,
    /// Nothing but the torrent.
    Leecher,
    /// Nothing but the torrent's name.
    Magnet,
}

/// Makes a torrent of files of these lengths with random bytes.
pub(crate) fn random_torrent(seed: Seed, piece_length: u32, lens: &[usize]) -> Shared {
    let mut rng = Rng::new(seed, u64::MAX, 0);
    let files: Vec<Vec<u8>> = lens
        .iter()
        .map(|&len| (0..len).map(|_| rng.next_u64() as u8).collect())
        .collect();
    let content: Vec<u8> = files.concat();
    let hashes: Vec<u8> = content
        .chunks(piece_length as usize)
        .flat_map(Sha1::digest)
        .collect();
    Shared {
        info: torrent(piece_length, lens, &hashes),
        files,
    }
}

/// Makes a torrent whose payload nobody looks at.
pub(crate) fn shared_torrent(piece_length: u32, len: usize) -> Shared {
    let pieces = len.div_ceil(piece_length as usize);
    Shared {
        info: torrent(piece_length, &[len], &vec![0; 20 * pieces]),
        files: vec![Vec::new()],
    }
}

fn torrent(piece_length: u32, lens: &[usize], hashes: &[u8]) -> Arc<Info> {
    let files = lens.iter().enumerate();
    let files = files
        .map(|(index, &len)| (vec![format!("file {index}")], len as u64))
        .collect();
    let mut builder = Builder::new("sample".into(), metainfo::Content::Directory(files));
    builder.piece_length = piece_length;
    Arc::new(builder.build(hashes).expect("a torrent").info)
}

impl Swarm {
    /// An empty swarm. Real payload is hashed and compared, shared payload only counted.
    pub(crate) fn new(seed: Seed, payload: Payload, shared: Shared) -> Self {
        let mut config = simulator::Config::new(seed);
        config.disk = simulator::DiskModel::new(payload);
        let (sim, told) = (Simulation::new(config, ()), BTreeMap::new());
        Self {
            sim,
            shared,
            told,
            payload,
            next_number: 1,
        }
    }

    /// Adds a node that begins at once and calls the nodes that it knows.
    pub(crate) fn add(&mut self, start: Start, link: Bandwidth, knows: &[NodeId]) -> NodeId {
        self.add_with(start, link, knows, |_| ())
    }

    /// The same, with a configuration of its own.
    pub(crate) fn add_with(
        &mut self,
        start: Start,
        link: Bandwidth,
        knows: &[NodeId],
        configure: impl FnOnce(&mut Config),
    ) -> NodeId {
        let endpoint = simulator::endpoint(self.next_number);
        let mut config = config(self.next_number);
        configure(&mut config);
        self.next_number += 1;
        let place = NodeConfig::at(endpoint).with_link(link, Bandwidth::UNLIMITED);
        let place = place.with_slots(config.slots);
        let node = self.sim.add(Node::new(config), place);
        self.lay_files(node, start);
        let peers = knows.iter().map(|&node| self.sim.endpoint(node)).collect();
        let source = match start {
            Start::Magnet => Source::Magnet(self.shared.info.hash()),
            Start::Seed => Source::Known(self.content(Bitfield::all(self.pieces()))),
            Start::Leecher => Source::Known(self.content(Bitfield::none(self.pieces()))),
        };
        self.command(node, source, peers);
        node
    }

    /// Starts a node anew that crashed, with these pieces.
    pub(crate) fn restart(
        &mut self,
        node: NodeId,
        have: Bitfield,
        knows: &[NodeId],
        configure: impl FnOnce(&mut Config),
    ) {
        let mut config = config(self.next_number);
        configure(&mut config);
        self.next_number += 1;
        self.sim.restart(node, Node::new(config));
        self.take_up(node, have, knows);
    }

    /// Lets a node begin with the torrent, when it has these pieces.
    pub(crate) fn take_up(&mut self, node: NodeId, have: Bitfield, knows: &[NodeId]) {
        let peers = knows.iter().map(|&node| self.sim.endpoint(node)).collect();
        self.command(node, Source::Known(self.content(have)), peers);
    }

    /// What is told a node of the torrent, when it has these pieces.
    pub(crate) fn content(&self, have: Bitfield) -> Box<Content> {
        Box::new(Content {
            info: Arc::clone(&self.shared.info),
            places: Places::Consecutive(FileId(0)),
            have,
            wanted: None,
            order: Order::RarestFirst,
        })
    }

    /// Runs until all `nodes` have everything, or the time is over; tells whether they have.
    pub(crate) fn run_until_complete(&mut self, nodes: &[NodeId], time: Duration) -> bool {
        let limit = self.sim.now() + time;
        let mut missing: BTreeSet<NodeId> = nodes.iter().copied().collect();
        missing.retain(|&node| !self.is_complete(node));
        while !missing.is_empty() && self.sim.now() < limit {
            self.sim.run_for(Duration::from_millis(500));
            self.listen();
            missing.retain(|&node| !self.is_complete(node));
        }
        missing.is_empty()
    }

    /// Takes what the nodes told, and begins where metadata has come.
    pub(crate) fn listen(&mut self) {
        for (node, at, event) in self.sim.take_events() {
            if let Event::Metadata { torrent, .. } = event {
                let content = self.content(Bitfield::none(self.pieces()));
                self.sim.command(node, Command::Begin { torrent, content });
            }
            self.told.entry(node).or_default().push((at, event));
        }
    }

    /// When a node had everything.
    pub(crate) fn completed_at(&self, node: NodeId) -> Option<Instant> {
        let told = self.told.get(&node)?;
        told.iter()
            .find(|(_, it)| matches!(it, Event::Complete { .. }))
            .map(|&(at, _)| at)
    }

    /// Whether a node has everything.
    pub(crate) fn is_complete(&self, node: NodeId) -> bool {
        self.completed_at(node).is_some()
    }

    /// The pieces that a node has stored, in order, also twice if it told so twice.
    pub(crate) fn stored(&self, node: NodeId) -> Vec<PieceIndex> {
        let told = self.told.get(&node).into_iter().flatten();
        told.filter_map(|(_, event)| {
            if let Event::Stored { piece, .. } = event {
                Some(*piece)
            } else {
                None
            }
        })
        .collect()
    }

    /// Asserts that a node's files are those of the torrent.
    pub(crate) fn assert_same_files(&mut self, node: NodeId) {
        for (index, file) in self.shared.files.iter().enumerate() {
            let found = self.sim.disk(node).bytes(FileId(index as u32));
            assert!(found == *file, "file {index} of {node:?} differs");
        }
    }

    /// How many pieces the torrent has.
    pub(crate) fn pieces(&self) -> u32 {
        self.shared.info.piece_count()
    }

    /// Lays the files of the torrent on a node's disk, as they are at its start.
    pub(crate) fn lay_files(&mut self, node: NodeId, start: Start) {
        for (index, bytes) in self.shared.files.iter().enumerate() {
            let file = FileIndex(index as u32);
            let len = self.shared.info.layout().file_len(file);
            let content = match (start, self.payload) {
                (Start::Seed, Payload::Real) => simulator::Content::Bytes(bytes.clone()),
                (Start::Seed, Payload::Shared) => simulator::Content::Zeros,
                (Start::Leecher | Start::Magnet, _) => simulator::Content::Absent,
            };
            self.sim.disk(node).register(FileId(file.0), len, content);
        }
    }

    fn command(&mut self, node: NodeId, source: Source, peers: Vec<Endpoint>) {
        let (trackers, limits) = (Vec::new(), Limits::default());
        let add = Add {
            torrent: TORRENT,
            source,
            trackers,
            peers,
            limits,
        };
        self.sim.command(node, Command::Add(Box::new(add)));
    }
}

/// How the so-many-eth node is set up.
fn config(number: u32) -> Config {
    let mut config = Config::new(peer_id(number));
    config.port = simulator::endpoint(number).port();
    config.slots = SLOTS;
    config
}

/// A name for the so-many-eth node; shuffled, so that order of names is not order of arrival.
fn peer_id(number: u32) -> PeerId {
    let mut id = *b"-MH0001-000000000000";
    id[8..16].copy_from_slice(
        &u64::from(number)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .to_be_bytes(),
    );
    PeerId(id)
}
