//! The disk of one node: memory for pieces, files, and the work between them.
//!
//! With [`Payload::Real`] files have bytes and pieces are hashed, so damage is found where it would
//! be found on a real disk. With [`Payload::Shared`] nothing is kept but *which* bytes are there:
//! a piece counts as right if every byte of it was put and all of them were zeros, as all payload
//! then is. So a node that loses, misplaces or misreads a block is caught even there.
//!
//! What was written is never lost, not even by a crash; a job that was under way is.

mod file;
mod ranges;
mod slot;

use std::collections::BTreeMap;

use bytes::Bytes;
use machine::disk::DIGEST_BLOCK_LEN;
use machine::{
    BlockDigests, ChainId, Digest, DiskDone, DiskError, DiskWork, Expect, FileId, FileSpan, JobId,
    SlotId, SlotPlan,
};
use sha1::{Digest as _, Sha1};

use crate::config::{DiskModel, Payload};
use file::File;
use slot::Slot;

pub use file::Content;

/// The disk of one node. Tests lay files on it, look at them, and damage them.
#[derive(Debug)]
pub struct Disk {
    model: DiskModel,
    plan: SlotPlan,
    slots: BTreeMap<SlotId, Slot>,
    files: BTreeMap<FileId, File>,
    jobs: BTreeMap<JobId, Box<DiskWork>>,
    chains: BTreeMap<ChainId, Chain>,
    /// When the jobs taken on so far will be done, in nanoseconds.
    busy_until: u64,
    /// How many bytes may still be written before the disk is full.
    free: u64,
}

/// A growing hash.
#[derive(Debug, Clone, Default)]
struct Chain {
    hasher: Sha1,
    truth: Truth,
}

/// What is known of shared payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Truth {
    /// It is what it should be.
    #[default]
    Right,
    /// Some of it is missing or damaged.
    Wrong,
}

impl Disk {
    pub(crate) fn new(model: DiskModel, plan: SlotPlan) -> Self {
        Self {
            model,
            plan,
            slots: BTreeMap::new(),
            files: BTreeMap::new(),
            jobs: BTreeMap::new(),
            chains: BTreeMap::new(),
            busy_until: 0,
            free: u64::MAX,
        }
    }

    /// Lays a file on the disk, or permits one: it may grow to `len` bytes.
    pub fn register(&mut self, file: FileId, len: u64, content: Content) {
        let file_of = File::new(self.model.payload, len, content);
        self.files.insert(file, file_of);
    }

    /// The bytes of a file, zeros where payload is shared; none if it is not there.
    #[must_use]
    pub fn bytes(&self, file: FileId) -> Vec<u8> {
        self.files.get(&file).map_or_else(Vec::new, File::bytes)
    }

    /// How many bytes of a file were written, or laid there.
    #[must_use]
    pub fn written(&self, file: FileId) -> u64 {
        self.files.get(&file).map_or(0, File::written)
    }

    /// Lets the disk be full when so many more bytes are written. `u64::MAX` makes room again.
    pub const fn fill_after(&mut self, bytes: u64) {
        self.free = bytes;
    }

    /// Forbids to read and write a file, until it is registered anew.
    pub fn deny(&mut self, file: FileId) {
        if let Some(file) = self.files.get_mut(&file) {
            file.deny();
        }
    }

    /// Damages the byte of a file at an offset, if it is there.
    pub fn damage(&mut self, file: FileId, offset: u64) {
        if let Some(file) = self.files.get_mut(&file) {
            file.damage(offset);
        }
    }

    /// Cuts a file off at an offset, as somebody else's program may.
    pub fn truncate(&mut self, file: FileId, len: u64) {
        if let Some(file) = self.files.get_mut(&file) {
            file.truncate(len);
        }
    }

    /// Forgets what is not on the disk.
    pub(crate) fn crash(&mut self) {
        self.slots.clear();
        self.jobs.clear();
        self.chains.clear();
    }

    /// Puts payload into a slot.
    pub(crate) fn put(&mut self, slot: SlotId, at: u32, bytes: &Bytes) {
        let plan = self.plan;
        assert!(slot.0 < plan.count, "{slot:?} of {plan:?}");
        let end = u64::from(at) + bytes.len() as u64;
        assert!(
            end <= u64::from(plan.len),
            "bytes up to {end} in a slot of {plan:?}"
        );
        let held = self.slots.entry(slot).or_default();
        held.put(self.model.payload, at, bytes);
    }

    /// Forgets what a slot holds.
    pub(crate) fn free(&mut self, slot: SlotId) {
        if let Some(held) = self.slots.remove(&slot) {
            assert!(
                !held.is_taken(),
                "{slot:?} is freed while the disk works on it"
            );
        }
    }

    /// Takes a job on and tells when it will be done, in nanoseconds.
    pub(crate) fn begin(&mut self, job: JobId, work: Box<DiskWork>, now: u64) -> u64 {
        for (slot, _) in slots_of(&work) {
            self.slots.entry(slot).or_default().take();
        }
        let access = u64::try_from(self.model.access.as_nanos()).unwrap_or(u64::MAX);
        let time = access.saturating_add(self.model.speed.nanos(len_of(&work)));
        self.busy_until = self.busy_until.max(now).saturating_add(time);
        self.jobs.insert(job, work);
        self.busy_until
    }

    /// Does a job and tells how it ended; `None` if a crash swept it away.
    pub(crate) fn finish(&mut self, job: JobId) -> Option<Result<DiskDone, DiskError>> {
        let work = self.jobs.remove(&job)?;
        let slots = slots_of(&work);
        let result = self.perform(*work);
        for (slot, _) in slots {
            if result.is_ok() {
                self.slots.remove(&slot);
            } else if let Some(held) = self.slots.get_mut(&slot) {
                held.give_back();
            }
        }
        Some(result)
    }

    /// Reads a stretch.
    pub(crate) fn read(&self, span: FileSpan) -> Result<Bytes, DiskError> {
        if span.file == FileId::PADDING {
            return Ok(file::zeros(span.len));
        }
        let file = self.files.get(&span.file);
        file.ok_or(DiskError::Missing(span.file))?.read(span)
    }

    fn perform(&mut self, work: DiskWork) -> Result<DiskDone, DiskError> {
        match work {
            DiskWork::Store { slots, expect, to } => {
                let (bytes, truth) = self.gather(&slots);
                let blocks = self.judge(&bytes, truth, total(&slots), expect)?;
                self.write(&bytes, &to)?;
                Ok(DiskDone::Stored { blocks })
            }
            DiskWork::Extend {
                chain,
                slot,
                len,
                to,
            } => {
                let (bytes, truth) = self.gather(&[(slot, len)]);
                self.write(&bytes, &to)?;
                let chain = self.chains.entry(chain).or_default();
                chain.hasher.update(&bytes);
                if truth == Truth::Wrong {
                    chain.truth = Truth::Wrong;
                }
                Ok(DiskDone::Extended)
            }
            DiskWork::Finish { chain, expect } => {
                let chain = self.chains.remove(&chain).unwrap_or_default();
                let Expect::Sha1 { digest, .. } = expect;
                let right = match self.model.payload {
                    Payload::Real => Digest::from(chain.hasher.finalize()) == digest,
                    Payload::Shared => chain.truth == Truth::Right,
                };
                let wrong = DiskError::Mismatch { blocks: [].into() };
                right.then_some(DiskDone::Finished).ok_or(wrong)
            }
            DiskWork::Check { from, expect } => {
                let mut bytes = Vec::new();
                let mut truth = Truth::Right;
                for &span in &from {
                    if self.model.payload == Payload::Real {
                        bytes.extend_from_slice(&self.read(span)?);
                    } else if self.truth_of(span)? == Truth::Wrong {
                        truth = Truth::Wrong;
                    }
                }
                let len = from.iter().map(|span| u64::from(span.len)).sum();
                self.judge(&bytes, truth, len, expect)?;
                Ok(DiskDone::Checked)
            }
            DiskWork::Read { span } => self.read(span).map(DiskDone::Read),
        }
    }

    /// Tells whether shared payload of a file is right.
    fn truth_of(&self, span: FileSpan) -> Result<Truth, DiskError> {
        if span.file == FileId::PADDING {
            return Ok(Truth::Right);
        }
        let file = self.files.get(&span.file);
        file.ok_or(DiskError::Missing(span.file))?.truth(span)
    }

    /// What the slots hold, one after the other; shared payload has no bytes, only truth.
    fn gather(&self, slots: &[(SlotId, u32)]) -> (Vec<u8>, Truth) {
        let mut bytes = Vec::new();
        let mut truth = Truth::Right;
        for &(slot, len) in slots {
            match (self.slots.get(&slot), self.model.payload) {
                (Some(held), Payload::Real) => held.append_to(len, &mut bytes),
                (Some(held), Payload::Shared) if held.is_right(len) => {}
                (Some(_), Payload::Shared) | (None, _) => truth = Truth::Wrong,
            }
        }
        (bytes, truth)
    }

    /// Compares with what is expected; returns the digests of the blocks if they are asked for.
    fn judge(
        &self,
        bytes: &[u8],
        truth: Truth,
        len: u64,
        expect: Expect,
    ) -> Result<Box<[Digest]>, DiskError> {
        let Expect::Sha1 { digest, blocks } = expect;
        let digests = || -> Box<[Digest]> {
            match self.model.payload {
                Payload::Real => {
                    let blocks = bytes.chunks(DIGEST_BLOCK_LEN as usize);
                    blocks.map(|block| Sha1::digest(block).into()).collect()
                }
                Payload::Shared => {
                    let count = len.div_ceil(u64::from(DIGEST_BLOCK_LEN));
                    (0..count).map(|_| Digest::default()).collect()
                }
            }
        };
        let right = match self.model.payload {
            Payload::Real => Digest::from(Sha1::digest(bytes)) == digest,
            Payload::Shared => truth == Truth::Right,
        };
        match (right, blocks) {
            (true, BlockDigests::WhenWrong) => Ok([].into()),
            (true, BlockDigests::Always) => Ok(digests()),
            (false, _) => Err(DiskError::Mismatch { blocks: digests() }),
        }
    }

    /// Writes bytes to stretches of files; all or nothing, but for a disk that fills up midway.
    fn write(&mut self, mut bytes: &[u8], to: &[FileSpan]) -> Result<(), DiskError> {
        for &span in to {
            let len = (span.len as usize).min(bytes.len());
            let (these, rest) = bytes.split_at(len);
            bytes = rest;
            if span.file == FileId::PADDING {
                continue;
            }
            let file = self.files.get_mut(&span.file);
            let file = file.ok_or(DiskError::Missing(span.file))?;
            if u64::from(span.len) > self.free {
                return Err(DiskError::NoSpace(span.file));
            }
            file.write(span, these)?;
            if self.free != u64::MAX {
                self.free -= u64::from(span.len);
            }
        }
        Ok(())
    }
}

fn slots_of(work: &DiskWork) -> Vec<(SlotId, u32)> {
    match work {
        DiskWork::Store { slots, .. } => slots.to_vec(),
        DiskWork::Extend { slot, len, .. } => vec![(*slot, *len)],
        DiskWork::Finish { .. } | DiskWork::Check { .. } | DiskWork::Read { .. } => Vec::new(),
    }
}

fn len_of(work: &DiskWork) -> usize {
    let len = match work {
        DiskWork::Store { slots, .. } => total(slots),
        DiskWork::Extend { len, .. } => u64::from(*len),
        DiskWork::Finish { .. } => 0,
        DiskWork::Check { from, .. } => from.iter().map(|span| u64::from(span.len)).sum(),
        DiskWork::Read { span } => u64::from(span.len),
    };
    usize::try_from(len).unwrap_or(usize::MAX)
}

fn total(slots: &[(SlotId, u32)]) -> u64 {
    slots.iter().map(|&(_, len)| u64::from(len)).sum()
}
