//! Messages survive the wire, and whatever else comes over it is refused.

use bytes::Bytes;
use chord::contacts::{Contact, Contacts, Reference};
use chord::storage::records::{Arc, Record, Verdict, Version};
use chord::wire::{
    Batch, Body, Error, Exclusion, Fetch, HEADER_LEN, Holding, Leave, List, Message, Neighbourhood,
    Offer, Page, Part, Route, RouteResult, Stand, Stretch, Transaction, Want, Wanted,
};
use chord::{Config, Shared};
use keyspace::Id;
use machine::Wire;
use proptest::prelude::*;
use simulator::endpoint;

const PEOPLE: u32 = 40;

fn shared() -> (Shared, Vec<Contact>) {
    let mut contacts = Contacts::growing();
    let people = (0..PEOPLE).map(|number| {
        let reference = Reference {
            id: Id::from_bytes([number as u8; 20]),
            endpoint: endpoint(number),
            incarnation: number,
        };
        contacts.intern(reference).expect("a table that grows")
    });
    let people = people.collect();
    let config = Config::new();
    (Shared { contacts, config }, people)
}

fn contact() -> impl Strategy<Value = Contact> {
    (0..PEOPLE as usize).prop_map(|at| shared().1[at])
}

fn list() -> impl Strategy<Value = List> {
    proptest::collection::vec(contact(), 0..=25).prop_map(Into::into)
}

fn few() -> impl Strategy<Value = [Option<Contact>; 3]> {
    proptest::collection::vec(contact(), 0..=3).prop_map(|some| {
        let mut few = [None; 3];
        few.iter_mut()
            .zip(some)
            .for_each(|(place, contact)| *place = Some(contact));
        few
    })
}

fn id() -> impl Strategy<Value = Id> {
    any::<[u8; 20]>().prop_map(Id::from_bytes)
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let want = prop_oneof![Just(Want::Few), Just(Want::List)];
    (id(), want).prop_map(|(key, want)| Wanted { key, want })
}

fn around() -> impl Strategy<Value = Box<Neighbourhood>> {
    (proptest::option::of(contact()), list()).prop_map(|(predecessor, successors)| {
        Box::new(Neighbourhood {
            predecessor,
            successors,
        })
    })
}

fn page() -> impl Strategy<Value = Box<Page>> {
    let stand = prop_oneof![Just(Stand::Here), Just(Stand::Small), Just(Stand::Grown)];
    (stand, list()).prop_map(|(stand, members)| Box::new(Page { stand, members }))
}

fn version() -> impl Strategy<Value = Version> {
    any::<(u64, u64)>().prop_map(|(counter, writer)| Version { counter, writer })
}

fn value() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..200).prop_map(Into::into)
}

fn record() -> impl Strategy<Value = Record> {
    (id(), version(), proptest::option::of(value())).prop_map(|(key, version, value)| Record {
        key,
        version,
        value,
    })
}

fn holding() -> impl Strategy<Value = Holding> {
    prop_oneof![
        Just(Holding::Nothing),
        version().prop_map(Holding::Deleted),
        (version(), value()).prop_map(|(version, value)| Holding::Value(version, value)),
        (version(), any::<u32>()).prop_map(|(version, len)| Holding::Long(version, len)),
    ]
}

fn arc() -> impl Strategy<Value = Arc> {
    (id(), id()).prop_map(|(from, to)| Arc { from, to })
}

/// What is said of values.
fn dealing() -> impl Strategy<Value = Body> {
    let verdict = prop_oneof![
        Just(Verdict::Kept),
        Just(Verdict::Older),
        Just(Verdict::NotHere)
    ];
    let part = prop_oneof![Just(Part::Version), Just(Part::Value)];
    let records = proptest::collection::vec(record(), 0..4).prop_map(Into::into);
    let batch = (records, proptest::option::of(id()));
    let listing = proptest::collection::vec((id(), version()), 0..=24);
    prop_oneof![
        record().prop_map(|record| Body::Store(Box::new(record))),
        verdict.prop_map(Body::Stored),
        (id(), part).prop_map(|(key, part)| Body::Fetch(Box::new(Fetch { key, part }))),
        holding().prop_map(|holding| Body::Fetched(Box::new(holding))),
        (arc(), id()).prop_map(|(arc, cursor)| Body::Transfer(Box::new(Stretch { arc, cursor }))),
        batch.prop_map(|(records, next)| Body::Batch(Box::new(Batch { records, next }))),
        arc().prop_map(|arc| Body::Compare(Box::new(arc))),
        any::<[u64; 16]>().prop_map(|digests| Body::Digests(Box::new(digests))),
        listing.prop_map(|listing| Body::Listing(listing.into())),
        (contact(), id(), any::<u64>()).prop_map(|(owner, from, digest)| {
            let to = shared().0.contacts.id(owner);
            let arc = Arc { from, to };
            Body::Offer(Box::new(Offer { owner, arc, digest }))
        }),
        (contact(), around()).prop_map(|(leaver, around)| {
            let around = *around;
            Body::Leave(Box::new(Leave { leaver, around }))
        }),
        Just(Body::Left),
        Just(Body::Routed),
        (wanted(), contact(), any::<(u64, u8, u8)>()).prop_map(|(wanted, origin, numbers)| {
            let (transaction, hops, timeouts) = numbers;
            Body::Route(Box::new(Route {
                wanted,
                origin,
                transaction: Transaction(transaction),
                hops,
                timeouts,
            }))
        }),
        (list(), any::<(u8, u8)>()).prop_map(|(found, (hops, timeouts))| {
            Body::RouteResult(Box::new(RouteResult {
                found,
                hops,
                timeouts,
            }))
        }),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![dealing(), talk()]
}

/// What is said of the ring.
fn talk() -> impl Strategy<Value = Body> {
    let exclusion = (wanted(), proptest::collection::vec(id(), 1..=16));
    let exclusion = exclusion.prop_map(|(wanted, excluded)| {
        Body::FindNextWithout(Box::new(Exclusion {
            wanted,
            excluded: excluded.into(),
        }))
    });
    let error = prop_oneof![
        Just(Error::NotMember),
        Just(Error::WrongOwner),
        Just(Error::Busy),
        Just(Error::Unsupported),
    ];
    prop_oneof![
        Just(Body::Ping),
        contact().prop_map(Body::Pong),
        wanted().prop_map(Body::FindNext),
        exclusion,
        few().prop_map(Body::Owner),
        around().prop_map(Body::OwnerList),
        few().prop_map(Body::Next),
        Just(Body::AskList),
        list().prop_map(Body::Successors),
        Just(Body::AskNeighbours),
        around().prop_map(Body::Neighbours),
        contact().prop_map(Body::Notify),
        Just(Body::Notified),
        Just(Body::AskFingers),
        list().prop_map(Body::Fingers),
        page().prop_map(Body::SmallRing),
        page().prop_map(Body::SmallRingAnswer),
        error.prop_map(Body::Refused),
    ]
}

fn encoded(message: &Message, shared: &Shared) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(shared, &mut bytes);
    bytes
}

proptest! {
    #[test]
    fn messages_survive(transaction: u64, to: u64, body in body()) {
        let (mut shared, _) = shared();
        let message = Message { transaction: Transaction(transaction), to, body };
        let bytes = encoded(&message, &shared);
        prop_assert_eq!(bytes.len(), message.encoded_len(&shared));
        prop_assert!(bytes.len() <= chord::wire::DATAGRAM_MAX);
        prop_assert_eq!(Message::decode(&bytes, &mut shared), Ok(message));
        for end in 0..bytes.len() {
            prop_assert!(Message::decode(&bytes[..end], &mut shared).is_err());
        }
    }

    #[test]
    fn noise_is_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (mut shared, _) = shared();
        let _ = Message::decode(&bytes, &mut shared);
    }

    #[test]
    fn damage_is_refused_or_read(body in body(), at: prop::sample::Index, byte: u8) {
        let (mut shared, _) = shared();
        let message = Message { transaction: Transaction(1), to: 2, body };
        let mut bytes = encoded(&message, &shared);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = Message::decode(&bytes, &mut shared);
    }
}

#[test]
fn the_lengths_of_the_specification() {
    let (shared, people) = shared();
    let len = |body| {
        let message = Message {
            transaction: Transaction(1),
            to: 0,
            body,
        };
        encoded(&message, &shared).len()
    };
    assert_eq!(len(Body::Ping), HEADER_LEN);
    let wanted = Wanted {
        key: Id::MAX,
        want: Want::Few,
    };
    assert_eq!(len(Body::FindNext(wanted)), HEADER_LEN + 22);
    let around = |successors: usize| {
        Body::Neighbours(Box::new(Neighbourhood {
            predecessor: Some(people[0]),
            successors: people[..successors].into(),
        }))
    };
    assert_eq!(len(around(16)), 744);
    assert!(len(around(26)) <= 1200 && len(around(27)) > 1200);
}

#[test]
fn a_ping_byte_by_byte() {
    let (shared, _) = shared();
    let message = Message {
        transaction: Transaction(0x0102_0304_0506_0708),
        to: 0x1112_1314_1516_1718,
        body: Body::Ping,
    };
    let expected = [
        0x43, 0x48, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
        0x17, 0x18, 0, 0, 0, 0,
    ];
    assert_eq!(encoded(&message, &shared), expected);
}
