//! The bytes of each body, in the order of spec section 13.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::Ipv6Addr;

use keyspace::Id;
use machine::Endpoint;
use wire::{Encode, Malformed, Problem, Reader};

use super::body::{
    Error, Exclusion, Kind, Leave, List, Neighbourhood, Offer, Page, Route, RouteResult, Stand,
    Want, Wanted,
};
use super::{
    Body, EXCLUDED_MAX, FLAG_ANSWER, FLAG_ERROR, LIST_MAX, Transaction, encode_endpoint, records,
};
use crate::contacts::{Contact, Contacts, Few, Reference};
use crate::storage::records::Arc;

/// A reference: id 20, address 16, port 2, incarnation 4.
const REFERENCE_LEN: usize = 42;
/// The kind of an answer to `FindNext`.
const OWNER: u8 = 0;
const NEXT: u8 = 1;
/// The bit of `FindNext` that asks for the whole list.
const WANT_LIST: u8 = 1;

impl Body {
    /// How many bytes it has.
    pub(super) fn encoded_len(&self, _contacts: &Contacts) -> usize {
        match self {
            Self::Ping
            | Self::AskList
            | Self::AskNeighbours
            | Self::Notified
            | Self::AskFingers => 0,
            Self::Pong(_) | Self::Notify(_) => REFERENCE_LEN,
            Self::FindNext(_) => Id::LEN + 2,
            Self::FindNextWithout(exclusion) => Id::LEN + 2 + Id::LEN * exclusion.excluded.len(),
            Self::Owner(few) => 3 + REFERENCE_LEN * few.iter().flatten().count(),
            Self::Next(few) => 2 + REFERENCE_LEN * few.iter().flatten().count(),
            Self::OwnerList(around) => 1 + neighbourhood_len(around),
            Self::Neighbours(around) => neighbourhood_len(around),
            Self::Successors(list) | Self::Fingers(list) => list_len(list),
            Self::SmallRing(page) | Self::SmallRingAnswer(page) => 1 + list_len(&page.members),
            Self::Refused(_) => 2,
            Self::Leave(leave) => REFERENCE_LEN + neighbourhood_len(&leave.around),
            Self::Offer(_) => REFERENCE_LEN + Id::LEN + 8,
            Self::Left | Self::Routed => 0,
            Self::Route(_) => Id::LEN + 1 + REFERENCE_LEN + 8 + 2,
            Self::RouteResult(result) => list_len(&result.found) + 2,
            Self::Store(_)
            | Self::Stored(_)
            | Self::Fetch(_)
            | Self::Fetched(_)
            | Self::Transfer(_)
            | Self::Batch(_)
            | Self::Compare(_)
            | Self::Digests(_)
            | Self::Listing(_) => records::encoded_len(self),
        }
    }

    /// Appends its bytes.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is about values, or empty, is sorted by the last arm"
    )]
    pub(super) fn encode(&self, contacts: &Contacts, out: &mut Vec<u8>) {
        match self {
            Self::Pong(contact) | Self::Notify(contact) => {
                encode_reference(*contact, contacts, out);
            }
            Self::FindNext(_)
            | Self::FindNextWithout(_)
            | Self::Owner(_)
            | Self::OwnerList(_)
            | Self::Next(_)
            | Self::Route(_) => encode_lookup(self, contacts, out),
            Self::Neighbours(around) => encode_neighbourhood(around, 0, contacts, out),
            Self::Successors(list) | Self::Fingers(list) => encode_list(list, contacts, out),
            Self::RouteResult(result) => {
                encode_list(&result.found, contacts, out);
                result.hops.encode(out);
                result.timeouts.encode(out);
            }
            Self::SmallRing(page) | Self::SmallRingAnswer(page) => {
                let op = match page.stand {
                    Stand::Here => 0u8,
                    Stand::Small => 1,
                    Stand::Grown => 2,
                };
                op.encode(out);
                encode_list(&page.members, contacts, out);
            }
            Self::Refused(error) => error.code().encode(out),
            Self::Leave(leave) => {
                encode_reference(leave.leaver, contacts, out);
                encode_neighbourhood(&leave.around, 0, contacts, out);
            }
            Self::Offer(offer) => {
                encode_reference(offer.owner, contacts, out);
                offer.arc.from.to_bytes().encode(out);
                offer.digest.encode(out);
            }
            values_or_empty => records::encode(values_or_empty, out),
        }
    }

    /// Reads the body that the header announced.
    pub(super) fn decode(
        kind: Kind,
        reader: &mut Reader<'_>,
        contacts: &mut Contacts,
    ) -> Result<Self, Malformed> {
        if kind.flags & FLAG_ERROR != 0 {
            return decode_error(reader).map(Self::Refused);
        }
        let is_answer = kind.flags & FLAG_ANSWER != 0;
        Ok(match (kind.number, is_answer) {
            (1, false) => Self::Ping,
            (1, true) => Self::Pong(decode_reference(reader, contacts)?),
            (2, false) => decode_find_next(reader)?,
            (2, true) => decode_found(reader, contacts)?,
            (3, false) => Self::AskList,
            (3, true) => Self::Successors(decode_list(reader, contacts)?),
            (4, false) => Self::AskNeighbours,
            (4, true) => {
                let flags = reader.u8("has predecessor")?;
                Self::Neighbours(Box::new(decode_neighbourhood(flags, reader, contacts)?))
            }
            (5, false) => Self::Notify(decode_reference(reader, contacts)?),
            (5, true) => Self::Notified,
            (9, false) => Self::AskFingers,
            (9, true) => Self::Fingers(decode_list(reader, contacts)?),
            (20, false) => Self::SmallRing(Box::new(decode_page(reader, contacts)?)),
            (20, true) => Self::SmallRingAnswer(Box::new(decode_page(reader, contacts)?)),
            (6, false) => Self::Leave(Box::new(decode_leave(reader, contacts)?)),
            (6, true) => Self::Left,
            (7, false) => Self::Route(Box::new(decode_route(reader, contacts)?)),
            (7, true) => Self::Routed,
            (8, true) => Self::RouteResult(Box::new(RouteResult {
                found: decode_list(reader, contacts)?,
                hops: reader.u8("hops")?,
                timeouts: reader.u8("timeouts")?,
            })),
            (16..=19, _) => records::decode(kind.number, is_answer, reader)?,
            (21, false) => Self::Offer(Box::new(decode_offer(reader, contacts)?)),
            _ => return Err(Malformed::invalid("type", 3, "a type of message")),
        })
    }
}

/// In the first byte of an owner's neighbourhood: whether there is a predecessor, and whether the
/// list is whole.
const PREDECESSOR_FLAG: u8 = 1;
const LIST_FLAG: u8 = 2;

/// Lists are cut to what the format allows before they are sent.
fn count(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(u8::MAX)
}

fn list_len(list: &List) -> usize {
    1 + REFERENCE_LEN * list.len()
}

fn neighbourhood_len(around: &Neighbourhood) -> usize {
    let predecessor = usize::from(around.predecessor.is_some());
    1 + REFERENCE_LEN * predecessor + list_len(&around.successors)
}

fn encode_reference(contact: Contact, contacts: &Contacts, out: &mut Vec<u8>) {
    let reference = contacts.reference(contact);
    reference.id.to_bytes().encode(out);
    encode_endpoint(reference.endpoint, out);
    reference.incarnation.encode(out);
}

/// What is asked and answered on the way to a key.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "its caller sorts: only lookups come here"
)]
fn encode_lookup(body: &Body, contacts: &Contacts, out: &mut Vec<u8>) {
    match body {
        Body::FindNext(wanted) => {
            encode_wanted(wanted, out);
            0u8.encode(out);
        }
        Body::FindNextWithout(exclusion) => {
            encode_wanted(&exclusion.wanted, out);
            count(exclusion.excluded.len()).encode(out);
            for id in &exclusion.excluded {
                id.to_bytes().encode(out);
            }
        }
        Body::Owner(few) => {
            OWNER.encode(out);
            0u8.encode(out);
            encode_few(few, contacts, out);
        }
        Body::OwnerList(around) => {
            OWNER.encode(out);
            encode_neighbourhood(around, LIST_FLAG, contacts, out);
        }
        Body::Next(few) => {
            NEXT.encode(out);
            encode_few(few, contacts, out);
        }
        Body::Route(route) => {
            encode_wanted(&route.wanted, out);
            encode_reference(route.origin, contacts, out);
            route.transaction.0.encode(out);
            route.hops.encode(out);
            route.timeouts.encode(out);
        }
        _ => {}
    }
}

fn encode_wanted(wanted: &Wanted, out: &mut Vec<u8>) {
    wanted.key.to_bytes().encode(out);
    match wanted.want {
        Want::Few => 0u8.encode(out),
        Want::List => WANT_LIST.encode(out),
    }
}

fn encode_few(few: &Few, contacts: &Contacts, out: &mut Vec<u8>) {
    count(few.iter().flatten().count()).encode(out);
    for &contact in few.iter().flatten() {
        encode_reference(contact, contacts, out);
    }
}

fn encode_list(list: &[Contact], contacts: &Contacts, out: &mut Vec<u8>) {
    count(list.len()).encode(out);
    for &contact in list {
        encode_reference(contact, contacts, out);
    }
}

fn encode_neighbourhood(around: &Neighbourhood, flag: u8, contacts: &Contacts, out: &mut Vec<u8>) {
    (flag | u8::from(around.predecessor.is_some())).encode(out);
    if let Some(predecessor) = around.predecessor {
        encode_reference(predecessor, contacts, out);
    }
    encode_list(&around.successors, contacts, out);
}

fn decode_reference(
    reader: &mut Reader<'_>,
    contacts: &mut Contacts,
) -> Result<Contact, Malformed> {
    let at = reader.position();
    let id = Id::from_bytes(reader.array("id")?);
    let address = Ipv6Addr::from(reader.array::<16>("address")?);
    let endpoint = Endpoint::new(address.to_canonical(), reader.u16("port")?);
    let incarnation = reader.u32("incarnation")?;
    let reference = Reference {
        id,
        endpoint,
        incarnation,
    };
    contacts.intern(reference).map_err(|full| {
        let max = full.0 as u64;
        Malformed::new("reference", at, Problem::TooMany { max })
    })
}

fn decode_wanted(reader: &mut Reader<'_>) -> Result<Wanted, Malformed> {
    let key = Id::from_bytes(reader.array("key")?);
    let want = if reader.u8("flags")? & WANT_LIST == 0 {
        Want::Few
    } else {
        Want::List
    };
    Ok(Wanted { key, want })
}

fn decode_route(reader: &mut Reader<'_>, contacts: &mut Contacts) -> Result<Route, Malformed> {
    Ok(Route {
        wanted: decode_wanted(reader)?,
        origin: decode_reference(reader, contacts)?,
        transaction: Transaction(reader.u64("origin transaction")?),
        hops: reader.u8("hops")?,
        timeouts: reader.u8("timeouts")?,
    })
}

fn decode_find_next(reader: &mut Reader<'_>) -> Result<Body, Malformed> {
    let wanted = decode_wanted(reader)?;
    let excluded = usize::from(reader.u8("excluded")?);
    if excluded == 0 {
        return Ok(Body::FindNext(wanted));
    }
    if excluded > EXCLUDED_MAX {
        let max = EXCLUDED_MAX as u64;
        return Err(reader.malformed("excluded", Problem::TooMany { max }));
    }
    let excluded = (0..excluded)
        .map(|_| reader.array("excluded").map(Id::from_bytes))
        .collect::<Result<_, _>>()?;
    Ok(Body::FindNextWithout(Box::new(Exclusion {
        wanted,
        excluded,
    })))
}

fn decode_found(reader: &mut Reader<'_>, contacts: &mut Contacts) -> Result<Body, Malformed> {
    match reader.u8("kind")? {
        OWNER => {
            let flags = reader.u8("owner flags")?;
            if flags == 0 {
                return decode_few(reader, contacts).map(Body::Owner);
            }
            let around = decode_neighbourhood(flags, reader, contacts)?;
            Ok(Body::OwnerList(Box::new(around)))
        }
        NEXT => decode_few(reader, contacts).map(Body::Next),
        _ => Err(reader.malformed("kind", Problem::Invalid("0 or 1"))),
    }
}

fn decode_few(reader: &mut Reader<'_>, contacts: &mut Contacts) -> Result<Few, Malformed> {
    let mut few = [None; 3];
    let count = usize::from(reader.u8("count")?);
    if count > few.len() {
        let max = few.len() as u64;
        return Err(reader.malformed("count", Problem::TooMany { max }));
    }
    for place in few.iter_mut().take(count) {
        *place = Some(decode_reference(reader, contacts)?);
    }
    Ok(few)
}

fn decode_list(reader: &mut Reader<'_>, contacts: &mut Contacts) -> Result<List, Malformed> {
    let count = usize::from(reader.u8("count")?);
    if count > LIST_MAX {
        let max = LIST_MAX as u64;
        return Err(reader.malformed("count", Problem::TooMany { max }));
    }
    (0..count)
        .map(|_| decode_reference(reader, contacts))
        .collect()
}

fn decode_neighbourhood(
    flags: u8,
    reader: &mut Reader<'_>,
    contacts: &mut Contacts,
) -> Result<Neighbourhood, Malformed> {
    let predecessor = if flags & PREDECESSOR_FLAG == 0 {
        None
    } else {
        Some(decode_reference(reader, contacts)?)
    };
    Ok(Neighbourhood {
        predecessor,
        successors: decode_list(reader, contacts)?,
    })
}

fn decode_page(reader: &mut Reader<'_>, contacts: &mut Contacts) -> Result<Page, Malformed> {
    let stand = match reader.u8("op")? {
        0 => Stand::Here,
        1 => Stand::Small,
        2 => Stand::Grown,
        _ => return Err(reader.malformed("op", Problem::Invalid("0, 1 or 2"))),
    };
    Ok(Page {
        stand,
        members: decode_list(reader, contacts)?,
    })
}

fn decode_leave(reader: &mut Reader<'_>, contacts: &mut Contacts) -> Result<Leave, Malformed> {
    let leaver = decode_reference(reader, contacts)?;
    let flags = reader.u8("has predecessor")?;
    let around = decode_neighbourhood(flags, reader, contacts)?;
    Ok(Leave { leaver, around })
}

fn decode_offer(reader: &mut Reader<'_>, contacts: &mut Contacts) -> Result<Offer, Malformed> {
    let owner = decode_reference(reader, contacts)?;
    let from = Id::from_bytes(reader.array("from")?);
    let to = contacts.id(owner);
    Ok(Offer {
        owner,
        arc: Arc { from, to },
        digest: reader.u64("digest")?,
    })
}

fn decode_error(reader: &mut Reader<'_>) -> Result<Error, Malformed> {
    match reader.u16("code")? {
        1 => Ok(Error::NotMember),
        2 => Ok(Error::WrongOwner),
        3 => Ok(Error::Busy),
        4 => Ok(Error::Unsupported),
        _ => Err(reader.malformed("code", Problem::Invalid("1 to 4"))),
    }
}
