//! The pieces of one torrent between the wire and the disk.
//!
//! A piece is *begun* when slots are found for it, *filled* block by block, *stored* by the driver
//! (hashed in memory, written if right) and then *had*. A piece too long to be held is written as
//! it comes, and had when its hash is right in the end. Blocks that are nothing but padding are
//! zeros that we make ourselves (BEP 47). This file keeps the books of that road; what to ask of
//! whom is the [`Picker`]'s to say.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use bytes::Bytes;
use machine::{BlockDigests, ConnId, DiskWork, Expect, FileId, FileSpan, Io, JobId};
use smallvec::SmallVec;

use crate::api::{Content, Order, Places, Refusal};
use crate::bitfield::Bitfield;
use crate::doubts::{self, Doubts, Found};
use crate::filling::{Filling, Step};
use crate::metainfo::{Contents, FileIndex, Info, Layout};
use crate::node::Node;
use crate::numbers::{BLOCK_LEN, Block, PieceIndex};
use crate::picker::{self, Arrival, Opening, Picker, PieceOrder, Priority};
use crate::slots::Slots;

/// Where the bytes of a block or a piece lie.
pub(crate) type Spans = SmallVec<[FileSpan; 1]>;

/// The pieces of one torrent: had, begun, wanted.
#[derive(Debug)]
pub(crate) struct Assembly {
    info: Arc<Info>,
    places: Places,
    have: Bitfield,
    /// There while something wanted is missing.
    picker: Option<Box<Picker>>,
    filling: BTreeMap<PieceIndex, Filling>,
    storing: BTreeMap<JobId, PieceIndex>,
    /// There once a file changed under us.
    doubts: Option<Box<Doubts>>,
    /// Pieces that could be stored as soon as they were begun: all padding.
    ripe: Vec<PieceIndex>,
    wanted_bytes: u64,
    done_bytes: u64,
}

/// What padding is made of.
static ZEROS: [u8; BLOCK_LEN as usize] = [0; BLOCK_LEN as usize];

/// What became of a piece that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progressed {
    /// It is had; more is missing.
    Further,
    /// It is had, and was the last that is wanted.
    Finished,
}

impl Assembly {
    /// Begins with what the user says is there.
    pub(crate) fn new(content: Content) -> Result<Self, Refusal> {
        let Content {
            info,
            places,
            have,
            wanted,
            order,
        } = content;
        let layout = info.layout();
        let fits = match &places {
            Places::Consecutive(first) => first.0.checked_add(layout.file_count()).is_some(),
            Places::Each(each) => each.len() == layout.file_count() as usize,
        };
        if !fits || have.len() != layout.piece_count() {
            return Err(Refusal::Misfit);
        }
        let wanted = wanted_pieces(layout, wanted.as_deref());
        let lens = |pieces: &mut dyn Iterator<Item = PieceIndex>| -> u64 {
            pieces.map(|piece| u64::from(layout.piece_len(piece))).sum()
        };
        let wanted_bytes = lens(&mut wanted.iter());
        let done_bytes = lens(&mut wanted.iter().filter(|piece| have.has(*piece)));
        let picker = wanted.has_any_lacking_in(&have).then(|| {
            let mut picker = Picker::new(layout.cut(), &have);
            wanted
                .missing()
                .for_each(|piece| picker.set_priority(piece, Priority::SKIP));
            picker.set_order(match order {
                Order::RarestFirst => PieceOrder::RarestFirst,
                Order::Sequential => PieceOrder::Sequential,
            });
            Box::new(picker)
        });
        Ok(Self {
            places,
            have,
            picker,
            filling: BTreeMap::new(),
            storing: BTreeMap::new(),
            doubts: None,
            ripe: Vec::new(),
            wanted_bytes,
            done_bytes,
            info,
        })
    }

    pub(crate) fn info(&self) -> &Info {
        &self.info
    }

    pub(crate) fn layout(&self) -> &Layout {
        self.info.layout()
    }

    pub(crate) const fn have(&self) -> &Bitfield {
        &self.have
    }

    /// Whether everything wanted is had.
    pub(crate) const fn is_finished(&self) -> bool {
        self.picker.is_none()
    }

    /// Wanted bytes that are had, and wanted bytes in all.
    pub(crate) const fn done_and_wanted(&self) -> (u64, u64) {
        (self.done_bytes, self.wanted_bytes)
    }

    /// The picker, while something is missing.
    pub(crate) fn picker(&mut self) -> Option<&mut Picker> {
        self.picker.as_deref_mut()
    }

    pub(crate) fn picker_ref(&self) -> Option<&Picker> {
        self.picker.as_deref()
    }

    /// Picks blocks to ask of a peer, beginning pieces while there is memory for them.
    pub(crate) fn pick(
        &mut self,
        source: &picker::Source<'_>,
        want: usize,
        slots: &mut Slots,
        io: &mut Io<'_, Node>,
        out: &mut Vec<Block>,
    ) {
        let Self {
            picker: Some(picker),
            filling,
            info,
            ..
        } = self
        else {
            return;
        };
        let layout = info.layout();
        let mut padded = Vec::new();
        let begin = |piece| {
            let begun = Filling::begin(layout.piece_len(piece), slots)?;
            let opening = Opening {
                reach: begun.reach(),
                made: layout.padding_blocks(piece).collect(),
            };
            padded.extend((!opening.made.is_empty()).then_some(piece));
            filling.insert(piece, begun);
            Some(opening)
        };
        picker.pick(source, want, begin, io.rng(), out);
        for piece in padded {
            self.make_padding(piece, 0, slots.slot_len(), io);
            self.ripe.push(piece);
        }
    }

    /// A piece that may be stored, or a part of it, without another block; each is named once.
    pub(crate) fn next_ripe(&mut self) -> Option<PieceIndex> {
        self.ripe.pop()
    }

    /// Gives up a piece that nobody sends, so that its memory can serve another.
    pub(crate) fn give_up_one(&mut self, slots: &mut Slots, io: &mut Io<'_, Node>) {
        let Self {
            picker, filling, ..
        } = self;
        let is_idle = |piece| filling.get(&piece).is_some_and(|it| !it.is_busy());
        let given_up = picker
            .as_mut()
            .and_then(|picker| picker.give_up_one(is_idle));
        if let Some(piece) = given_up {
            self.release(piece, slots, io);
        }
    }

    /// Whether the piece's memory can take a block that now comes from `conn`; if so, it is
    /// expected until [`received`](Self::received) or [`abandon`](Self::abandon).
    pub(crate) fn expect(&mut self, conn: ConnId, block: Block) -> bool {
        let picker = self.picker.as_ref();
        let is_missing = picker.is_some_and(|picker| picker.is_missing(block));
        let filling = self.filling.get_mut(&block.piece).filter(|_| is_missing);
        filling.is_some_and(|filling| filling.expect(conn, block))
    }

    /// Puts payload of an expected block into the piece's memory.
    pub(crate) fn put(
        &self,
        conn: ConnId,
        block: Block,
        at: u32,
        bytes: Bytes,
        slot_len: u32,
        io: &mut Io<'_, Node>,
    ) {
        let filling = self.filling.get(&block.piece);
        if let Some(filling) = filling.filter(|it| it.expects(conn, block)) {
            fill(filling, block.begin + at, bytes, slot_len, io);
        }
    }

    /// Puts zeros where padding is, into the blocks of a piece from number `first` on that there is
    /// memory for.
    fn make_padding(&self, piece: PieceIndex, first: u32, slot_len: u32, io: &mut Io<'_, Node>) {
        let Some(filling) = self.filling.get(&piece) else {
            return;
        };
        let layout = self.layout();
        let reached = first..filling.reach();
        let made = layout.padding_blocks(piece).flatten();
        for block in made.filter(|number| reached.contains(number)) {
            let Some(block) = layout.block(piece, block) else {
                continue;
            };
            let zeros = Bytes::from_static(&ZEROS).slice(..block.len as usize);
            fill(filling, block.begin, zeros, slot_len, io);
        }
    }

    /// Notes that an expected block is whole.
    pub(crate) fn received(&mut self, conn: ConnId, block: Block) -> Arrival {
        if !self.unexpect(conn, block) {
            return Arrival::Waste;
        }
        self.picker()
            .map_or(Arrival::Waste, |picker| picker.received(conn, block))
    }

    /// Notes that an expected block will not become whole.
    pub(crate) fn abandon(&mut self, conn: ConnId, block: Block) {
        self.unexpect(conn, block);
    }

    fn unexpect(&mut self, conn: ConnId, block: Block) -> bool {
        let filling = self.filling.get_mut(&block.piece);
        filling.is_some_and(|filling| filling.unexpect(conn, block))
    }

    /// Whether a piece goes to the disk slot by slot.
    pub(crate) fn is_long(&self, piece: PieceIndex) -> bool {
        self.filling.get(&piece).is_some_and(Filling::is_long)
    }

    /// Has a piece hashed and written that is whole; of a long one, what has come in order.
    pub(crate) fn store(
        &mut self,
        piece: PieceIndex,
        blocks: BlockDigests,
        io: &mut Io<'_, Node>,
    ) -> Option<JobId> {
        let digest = self.info.piece_hash(piece)?;
        let expect = Expect::Sha1 { digest, blocks };
        let in_order = self.picker.as_ref()?.in_order(piece);
        let work = match self.filling.get_mut(&piece)?.next_step(in_order)? {
            Step::Store(slots) => {
                let (begin, len) = (0, self.layout().piece_len(piece));
                let to = self.spans(Block { piece, begin, len });
                DiskWork::Store { slots, expect, to }
            }
            Step::Extend {
                chain,
                slot,
                begin,
                len,
            } => {
                let to = self.spans(Block { piece, begin, len });
                DiskWork::Extend {
                    chain,
                    slot,
                    len,
                    to,
                }
            }
            Step::Finish(chain) => DiskWork::Finish { chain, expect },
        };
        let job = io.disk(work);
        self.storing.insert(job, piece);
        Some(job)
    }

    /// Notes that a slot of a long piece is written: there is memory for what follows.
    pub(crate) fn extended(&mut self, piece: PieceIndex, slots: &mut Slots, io: &mut Io<'_, Node>) {
        let Some(filling) = self.filling.get_mut(&piece) else {
            return;
        };
        let before = filling.reach();
        filling.extended(slots);
        let reach = filling.reach();
        if let Some(picker) = &mut self.picker {
            picker.widen(piece, reach);
        }
        self.make_padding(piece, before, slots.slot_len(), io);
    }

    /// Which piece a disk job was about; the job is over.
    pub(crate) fn job_done(&mut self, job: JobId) -> Option<PieceIndex> {
        self.storing.remove(&job)
    }

    /// Notes that a piece is verified and written; its memory is free.
    pub(crate) fn stored(&mut self, piece: PieceIndex, slots: &mut Slots) -> Progressed {
        if let Some(filling) = self.filling.remove(&piece) {
            slots.give_back(&filling.end().0);
        }
        self.gain(piece);
        if let Some(doubts) = &mut self.doubts {
            doubts.restored(piece);
        }
        if let Some(picker) = &mut self.picker {
            picker.piece_verified(piece);
            if !picker.is_finished() {
                return Progressed::Further;
            }
        }
        self.picker = None;
        Progressed::Finished
    }

    /// Notes that a piece was wrong: it is wanted again.
    pub(crate) fn failed(&mut self, piece: PieceIndex, slots: &mut Slots, io: &mut Io<'_, Node>) {
        self.release(piece, slots, io);
        if let Some(picker) = self.picker() {
            picker.piece_lost(piece);
        }
    }

    /// Notes that the disk refused a piece; it keeps its memory.
    pub(crate) fn refused(&mut self, piece: PieceIndex) {
        if let Some(filling) = self.filling.get_mut(&piece) {
            filling.refused();
        }
    }

    /// The pieces that the disk refused.
    pub(crate) fn refused_pieces(&self) -> Vec<PieceIndex> {
        let refused = self.filling.iter().filter(|(_, it)| it.is_refused());
        refused.map(|(&piece, _)| piece).collect()
    }

    /// Whether the driver still holds pieces of ours that it has not answered for.
    pub(crate) fn is_storing(&self) -> bool {
        !self.storing.is_empty()
    }

    /// Gives memory back because the torrent goes; what the driver still stores keeps its own
    /// until the driver has answered.
    pub(crate) fn release_all(&mut self, slots: &mut Slots, io: &mut Io<'_, Node>) {
        let idle = self.filling.iter().filter(|(_, it)| !it.is_busy());
        let pieces: Vec<_> = idle.map(|(&piece, _)| piece).collect();
        for piece in pieces {
            self.release(piece, slots, io);
        }
    }

    /// Where the bytes of a block lie.
    pub(crate) fn spans(&self, block: Block) -> Spans {
        let spans = self.layout().spans(block);
        spans
            .map(|span| self.file_span(span.file, span.contents, span.offset, span.len))
            .collect()
    }

    /// Offers the pieces of a file no more, until each was read back; tells the range that they lie
    /// in.
    pub(crate) fn doubt_file(&mut self, file: FileId) -> Range<u32> {
        let layout = self.info.layout();
        let there = layout.files().filter(|&it| self.place(it).0 == file);
        let pieces = there.flat_map(|it| layout.pieces_of(it));
        let range = pieces.fold(0..0, |range: Range<u32>, PieceIndex(piece)| {
            if range.is_empty() {
                piece..piece + 1
            } else {
                range.start.min(piece)..range.end.max(piece + 1)
            }
        });
        for piece in doubts::pieces(&range) {
            if self.have.clear(piece) {
                let len = u64::from(self.info.layout().piece_len(piece));
                self.done_bytes = self.done_bytes.saturating_sub(len);
                let doubts = self.doubts.get_or_insert_default();
                doubts.doubt(core::iter::once(piece));
            }
        }
        range
    }

    /// Has one more piece in doubt read back, if it is time to.
    pub(crate) fn check_next(&mut self, io: &mut Io<'_, Node>) -> Option<JobId> {
        let piece = self.doubts.as_mut()?.next()?;
        let digest = self.info.piece_hash(piece)?;
        let blocks = BlockDigests::WhenWrong;
        let expect = Expect::Sha1 { digest, blocks };
        let (begin, len) = (0, self.layout().piece_len(piece));
        let from = self.spans(Block { piece, begin, len });
        let job = io.disk(DiskWork::Check { from, expect });
        self.doubts.get_or_insert_default().checking(job, piece);
        Some(job)
    }

    /// Takes what reading a piece back has shown; `None` if the job was none of those. What is lost
    /// is wanted again, as long as anything is.
    pub(crate) fn checked(&mut self, job: JobId, is_right: impl FnOnce() -> bool) -> Option<Found> {
        let found = self.doubts.as_mut()?.checked(job, is_right)?;
        match found {
            Found::There(piece) => self.gain(piece),
            Found::Lost(piece) => {
                if let Some(picker) = &mut self.picker {
                    picker.piece_lost(piece);
                }
            }
        }
        Some(found)
    }

    /// Whether others may rightly think that we have a piece that we lack.
    pub(crate) fn was_offered(&self, piece: PieceIndex) -> bool {
        let doubts = self.doubts.as_ref();
        doubts.is_some_and(|doubts| doubts.was_offered(piece))
    }

    fn gain(&mut self, piece: PieceIndex) {
        if self.have.set(piece) {
            self.done_bytes += u64::from(self.layout().piece_len(piece));
        }
    }

    fn file_span(&self, file: FileIndex, contents: Contents, offset: u64, len: u32) -> FileSpan {
        if contents == Contents::Padding {
            return FileSpan {
                file: FileId::PADDING,
                offset,
                len,
            };
        }
        let (file, base) = self.place(file);
        FileSpan {
            file,
            offset: base + offset,
            len,
        }
    }

    fn place(&self, file: FileIndex) -> (FileId, u64) {
        match &self.places {
            Places::Consecutive(first) => (FileId(first.0 + file.0), 0),
            Places::Each(each) => each
                .get(file.0 as usize)
                .copied()
                .unwrap_or((FileId::PADDING, 0)),
        }
    }

    fn release(&mut self, piece: PieceIndex, slots: &mut Slots, io: &mut Io<'_, Node>) {
        let Some(filling) = self.filling.remove(&piece) else {
            return;
        };
        let (held, chain) = filling.end();
        held.iter().for_each(|&(slot, _)| io.free(slot));
        slots.give_back(&held);
        if let (Some(chain), Some(digest)) = (chain, self.info.piece_hash(piece)) {
            // So that the driver forgets it; nobody waits for the answer.
            let blocks = BlockDigests::WhenWrong;
            let expect = Expect::Sha1 { digest, blocks };
            io.disk(DiskWork::Finish { chain, expect });
        }
    }
}

/// Puts bytes into a piece's memory, from a position of the piece on.
fn fill(filling: &Filling, at: u32, mut bytes: Bytes, slot_len: u32, io: &mut Io<'_, Node>) {
    let mut position = at;
    while !bytes.is_empty() {
        let Some((slot, within, room)) = filling.place(position, slot_len) else {
            return;
        };
        let part = bytes.split_to(bytes.len().min(room as usize));
        position += part.len() as u32;
        io.put(slot, within, part);
    }
}

/// The pieces that wanted files have a part in; `None` wants all files.
fn wanted_pieces(layout: &Layout, files: Option<&[u32]>) -> Bitfield {
    let Some(files) = files else {
        return Bitfield::all(layout.piece_count());
    };
    let mut wanted = Bitfield::none(layout.piece_count());
    for piece in files
        .iter()
        .flat_map(|&file| layout.pieces_of(FileIndex(file)))
    {
        wanted.set(piece);
    }
    wanted
}
