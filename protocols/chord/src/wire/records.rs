//! The bytes of messages about values: types 16 to 19 of spec section 13. They name no nodes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;
use keyspace::Id;
use wire::{Encode, Malformed, Problem, Reader};

use super::Body;
use super::body::{Batch, Fetch, Holding, Part, Stretch};
use crate::storage::VALUE_MAX;
use crate::storage::records::{Arc, LISTED_MAX, PARTS, Record, Verdict, Version};

const VERSION_LEN: usize = 16;
/// A record without its value: key, version, whether there is a value, its length.
const RECORD_HEAD_LEN: usize = Id::LEN + VERSION_LEN + 1 + 4;
/// What the answer to a comparison has.
const DIGESTS: u8 = 0;
const LISTING: u8 = 1;

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "its caller sorts: only what is about values comes here"
)]
pub(super) fn encoded_len(body: &Body) -> usize {
    match body {
        Body::Store(record) => record_len(record),
        Body::Stored(_) => 1,
        Body::Fetch(_) => Id::LEN + 1,
        Body::Fetched(holding) => match &**holding {
            Holding::Nothing => 1,
            Holding::Deleted(_) => 1 + VERSION_LEN,
            Holding::Value(_, value) => 1 + VERSION_LEN + 4 + value.len(),
            Holding::Long(..) => 1 + VERSION_LEN + 4,
        },
        Body::Transfer(_) => 3 * Id::LEN,
        Body::Batch(batch) => {
            let next = batch.next.map_or(0, |_| Id::LEN);
            4 + batch.records.iter().map(record_len).sum::<usize>() + 1 + next
        }
        Body::Compare(_) => 2 * Id::LEN,
        Body::Digests(_) => 1 + 8 * PARTS,
        Body::Listing(listing) => 2 + (Id::LEN + VERSION_LEN) * listing.len(),
        _ => 0,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "its caller sorts: only what is about values comes here"
)]
pub(super) fn encode(body: &Body, out: &mut Vec<u8>) {
    match body {
        Body::Store(record) => encode_record(record, out),
        Body::Stored(verdict) => {
            let code = match verdict {
                Verdict::Kept => 0u8,
                Verdict::Older => 1,
                Verdict::NotHere => 2,
            };
            code.encode(out);
        }
        Body::Fetch(fetch) => {
            fetch.key.to_bytes().encode(out);
            u8::from(fetch.part == Part::Value).encode(out);
        }
        Body::Fetched(holding) => encode_holding(holding, out),
        Body::Transfer(stretch) => {
            encode_arc(stretch.arc, out);
            stretch.cursor.to_bytes().encode(out);
        }
        Body::Batch(batch) => {
            u32::try_from(batch.records.len())
                .unwrap_or(u32::MAX)
                .encode(out);
            for record in &batch.records {
                encode_record(record, out);
            }
            u8::from(batch.next.is_some()).encode(out);
            if let Some(next) = batch.next {
                next.to_bytes().encode(out);
            }
        }
        Body::Compare(arc) => encode_arc(**arc, out),
        Body::Digests(digests) => {
            DIGESTS.encode(out);
            digests.iter().for_each(|digest| digest.encode(out));
        }
        Body::Listing(listing) => {
            LISTING.encode(out);
            u8::try_from(listing.len()).unwrap_or(u8::MAX).encode(out);
            for (key, version) in listing {
                key.to_bytes().encode(out);
                encode_version(*version, out);
            }
        }
        _ => {}
    }
}

pub(super) fn decode(
    number: u8,
    is_answer: bool,
    reader: &mut Reader<'_>,
) -> Result<Body, Malformed> {
    Ok(match (number, is_answer) {
        (16, false) => Body::Store(Box::new(decode_record(reader)?)),
        (16, true) => Body::Stored(match reader.u8("status")? {
            0 => Verdict::Kept,
            1 => Verdict::Older,
            2 => Verdict::NotHere,
            _ => return Err(reader.malformed("status", Problem::Invalid("0 to 2"))),
        }),
        (17, false) => {
            let key = decode_id("key", reader)?;
            let part = match reader.u8("flags")? {
                0 => Part::Version,
                _ => Part::Value,
            };
            Body::Fetch(Box::new(Fetch { key, part }))
        }
        (17, true) => Body::Fetched(Box::new(decode_holding(reader)?)),
        (18, false) => {
            let arc = decode_arc(reader)?;
            let cursor = decode_id("cursor", reader)?;
            Body::Transfer(Box::new(Stretch { arc, cursor }))
        }
        (18, true) => Body::Batch(Box::new(decode_batch(reader)?)),
        (19, false) => Body::Compare(Box::new(decode_arc(reader)?)),
        _ => decode_compared(reader)?,
    })
}

fn record_len(record: &Record) -> usize {
    RECORD_HEAD_LEN + record.value.as_ref().map_or(0, Bytes::len)
}

fn encode_version(version: Version, out: &mut Vec<u8>) {
    version.counter.encode(out);
    version.writer.encode(out);
}

fn encode_arc(arc: Arc, out: &mut Vec<u8>) {
    arc.from.to_bytes().encode(out);
    arc.to.to_bytes().encode(out);
}

fn encode_value(value: &[u8], out: &mut Vec<u8>) {
    u32::try_from(value.len()).unwrap_or(u32::MAX).encode(out);
    value.encode(out);
}

fn encode_record(record: &Record, out: &mut Vec<u8>) {
    record.key.to_bytes().encode(out);
    encode_version(record.version, out);
    u8::from(record.value.is_some()).encode(out);
    encode_value(record.value.as_deref().unwrap_or_default(), out);
}

fn encode_holding(holding: &Holding, out: &mut Vec<u8>) {
    match holding {
        Holding::Nothing => 0u8.encode(out),
        Holding::Deleted(version) => {
            1u8.encode(out);
            encode_version(*version, out);
        }
        Holding::Value(version, value) => {
            2u8.encode(out);
            encode_version(*version, out);
            encode_value(value, out);
        }
        Holding::Long(version, len) => {
            3u8.encode(out);
            encode_version(*version, out);
            len.encode(out);
        }
    }
}

fn decode_id(field: &'static str, reader: &mut Reader<'_>) -> Result<Id, Malformed> {
    reader.array(field).map(Id::from_bytes)
}

fn decode_version(reader: &mut Reader<'_>) -> Result<Version, Malformed> {
    Ok(Version {
        counter: reader.u64("version")?,
        writer: reader.u64("writer")?,
    })
}

fn decode_arc(reader: &mut Reader<'_>) -> Result<Arc, Malformed> {
    Ok(Arc {
        from: decode_id("from", reader)?,
        to: decode_id("to", reader)?,
    })
}

fn decode_value(reader: &mut Reader<'_>) -> Result<Bytes, Malformed> {
    let len = reader.u32("value length")?;
    if len as usize > VALUE_MAX {
        let problem = Problem::TooLong {
            len: len.into(),
            max: VALUE_MAX as u64,
        };
        return Err(reader.malformed("value length", problem));
    }
    let value = reader.take(len as usize, "value")?;
    Ok(Bytes::copy_from_slice(value))
}

fn decode_record(reader: &mut Reader<'_>) -> Result<Record, Malformed> {
    let key = decode_id("key", reader)?;
    let version = decode_version(reader)?;
    let is_there = reader.u8("has value")? != 0;
    let value = decode_value(reader)?;
    Ok(Record {
        key,
        version,
        value: is_there.then_some(value),
    })
}

fn decode_holding(reader: &mut Reader<'_>) -> Result<Holding, Malformed> {
    Ok(match reader.u8("status")? {
        0 => Holding::Nothing,
        1 => Holding::Deleted(decode_version(reader)?),
        2 => Holding::Value(decode_version(reader)?, decode_value(reader)?),
        3 => Holding::Long(decode_version(reader)?, reader.u32("value length")?),
        _ => return Err(reader.malformed("status", Problem::Invalid("0 to 3"))),
    })
}

fn decode_batch(reader: &mut Reader<'_>) -> Result<Batch, Malformed> {
    let count = reader.u32("count")?;
    // The list grows with what is there, not with what is announced.
    let mut records = Vec::new();
    for _ in 0..count {
        records.push(decode_record(reader)?);
    }
    let next = match reader.u8("done")? {
        0 => None,
        _ => Some(decode_id("next cursor", reader)?),
    };
    Ok(Batch {
        records: records.into(),
        next,
    })
}

fn decode_compared(reader: &mut Reader<'_>) -> Result<Body, Malformed> {
    match reader.u8("kind")? {
        DIGESTS => {
            let mut digests = [0; PARTS];
            for digest in &mut digests {
                *digest = reader.u64("digest")?;
            }
            Ok(Body::Digests(Box::new(digests)))
        }
        LISTING => {
            let count = usize::from(reader.u8("count")?);
            if count > LISTED_MAX {
                let max = LISTED_MAX as u64;
                return Err(reader.malformed("count", Problem::TooMany { max }));
            }
            let listing = (0..count)
                .map(|_| Ok((decode_id("key", reader)?, decode_version(reader)?)))
                .collect::<Result<_, Malformed>>()?;
            Ok(Body::Listing(listing))
        }
        _ => Err(reader.malformed("kind", Problem::Invalid("0 or 1"))),
    }
}
