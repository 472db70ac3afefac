//! Asking for blocks, taking them in, storing the pieces (spec sections 9, 16, 18, 20).

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use machine::{BlockDigests, ConnId, Digest, DiskDone, DiskError, Endpoint, JobId};

use super::links::Link;
use super::{Core, Disk, Errand, Stage, Torrent};
use crate::api::Event;
use crate::assembly::{Assembly, Progressed};
use crate::choker::Interest;
use crate::misbehaviour::Misbehaviour;
use crate::numbers::{BLOCK_LEN, Block, PieceIndex};
use crate::peer::{Advice, Choke, Incoming, Peer, Pieces};
use crate::picker::{Arrival, Permission, PieceState, Source, Speed, Standing};
use crate::pipeline::Delivery;
use crate::session::{Timer, Turn};
use crate::smart_ban::Verdict;
use crate::wire::Message;

/// A disk that refused is tried again after this.
const DISK_RETRY: Duration = Duration::from_secs(5);

/// So many pieces are hashed side by side.
const BATCH_PIECES: u64 = 16;

/// And they wait for each other only if all come within a tenth of a second.
const BATCHES_A_SECOND: u64 = 10;

/// What a peer may owe us at most, as a part of the memory for pieces: the rest is for what is
/// being hashed and written meanwhile.
const OWED_PART: u64 = 3;

impl Torrent {
    /// Takes the end of a disk job.
    pub(super) fn stored(
        &mut self,
        job: JobId,
        result: Result<DiskDone, DiskError>,
        turn: &mut Turn<'_, '_>,
    ) {
        let now = turn.now();
        if let Stage::Leaving { assembly, .. } = &mut self.core.stage {
            if let Some(leaving) = assembly.as_deref_mut()
                && let Some(piece) = leaving.job_done(job)
            {
                leaving.failed(piece, &mut turn.session.slots, turn.io);
                assembly.take_if(|assembly| !assembly.is_storing());
            }
            turn.session
                .timers
                .set_earlier(Timer::Look(self.core.id), now);
            return;
        }
        let assembly = self.core.assembly_mut();
        let Some(piece) = assembly.and_then(|assembly| assembly.job_done(job)) else {
            self.checked(job, &result, turn);
            return;
        };
        match result {
            Ok(DiskDone::Stored { blocks }) => self.piece_is_right(piece, &blocks, turn),
            Ok(DiskDone::Finished) => self.piece_is_right(piece, &[], turn),
            Ok(DiskDone::Extended) => self.part_is_written(piece, turn),
            Ok(DiskDone::Checked | DiskDone::Read(_)) => {}
            Err(DiskError::Mismatch { blocks }) => self.piece_is_wrong(piece, &blocks, turn),
            Err(error) => self.disk_refused(piece, error, turn),
        }
        self.ask_all(turn);
    }

    /// The disk took something: if it refused before, it is asked to take the rest too.
    fn disk_is_well(&mut self, turn: &mut Turn<'_, '_>) {
        if self.core.disk == Disk::Refusing {
            self.core.disk = Disk::Well;
            turn.session.timers.stop(Timer::Disk(self.core.id));
            self.store_again(turn);
        }
    }

    /// A part of a long piece is on the disk.
    fn part_is_written(&mut self, piece: PieceIndex, turn: &mut Turn<'_, '_>) {
        self.disk_is_well(turn);
        if let Stage::Begun(assembly) = &mut self.core.stage {
            assembly.extended(piece, &mut turn.session.slots, turn.io);
        }
        self.core.store(piece, turn);
    }

    fn piece_is_right(&mut self, piece: PieceIndex, blocks: &[Digest], turn: &mut Turn<'_, '_>) {
        self.disk_is_well(turn);
        let core = &mut self.core;
        let Stage::Begun(assembly) = &mut core.stage else {
            return;
        };
        let links = &self.links;
        let senders = assembly.picker_ref().into_iter().flat_map(|picker| {
            picker
                .senders(piece)
                .filter_map(|(_, conn)| Some(links.get(&conn)?.endpoint()))
        });
        let liars = core.smart_ban.passed(piece, blocks, senders);
        let Some(assembly) = self.core.assembly_mut() else {
            return;
        };
        let progressed = assembly.stored(piece, &mut turn.session.slots);
        turn.io.emit(Event::Stored {
            torrent: self.core.id,
            piece,
        });
        self.announce_piece(piece, turn);
        self.ban(&liars, turn);
        if progressed == Progressed::Finished {
            self.finished(turn);
        }
    }

    /// Tells all peers of a piece that we have.
    pub(super) fn announce_piece(&mut self, piece: PieceIndex, turn: &mut Turn<'_, '_>) {
        let (peers, _) = self.peers_mut();
        for (conn, peer) in peers {
            turn.io.send(conn, &Message::Have(piece));
            peer.spoke_at = turn.io.now();
        }
    }

    /// All that is wanted is here.
    fn finished(&mut self, turn: &mut Turn<'_, '_>) {
        self.report(turn);
        turn.io.emit(Event::Complete {
            torrent: self.core.id,
        });
        self.core.announcer.complete(turn.now());
        self.core.announce(turn);
        let (peers, core) = self.peers_mut();
        for (conn, peer) in peers {
            core.review_interest(conn, peer, turn);
            if let Some(has) = peer.has() {
                core.note_for_suggestions(has, turn);
            }
        }
        // Two seeds have nothing to say to each other (spec section 21).
        let seeds: Vec<_> = self
            .peers()
            .filter(|(_, peer)| peer.is_seed())
            .map(|(conn, _)| conn)
            .collect();
        for conn in seeds {
            turn.io.close(conn);
            self.forget(conn, turn);
        }
    }

    fn piece_is_wrong(&mut self, piece: PieceIndex, blocks: &[Digest], turn: &mut Turn<'_, '_>) {
        turn.io.emit(Event::Failed {
            torrent: self.core.id,
            piece,
        });
        let core = &mut self.core;
        let Stage::Begun(assembly) = &mut core.stage else {
            return;
        };
        core.totals.wasted += u64::from(assembly.layout().piece_len(piece));
        let links = &self.links;
        let senders = assembly.picker_ref().into_iter().flat_map(|picker| {
            picker
                .senders(piece)
                .map(|(block, conn)| (block, links.get(&conn).map(Link::endpoint)))
        });
        let verdict = core.smart_ban.failed(piece, blocks, senders);
        assembly.failed(piece, &mut turn.session.slots, turn.io);
        if let Verdict::Guilty(liar) = verdict {
            self.ban(&[liar], turn);
        }
    }

    fn ban(&mut self, liars: &[Endpoint], turn: &mut Turn<'_, '_>) {
        for &liar in liars {
            turn.io.emit(Event::Banned {
                torrent: self.core.id,
                peer: liar,
            });
            self.core.candidates.ban_host(liar);
            let banned = self
                .links
                .iter()
                .filter(|(_, link)| self.core.candidates.is_banned(link.endpoint()));
            let banned: Vec<_> = banned.map(|(&conn, _)| conn).collect();
            for conn in banned {
                self.close(conn, &Misbehaviour::BadData, turn);
            }
        }
    }

    fn disk_refused(&mut self, piece: PieceIndex, error: DiskError, turn: &mut Turn<'_, '_>) {
        if let Some(assembly) = self.core.assembly_mut() {
            assembly.refused(piece);
        }
        if self.core.disk == Disk::Well {
            self.core.disk = Disk::Refusing;
            turn.io.emit(Event::DiskTrouble {
                torrent: self.core.id,
                error,
            });
        }
        turn.set(Timer::Disk(self.core.id), DISK_RETRY);
    }

    /// Has the pieces that the disk refused stored once more.
    pub(crate) fn store_again(&mut self, turn: &mut Turn<'_, '_>) {
        let Stage::Begun(assembly) = &self.core.stage else {
            return;
        };
        for piece in assembly.refused_pieces() {
            self.core.store(piece, turn);
        }
        turn.io.hurry_disk();
    }

    /// Asks every peer for more that has room for it: memory became free.
    pub(super) fn ask_all(&mut self, turn: &mut Turn<'_, '_>) {
        let (peers, core) = self.peers_mut();
        for (conn, peer) in peers {
            core.ask(conn, peer, turn);
        }
    }
}

impl Core {
    /// Asks a peer for more blocks, if it owes us less than it could.
    pub(super) fn ask(&mut self, conn: ConnId, peer: &mut Peer, turn: &mut Turn<'_, '_>) {
        if self.disk == Disk::Refusing || peer.our_interest == Interest::Uninterested {
            return;
        }
        let depth_max = turn.session.config.memory_bytes / OWED_PART / u64::from(BLOCK_LEN);
        let want = peer
            .pipeline
            .room(u32::try_from(depth_max.max(2)).unwrap_or(u32::MAX));
        if want == 0 {
            return;
        }
        let Stage::Begun(assembly) = &mut self.stage else {
            return;
        };
        if let Some(picker) = assembly.picker_ref() {
            peer.suggested.retain(|&piece| picker.wants(piece));
        }
        let permission = match peer.their_choke {
            Choke::Unchoked => Permission::Unchoked {
                suggested: &peer.suggested,
                unadvised_max: match peer.advice {
                    Advice::None => usize::MAX,
                    Advice::Given => peer.pipeline.room_shallow(),
                },
            },
            Choke::Choked if peer.allowed_fast.is_empty() => return,
            Choke::Choked => Permission::Choked {
                allowed_fast: &peer.allowed_fast,
            },
        };
        let Pieces::Known(has) = &peer.pieces else {
            return;
        };
        let now = turn.io.now();
        let standing = if self.smart_ban.is_on_parole(peer.endpoint) {
            Standing::OnParole
        } else {
            Standing::Trusted
        };
        let source = Source {
            peer: conn,
            has,
            speed: Speed::of(peer.down.recent(now), assembly.layout().piece_length()),
            standing,
            permission,
        };
        self.picked.clear();
        assembly.pick(
            &source,
            want,
            &mut turn.session.slots,
            turn.io,
            &mut self.picked,
        );
        for &block in &self.picked {
            turn.io.send(conn, &Message::Request(block));
        }
        if !self.picked.is_empty() {
            peer.pipeline.asked(now, &self.picked);
            peer.spoke_at = now;
        } else if peer.pipeline.owed_count() == 0 {
            self.nothing_to_ask(conn, peer, turn);
        }
        self.store_ripe(turn);
    }

    /// Has pieces stored that need no block of anybody.
    fn store_ripe(&mut self, turn: &mut Turn<'_, '_>) {
        while let Some(piece) = self.assembly_mut().and_then(Assembly::next_ripe) {
            self.store(piece, turn);
            self.hurry_disk(turn);
        }
    }

    /// A peer that owes us nothing could not be asked for anything: perhaps it has nothing that
    /// we want, or the memory is taken by pieces that nobody here can complete.
    fn nothing_to_ask(&mut self, conn: ConnId, peer: &mut Peer, turn: &mut Turn<'_, '_>) {
        self.review_interest(conn, peer, turn);
        let Stage::Begun(assembly) = &mut self.stage else {
            return;
        };
        let is_short = turn.session.slots.room(assembly.layout().piece_length()) == 0;
        if is_short && peer.our_interest == Interest::Interested {
            assembly.give_up_one(&mut turn.session.slots, turn.io);
        }
    }

    /// A `piece` message begins.
    pub(super) fn block_begins(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        block: Block,
    ) -> Result<(), Misbehaviour> {
        peer.incoming = Incoming::Waste;
        let was_asked = peer.pipeline.owed().any(|owed| owed == block);
        if !was_asked {
            peer.blame_unasked(block)?;
        }
        if self
            .assembly_mut()
            .is_some_and(|assembly| assembly.expect(conn, block))
        {
            peer.incoming = Incoming::Wanted(block);
        }
        Ok(())
    }

    /// Some payload of the block that comes in.
    pub(super) fn payload(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        block: Block,
        at: u32,
        bytes: Bytes,
        turn: &mut Turn<'_, '_>,
    ) {
        let (now, len) = (turn.now(), bytes.len());
        let is_last = at as usize + len == block.len as usize;
        peer.down.add(now, len as u64);
        peer.payload_at = Some(now);
        self.totals.down.add(now, len as u64);
        if !turn.receives(&mut self.rates, len as u64) && !peer.is_paused {
            peer.is_paused = true;
            turn.io.pause(conn);
            let all = turn.session.rates.down;
            turn.wait_for_refill(&self.rates.down, &all, 1);
        }
        match peer.incoming {
            Incoming::Waste => self.totals.wasted += len as u64,
            Incoming::Wanted(_) => {
                let slot_len = turn.session.slots.slot_len();
                if let Stage::Begun(assembly) = &self.stage {
                    assembly.put(conn, block, at, bytes, slot_len, turn.io);
                }
            }
        }
        if is_last {
            self.block_ends(conn, peer, block, turn);
        }
    }

    fn block_ends(&mut self, conn: ConnId, peer: &mut Peer, block: Block, turn: &mut Turn<'_, '_>) {
        let now = turn.now();
        let delivery = peer.pipeline.received(now, block, peer.down.recent(now));
        let incoming = core::mem::replace(&mut peer.incoming, Incoming::Waste);
        let Some(assembly) = self.assembly_mut() else {
            return;
        };
        if incoming == Incoming::Waste {
            // The picker may still count on this peer for the block; somebody else brings it.
            if let (Delivery::Asked, Some(picker)) = (delivery, assembly.picker()) {
                picker.released(conn, block);
            }
            return;
        }
        let is_long = assembly.is_long(block.piece);
        match assembly.received(conn, block) {
            Arrival::Waste => self.totals.wasted += u64::from(block.len),
            Arrival::Block { cancel, piece } => {
                self.errands
                    .extend(cancel.into_iter().map(|other| Errand::Cancel(other, block)));
                let is_whole = piece == PieceState::Whole;
                if is_whole || is_long {
                    self.store(block.piece, turn);
                }
                if is_whole {
                    self.hurry_disk(turn);
                }
            }
        }
    }

    /// Has a whole piece hashed and written, or what has come of a long one.
    fn store(&mut self, piece: PieceIndex, turn: &mut Turn<'_, '_>) {
        let blocks = if self.smart_ban.was_wrong(piece) {
            BlockDigests::Always
        } else {
            BlockDigests::WhenWrong
        };
        let Stage::Begun(assembly) = &mut self.stage else {
            return;
        };
        let job = assembly.store(piece, blocks, turn.io);
        if let Some(job) = job {
            turn.session.jobs.insert(job, self.id);
        }
    }

    /// Lets the driver not wait for company when none will come soon: no memory is left, nothing is
    /// left to begin, or pieces come too slowly to be worth waiting for. What waits in memory is
    /// lost by a crash.
    fn hurry_disk(&self, turn: &mut Turn<'_, '_>) {
        let Stage::Begun(assembly) = &self.stage else {
            return;
        };
        let is_short = turn.session.slots.room(assembly.layout().piece_length()) == 0;
        let is_ending = assembly
            .picker_ref()
            .is_none_or(|picker| picker.is_all_begun());
        let batch_bytes = BATCH_PIECES * u64::from(assembly.layout().piece_length());
        let is_slow = self.totals.down.recent(turn.now()) < BATCHES_A_SECOND * batch_bytes;
        if is_short || is_ending || is_slow {
            turn.io.hurry_disk();
        }
    }

    /// The peer serves us no more.
    pub(super) fn choked_by(&mut self, conn: ConnId, peer: &mut Peer) {
        peer.their_choke = Choke::Choked;
        if peer.is_fast() {
            return; // Each request is still answered, by its block or by a reject.
        }
        peer.pipeline.forget_all();
        if let Some(picker) = self.assembly_mut().and_then(|assembly| assembly.picker()) {
            picker.released_all(conn);
        }
    }

    /// The peer will not send a block.
    pub(super) fn rejected(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        block: Block,
    ) -> Result<(), Misbehaviour> {
        if !peer.pipeline.forget(block) {
            return peer.blame_reject(block);
        }
        // What it rejects while it chokes us it will not send in spite of its word.
        if peer.their_choke == Choke::Choked {
            peer.allowed_fast.retain(|&piece| piece != block.piece);
        }
        peer.suggested.retain(|&piece| piece != block.piece);
        if let Some(picker) = self.assembly_mut().and_then(|assembly| assembly.picker()) {
            picker.released(conn, block);
        }
        Ok(())
    }

    /// Tells a peer that a block is no longer wanted. With the Fast extension it still answers,
    /// so it keeps owing the block.
    pub(super) fn cancel(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        block: Block,
        turn: &mut Turn<'_, '_>,
    ) {
        if !peer.pipeline.owed().any(|owed| owed == block) {
            return;
        }
        turn.io.send(conn, &Message::Cancel(block));
        if !peer.is_fast() {
            peer.pipeline.forget(block);
        }
        self.ask(conn, peer, turn);
    }

    /// A peer is gone in the middle of a block.
    pub(super) fn drop_incoming(&mut self, conn: ConnId, peer: &Peer) {
        if let (Incoming::Wanted(block), Some(assembly)) = (peer.incoming, self.assembly_mut()) {
            assembly.abandon(conn, block);
        }
    }
}
