//! One node, and a test that plays all its peers: what is said to it, what it answers, and when.
//!
//! Disk work is done at once. Time passes only when the test says so.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bittorrent::Node;
use bittorrent::api::{
    Add, Command, Config, Content, Event, Limits, Order, Places, Source, TorrentId,
};
use bittorrent::bitfield::Bitfield;
use bittorrent::metainfo::Info;
use bittorrent::numbers::{Block, PeerId};
use bittorrent::wire::{
    Capability, Frame, Framing, Handshake, HandshakeStart, Message, PieceHead, Reserved,
};
use bytes::Bytes;
use machine::{
    CloseReason, ConnId, DiskDone, DiskError, DiskWork, Effect, Effects, Endpoint, Expect, FileId,
    FileSpan, Input, Instant, JobId, ListenerId, Protocol as _, Seed, SlotId, StreamInput, Streams,
    Target, Turns,
};
use sha1::{Digest as _, Sha1};
use wire::{Encode, StreamBuffer};

/// The one torrent of the node.
pub(crate) const TORRENT: TorrentId = TorrentId(1);

/// A node, its slots and files, and the other ends of its connections.
pub(crate) struct Stage {
    node: Node,
    turns: Turns,
    effects: Effects<Node>,
    pub(crate) now: Instant,
    /// What the node told its user.
    pub(crate) told: Vec<Event>,
    pub(crate) info: Arc<Info>,
    /// The bytes of the torrent's files one after the other, padding and all.
    content: Vec<u8>,
    /// What is on the node's disk, as one row of bytes for each file.
    pub(crate) files: BTreeMap<FileId, Vec<u8>>,
    slots: BTreeMap<SlotId, Vec<u8>>,
    lines: BTreeMap<ConnId, Line>,
    /// Calls that wait for an answer, the first first.
    pub(crate) calls: Vec<(ConnId, Target)>,
    /// The most calls that waited at a time.
    pub(crate) calls_most: usize,
    /// Connections that the node has, or had until the test looked.
    pub(crate) open: BTreeSet<ConnId>,
    /// The most connections that it kept after a turn.
    pub(crate) open_most: usize,
}

/// All that is sent leaves at once.
struct NoBacklog;

impl Streams for NoBacklog {
    fn backlog(&self, _: ConnId) -> usize {
        0
    }
}

/// What a node said on a connection and nobody has read yet.
struct Line {
    input: StreamBuffer,
    framing: Framing,
    greeted: bool,
}

/// What a peer hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Handshake,
    Message(Message),
    Block(Block),
}

impl Stage {
    /// A node with a torrent, of which it has `have`.
    pub(crate) fn new(info: Arc<Info>, content: Vec<u8>, have: Bitfield) -> Self {
        let mut stage = Self {
            node: Node::new(Config::new(PeerId(*b"-MH0001-the node it "))),
            turns: Turns::new(Seed(1), 0),
            effects: Effects::new(),
            now: Instant::ZERO,
            told: Vec::new(),
            content,
            files: BTreeMap::new(),
            slots: BTreeMap::new(),
            lines: BTreeMap::new(),
            calls: Vec::new(),
            calls_most: 0,
            open: BTreeSet::new(),
            open_most: 0,
            info,
        };
        for file in stage.info.layout().files() {
            let bytes = vec![0; stage.info.layout().file_len(file) as usize];
            stage.files.insert(FileId(file.0), bytes);
        }
        let pieces: Vec<_> = have.iter().collect();
        for piece in pieces {
            let layout = stage.info.layout();
            let start = layout.piece_start(piece) as usize;
            let bytes = stage.content[start..][..layout.piece_len(piece) as usize].to_vec();
            let to: Vec<_> = layout
                .spans_of_piece(piece)
                .map(|span| FileSpan {
                    file: FileId(span.file.0),
                    offset: span.offset,
                    len: span.len,
                })
                .collect();
            stage.write(&bytes, &to);
        }
        let content = Content {
            info: Arc::clone(&stage.info),
            places: Places::Consecutive(FileId(0)),
            have,
            wanted: None,
            order: Order::RarestFirst,
        };
        let add = Add {
            torrent: TORRENT,
            source: Source::Known(Box::new(content)),
            trackers: Vec::new(),
            peers: Vec::new(),
            limits: Limits::default(),
        };
        stage.command(Command::Add(Box::new(add)));
        stage
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.give(Input::Command(command));
    }

    /// Lets time pass, and the node do what falls due.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.node.next_wakeup().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.give(Input::Wake);
        }
        self.now = until;
    }

    /// A stranger calls the node.
    pub(crate) fn knock(&mut self, from: Endpoint) -> ConnId {
        let conn = self.turns.accept();
        self.join(conn);
        let listener = ListenerId(0);
        self.stream(conn, StreamInput::Accepted { from, listener });
        conn
    }

    /// Answers a call of the node.
    pub(crate) fn answer(&mut self, conn: ConnId, to: Endpoint) {
        self.calls.retain(|(call, _)| *call != conn);
        self.stream(conn, StreamInput::Connected { to });
    }

    /// A connection ends, or a call fails.
    pub(crate) fn end(&mut self, conn: ConnId, reason: CloseReason) {
        self.calls.retain(|(call, _)| *call != conn);
        self.open.remove(&conn);
        self.lines.remove(&conn);
        self.stream(conn, StreamInput::Closed(reason));
    }

    /// A peer opens with its handshake; `name` tells it from others.
    pub(crate) fn greet(&mut self, conn: ConnId, name: u8, reserved: Reserved) {
        let info_hash = self.info.hash();
        let peer_id = PeerId([name; 20]);
        let start = HandshakeStart {
            reserved,
            info_hash,
        };
        self.say(conn, &Handshake { start, peer_id });
    }

    /// A peer that knows the Fast extension and has everything, called by nobody, serves the node.
    pub(crate) fn seed_comes(&mut self, from: Endpoint, name: u8) -> ConnId {
        let conn = self.knock(from);
        self.greet(conn, name, Reserved::default().with(Capability::Fast));
        self.say(conn, &Message::HaveAll);
        self.say(conn, &Message::Unchoke);
        conn
    }

    pub(crate) fn say(&mut self, conn: ConnId, message: &(impl Encode + ?Sized)) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.stream(conn, StreamInput::Received(bytes.into()));
    }

    /// A peer sends a block of the torrent, or as much as there is of it.
    pub(crate) fn send_block(&mut self, conn: ConnId, block: Block) {
        let layout = self.info.layout();
        let start = layout.piece_start(block.piece) + u64::from(block.begin);
        let mut payload: Vec<u8> = self.content.iter().skip(start as usize).copied().collect();
        payload.resize(block.len as usize, 0);
        self.send_payload(conn, block, payload);
    }

    /// A peer sends what it says is a block.
    pub(crate) fn send_payload(&mut self, conn: ConnId, block: Block, payload: Vec<u8>) {
        let mut bytes = Vec::new();
        PieceHead(block).encode(&mut bytes);
        bytes.extend(payload);
        self.stream(conn, StreamInput::Received(bytes.into()));
    }

    /// What the node said on a connection since this was asked last.
    pub(crate) fn hear(&mut self, conn: ConnId) -> Vec<Heard> {
        let Some(line) = self.lines.get_mut(&conn) else {
            return Vec::new();
        };
        let mut heard = Vec::new();
        if !line.greeted
            && HandshakeStart::take(&mut line.input)
                .expect("sound")
                .is_some()
        {
            PeerId::take(&mut line.input).expect("a whole handshake");
            line.greeted = true;
            heard.push(Heard::Handshake);
        }
        while let Some(frame) = line.framing.next(&mut line.input).expect("sound messages") {
            match frame {
                Frame::Message(message) => heard.push(Heard::Message(message)),
                Frame::Piece(block) => heard.push(Heard::Block(block)),
                Frame::Payload { .. } => (),
            }
        }
        heard
    }

    /// The blocks that the node asked for since it was listened to last.
    pub(crate) fn requests(&mut self, conn: ConnId) -> Vec<Block> {
        let heard = self.hear(conn).into_iter();
        let requests = heard.filter_map(|heard| {
            if let Heard::Message(Message::Request(block)) = heard {
                Some(block)
            } else {
                None
            }
        });
        requests.collect()
    }

    pub(crate) fn is_open(&self, conn: ConnId) -> bool {
        self.open.contains(&conn)
    }

    /// Asserts that the node's files are those of the torrent.
    pub(crate) fn assert_complete(&self) {
        assert!(
            self.told
                .iter()
                .any(|event| matches!(event, Event::Complete { .. }))
        );
        let layout = self.info.layout();
        let mut start = 0;
        for file in layout.files() {
            let len = layout.file_len(file) as usize;
            let is_right = self.files[&FileId(file.0)] == self.content[start..start + len];
            assert!(is_right, "{file:?}");
            start += len;
        }
    }

    pub(crate) fn stream(&mut self, conn: ConnId, input: StreamInput) {
        // After its own close a node hears nothing more.
        if self.open.contains(&conn) || matches!(input, StreamInput::Closed(_)) {
            self.give(Input::Stream { conn, input });
        }
    }

    fn join(&mut self, conn: ConnId) {
        let line = Line {
            input: StreamBuffer::new(),
            framing: Framing::new(Some(self.info.piece_count())),
            greeted: false,
        };
        self.lines.insert(conn, line);
        self.open.insert(conn);
    }

    fn give(&mut self, input: Input<Node>) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let Self {
                node,
                turns,
                effects,
                now,
                ..
            } = self;
            turns.take(node, input, *now, &(), &NoBacklog, effects);
            let mut list = self.effects.take();
            for effect in list.drain(..) {
                let answer = self.carry_out(effect);
                inputs.extend(answer.map(|(job, result)| Input::Disk { job, result }));
            }
            self.effects.restore(list);
            self.open_most = self.open_most.max(self.open.len());
            self.calls_most = self.calls_most.max(self.calls.len());
        }
    }

    fn carry_out(&mut self, effect: Effect<Node>) -> Option<(JobId, Result<DiskDone, DiskError>)> {
        match effect {
            Effect::Connect { conn, to } => {
                self.join(conn);
                self.calls.push((conn, to));
            }
            Effect::Write { conn, written } => {
                let bytes = Bytes::copy_from_slice(self.effects.written(written));
                self.hand_over(conn, bytes);
            }
            Effect::SendBytes { conn, bytes } => self.hand_over(conn, bytes),
            Effect::SendSpan { conn, span } => {
                let file = self.files.get(&span.file).map_or(&[][..], |file| file);
                let mut bytes: Vec<u8> = file.iter().skip(span.offset as usize).copied().collect();
                bytes.resize(span.len as usize, 0);
                self.hand_over(conn, bytes.into());
            }
            Effect::Close { conn } => {
                self.open.remove(&conn);
                self.calls.retain(|(call, _)| *call != conn);
            }
            Effect::Put { slot, at, bytes } => {
                let held = self.slots.entry(slot).or_default();
                held.resize(held.len().max(at as usize + bytes.len()), 0);
                held[at as usize..][..bytes.len()].copy_from_slice(&bytes);
            }
            Effect::Free { slot } => drop(self.slots.remove(&slot)),
            Effect::Disk { job, work } => return Some((job, self.work(*work))),
            Effect::Emit(event) => self.told.push(event),
            Effect::HurryDisk | Effect::Pause { .. } | Effect::Resume { .. } => (),
            Effect::SendTo { .. } | Effect::Resolve { .. } => panic!("there is no tracker"),
        }
        None
    }

    fn hand_over(&mut self, conn: ConnId, bytes: Bytes) {
        if let Some(line) = self.lines.get_mut(&conn) {
            line.input.push(bytes);
        }
    }

    fn work(&mut self, work: DiskWork) -> Result<DiskDone, DiskError> {
        let DiskWork::Store { slots, expect, to } = work else {
            panic!("these pieces are short");
        };
        let mut bytes = Vec::new();
        for &(slot, len) in &slots {
            let mut held = self.slots.remove(&slot).unwrap_or_default();
            held.resize(len as usize, 0);
            bytes.extend(held);
        }
        let Expect::Sha1 { digest, .. } = expect;
        let blocks = bytes.chunks(16 * 1024);
        let blocks = blocks.map(|block| Sha1::digest(block).into()).collect();
        if digest != machine::Digest::from(Sha1::digest(&bytes)) {
            return Err(DiskError::Mismatch { blocks });
        }
        self.write(&bytes, &to);
        Ok(DiskDone::Stored { blocks })
    }

    fn write(&mut self, bytes: &[u8], to: &[FileSpan]) {
        let mut rest = bytes;
        for span in to {
            let (these, others) = rest.split_at(span.len as usize);
            rest = others;
            if let Some(file) = self.files.get_mut(&span.file) {
                file[span.offset as usize..][..these.len()].copy_from_slice(these);
            }
        }
    }
}

/// The so-many-eth address of a network for examples (RFC 5737, widened).
pub(crate) fn host(number: u32) -> Endpoint {
    let [_, a, b, c] = number.to_be_bytes();
    Endpoint::new(core::net::Ipv4Addr::new(10, a, b, c).into(), 6881)
}
