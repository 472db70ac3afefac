//! The replica: what it answers to those who put, get and compare.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;
use keyspace::Id;
use machine::Io;

use super::records::{Arc, LISTED_MAX, Record, Records, Verdict};
use super::streams::Channel;
use super::{VALUE_INLINE_MAX, VALUE_MAX};
use crate::api::Shared;
use crate::member::{Member, Standing};
use crate::node::Node;
use crate::wire::{Batch, Body, Error, Fetch, Holding, Message, Part, Stretch};

/// How many bytes of values one batch of a transfer has, unless a single one has more (spec
/// section 17).
const BATCH_LEN: usize = 64 * 1024;
/// How far before us a key may lie, in ranges of replicas as our successors' density tells them:
/// what lies further away is none of our business.
const PLAUSIBLE: u32 = 8;

impl Member {
    /// Somebody asks about values.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what else is asked was answered before, or comes over a stream and is nonsense"
    )]
    pub(crate) fn storage_asked(
        &mut self,
        channel: Channel,
        question: &Message,
        io: &mut Io<'_, Node>,
    ) {
        if matches!(self.standing, Standing::Outside | Standing::Joining) {
            return channel.answer(question, Body::Refused(Error::NotMember), io);
        }
        if let Some(farewell) = self
            .aside
            .as_mut()
            .and_then(|aside| aside.farewell.as_mut())
        {
            farewell.put_off(io.now());
        }
        let none = Records::default();
        let records = self.storage_ref().map_or(&none, |storage| &storage.records);
        let answer = match &question.body {
            Body::Store(record) => Body::Stored(self.store(record, io)),
            Body::Fetch(fetch) => Body::Fetched(Box::new(holding(records, **fetch, channel))),
            Body::Compare(arc) => compared(records, **arc),
            Body::Transfer(stretch) => match channel {
                Channel::Stream(_) => Body::Batch(Box::new(batch(records, **stretch))),
                Channel::Datagram(_) => Body::Refused(Error::Unsupported),
            },
            Body::Offer(offer) => return self.offered(offer, io),
            _ => Body::Refused(Error::Unsupported),
        };
        channel.answer(question, answer, io);
    }

    fn store(&mut self, record: &Record, io: &mut Io<'_, Node>) -> Verdict {
        let len = record.value.as_ref().map_or(0, Bytes::len);
        let is_leaving = self.standing == Standing::Leaving;
        if is_leaving || len > VALUE_MAX || !self.is_plausible(record.key, io) {
            return Verdict::NotHere;
        }
        self.keep(record, io)
    }

    /// Keeps a record of ours. The value is copied, so that it does not pin what it came in.
    pub(super) fn keep(&mut self, record: &Record, io: &mut Io<'_, Node>) -> Verdict {
        let record = Record {
            value: record.value.as_deref().map(Bytes::copy_from_slice),
            ..*record
        };
        let storage = self.storage();
        let verdict = storage.records.keep(record);
        if storage.repair_at.is_none() {
            storage.repair_at = Some(io.shared().config.repair.draw(io));
            storage.rearm();
        }
        verdict
    }

    /// Whether we may be a replica of a key, as far as we can tell: we know one predecessor, but
    /// from the distances of our successors how far the range of replicas should reach back.
    fn is_plausible(&self, key: Id, io: &Io<'_, Node>) -> bool {
        let Shared { contacts, config } = io.shared();
        let known = self.near.successors().len() as u32;
        if self.standing == Standing::Small || self.near.owns(key, contacts) || known < 4 {
            return true;
        }
        let gap = u128::from(self.near.reach().prefix() / u64::from(known));
        let reach = gap * u128::from(PLAUSIBLE) * config.replicas.max(2) as u128;
        u128::from(key.distance_to(self.near.id()).prefix()) <= reach
    }
}

/// What we have of a key; a long value only over a stream.
fn holding(records: &Records, fetch: Fetch, channel: Channel) -> Holding {
    let Some(record) = records.find(fetch.key) else {
        return Holding::Nothing;
    };
    let version = record.version;
    match record.value {
        None => Holding::Deleted(version),
        Some(value) => {
            let len = value.len();
            let fits = len <= VALUE_INLINE_MAX || matches!(channel, Channel::Stream(_));
            if fetch.part == Part::Value && fits {
                Holding::Value(version, value)
            } else {
                Holding::Long(version, len as u32)
            }
        }
    }
}

/// The keys of an arc, or the digests of its parts if there are many.
fn compared(records: &Records, arc: Arc) -> Body {
    let listing: Vec<_> = records.on(arc).take(LISTED_MAX + 1).collect();
    if listing.len() <= LISTED_MAX {
        return Body::Listing(listing.into());
    }
    let parts = arc.parts();
    Body::Digests(Box::new(
        parts.map(|part| part.map_or(0, |part| records.digest(part))),
    ))
}

/// As many records of an arc as one batch takes.
fn batch(records: &Records, stretch: Stretch) -> Batch {
    let rest = Arc {
        from: stretch.cursor,
        to: stretch.arc.to,
    };
    let (mut list, mut len, mut next) = (Vec::new(), 0, None);
    let is_over = stretch.cursor == stretch.arc.to && stretch.cursor != stretch.arc.from;
    for (key, _) in records.on(rest).take_while(|_| !is_over) {
        let Some(record) = records.find(key).filter(|_| stretch.arc.contains(key)) else {
            continue;
        };
        len += 64 + record.value.as_ref().map_or(0, Bytes::len);
        if len > BATCH_LEN && !list.is_empty() {
            next = list.last().map(|record: &Record| record.key);
            break;
        }
        list.push(record);
    }
    Batch {
        records: list.into(),
        next,
    }
}
