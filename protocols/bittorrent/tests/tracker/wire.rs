//! Datagrams as bytes: the vectors of the specifications, and any value there and back.

use ::wire::text::to_hex;
use ::wire::{Malformed, Problem};
use bittorrent::numbers::{InfoHash, PeerId};
use bittorrent::tracker::udp::{
    AnnounceRequest, AnnounceResponse, ConnectionId, Datagram, Request, Response,
    SCRAPE_HASHES_MAX, TransactionId,
};
use bittorrent::tracker::{Announce, AnnounceEvent, ScrapeCounts};
use machine::Wire as _;
use proptest::collection::vec;
use proptest::prelude::*;

fn encoded(datagram: &Datagram) -> Vec<u8> {
    let mut bytes = Vec::new();
    datagram.encode(&(), &mut bytes);
    bytes
}

fn decoded(bytes: &[u8]) -> Result<Datagram, Malformed> {
    Datagram::decode(bytes, &mut ())
}

fn announce_request() -> AnnounceRequest {
    AnnounceRequest {
        connection: ConnectionId(0x1122_3344_5566_7788),
        transaction: TransactionId(0x0102_0304),
        announce: Announce {
            info_hash: InfoHash(*b"hhhhhhhhhhhhhhhhhhhh"),
            peer_id: PeerId(*b"-XX0001-abcdefghijkl"),
            port: 6881,
            uploaded: 0,
            downloaded: 0,
            left: 40_000,
            event: AnnounceEvent::Started,
            key: 0xdead_beef,
            numwant: None,
        },
        url_data: Box::default(),
    }
}

#[test]
fn a_connect_as_spec_section_6_has_it() {
    let transaction = TransactionId(0x0102_0304);
    let bytes = encoded(&Datagram::Request(Request::Connect { transaction }));
    assert_eq!(to_hex(&bytes), "00000417271019800000000001020304");
    assert_eq!(
        decoded(&bytes),
        Ok(Datagram::Request(Request::Connect { transaction }))
    );
}

#[test]
fn an_announce_as_spec_section_24_has_it() {
    let request = announce_request();
    let expected = [
        "11223344556677880000000101020304".to_string(),
        to_hex(&request.announce.info_hash.0),
        to_hex(&request.announce.peer_id.0),
        "0000000000000000".to_string() + "0000000000009c40" + "0000000000000000",
        "00000002".to_string() + "00000000" + "deadbeef" + "ffffffff" + "1ae1",
    ]
    .concat();
    let datagram = Datagram::Request(Request::Announce(Box::new(request)));
    let bytes = encoded(&datagram);
    assert_eq!((to_hex(&bytes), bytes.len()), (expected, 98));
    assert_eq!(decoded(&bytes), Ok(datagram));
}

#[test]
fn the_urls_path_travels_behind_an_announce() {
    let url_data: Box<[u8]> = (*b"/dir?a=b&c=d").into();
    let request = AnnounceRequest {
        url_data,
        ..announce_request()
    };
    let datagram = Datagram::Request(Request::Announce(Box::new(request)));
    let mut bytes = encoded(&datagram);
    // The example of BEP 41.
    assert_eq!(&bytes[98..], b"\x02\x0c/dir?a=b&c=d");
    // No-ops, unknown options, a path in two parts, and an end before nonsense.
    bytes.splice(
        98..,
        *b"\x01\x07\x02zz\x02\x05/dir?\x02\x07a=b&c=d\x00\xff\xff",
    );
    assert_eq!(decoded(&bytes), Ok(datagram));
    bytes.truncate(98 + 4);
    let error = Malformed::new("option data", 101, Problem::Missing { bytes: 1 });
    assert_eq!(decoded(&bytes), Err(error));
}

#[test]
fn longer_packets_than_expected_are_legal() {
    let response = Response::Connect {
        transaction: TransactionId(1),
        connection: ConnectionId(2),
    };
    let mut bytes = encoded(&Datagram::Response(response.clone()));
    bytes.extend_from_slice(b"more");
    assert_eq!(decoded(&bytes), Ok(Datagram::Response(response)));
}

#[test]
fn what_is_wrong_is_named() {
    let invalid = |field, offset, expected| Err(Malformed::invalid(field, offset, expected));
    let missing =
        |field, offset, bytes| Err(Malformed::new(field, offset, Problem::Missing { bytes }));
    assert_eq!(decoded(b""), missing("action", 0, 4));
    assert_eq!(decoded(&[0; 15]), missing("connection id", 8, 1));
    let mut request = [0xff; 16];
    assert_eq!(
        decoded(&request),
        invalid("action", 8, "connect, announce or scrape")
    );
    request[8..12].fill(0);
    assert_eq!(
        decoded(&request),
        invalid("connect", 0, "the number 0x41727101980")
    );
    request[11] = 1;
    assert_eq!(decoded(&request), missing("info hash", 16, 20));
    request[11] = 2;
    let mut scrape = request.to_vec();
    scrape.extend_from_slice(&[0; 20 * (SCRAPE_HASHES_MAX + 1)]);
    let problem = Problem::TooMany { max: 74 };
    assert_eq!(
        decoded(&scrape),
        Err(Malformed::new("info hashes", 16, problem))
    );
}

fn announce() -> impl Strategy<Value = Announce> {
    let ids = (any::<[u8; 20]>(), any::<[u8; 20]>(), any::<u16>());
    let bytes = any::<(u64, u64, u64)>();
    let event = prop::sample::select(&[
        AnnounceEvent::None,
        AnnounceEvent::Completed,
        AnnounceEvent::Started,
        AnnounceEvent::Stopped,
    ]);
    let numwant = prop::option::of(0..=u32::MAX / 2);
    (ids, bytes, event, any::<u32>(), numwant).prop_map(
        |((info_hash, peer_id, port), (uploaded, downloaded, left), event, key, numwant)| {
            let (info_hash, peer_id) = (InfoHash(info_hash), PeerId(peer_id));
            Announce {
                info_hash,
                peer_id,
                port,
                uploaded,
                downloaded,
                left,
                event,
                key,
                numwant,
            }
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    let connection = || any::<u64>().prop_map(ConnectionId::new);
    let transaction = || any::<u32>().prop_map(TransactionId);
    prop_oneof![
        transaction().prop_map(|transaction| Request::Connect { transaction }),
        (
            connection(),
            transaction(),
            announce(),
            vec(any::<u8>(), 0..600)
        )
            .prop_map(|(connection, transaction, announce, url_data)| {
                let url_data = url_data.into();
                let request = AnnounceRequest {
                    connection,
                    transaction,
                    announce,
                    url_data,
                };
                Request::Announce(Box::new(request))
            }),
        (
            connection(),
            transaction(),
            vec(any::<[u8; 20]>(), 0..=SCRAPE_HASHES_MAX)
        )
            .prop_map(|(connection, transaction, hashes)| {
                let info_hashes = hashes.into_iter().map(InfoHash).collect();
                Request::Scrape {
                    connection,
                    transaction,
                    info_hashes,
                }
            }),
    ]
}

fn response() -> impl Strategy<Value = Response> {
    let transaction = || any::<u32>().prop_map(TransactionId);
    let counts = any::<(u32, u32, u32)>().prop_map(|(seeds, completed, leechers)| ScrapeCounts {
        seeds,
        completed,
        leechers,
    });
    prop_oneof![
        (transaction(), any::<u64>()).prop_map(|(transaction, id)| Response::Connect {
            transaction,
            connection: ConnectionId(id),
        }),
        (
            transaction(),
            any::<(u32, u32, u32)>(),
            vec(any::<u8>(), 0..100)
        )
            .prop_map(
                |(transaction, (interval, leechers, seeds), compact_peers)| {
                    Response::Announce(Box::new(AnnounceResponse {
                        transaction,
                        interval,
                        leechers,
                        seeds,
                        compact_peers,
                    }))
                }
            ),
        (transaction(), vec(counts, 0..80)).prop_map(|(transaction, counts)| Response::Scrape {
            transaction,
            counts
        }),
        (transaction(), ".*").prop_map(|(transaction, message)| Response::Error {
            transaction,
            message
        }),
    ]
}

proptest! {
    #[test]
    fn datagrams_survive_the_wire(
        datagram in prop_oneof![
            request().prop_map(Datagram::Request),
            response().prop_map(Datagram::Response),
        ],
    ) {
        let bytes = encoded(&datagram);
        prop_assert_eq!(bytes.len(), datagram.encoded_len(&()));
        prop_assert_eq!(decoded(&bytes), Ok(datagram));
    }

    #[test]
    fn any_bytes_are_a_datagram_or_not(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decoded(&bytes);
    }
}
