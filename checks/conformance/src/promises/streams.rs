//! The life of a connection: what comes, in which order, and what never comes.

use core::time::Duration;
use std::collections::BTreeSet;

use bytes::Bytes;
use machine::{CloseReason, ConnId, Endpoint, ListenerId, Target};

use crate::{Actor, Command, Part, Puppet, Seen, Sight, Stage};

/// Long enough for whatever is under way between two puppets.
const AFTERWARDS: Duration = Duration::from_millis(200);
/// More than any driver takes in one gulp.
const LONG: usize = 1 << 20;

/// No byte overtakes [`Connected`](machine::StreamInput::Connected), though the other side speaks
/// the moment it accepts.
pub fn no_byte_overtakes_connected(stage: &mut impl Stage) {
    let greeter = stage.start(Part::of(Puppet::reacting(|seen, io| {
        if let Seen::Accepted { conn, .. } = seen {
            io.send_bytes(*conn, Bytes::from_static(b"welcome"));
        }
    })));
    let caller = stage.start(Part::of(Puppet::idle()));
    let there = stage.endpoint(greeter);
    stage.tell(caller, connect(there));
    wait_for_bytes(stage, caller, 7);
    let first = &stage.seen(caller)[0].seen;
    assert!(
        matches!(first, Seen::Connected { to, .. } if *to == there),
        "{first:?}"
    );
}

/// What is sent before `Connected` waits, and the other side hears `Accepted` first.
pub fn what_is_sent_before_connected_waits(stage: &mut impl Stage) {
    let echo = stage.start(Part::of(Puppet::echo()));
    let caller = stage.start(Part::of(Puppet::idle()));
    let there = stage.endpoint(echo);
    stage.tell(
        caller,
        Command::new(move |_, io| {
            let conn = io.connect(Target::Endpoint(there));
            io.send(conn, b"early");
        }),
    );
    wait_for_bytes(stage, caller, 5);
    assert_eq!(bytes_seen(stage.seen(caller)), b"early");
    let first = &stage.seen(echo)[0].seen;
    let knocked = ListenerId(0);
    assert!(
        matches!(first, Seen::Accepted { listener, .. } if *listener == knocked),
        "{first:?}"
    );
}

/// Where nobody listens the connection closes, once, and what was sent is lost.
pub fn a_refused_connection_closes_once(stage: &mut impl Stage) {
    let nowhere = stage.deserted();
    let caller = stage.start(Part::of(Puppet::idle()));
    stage.tell(
        caller,
        Command::new(move |_, io| {
            let conn = io.connect(Target::Endpoint(nowhere));
            io.send(conn, b"lost");
        }),
    );
    stage.wait(caller, &mut |sights| !sights.is_empty());
    stage.linger(AFTERWARDS);
    let sights = stage.seen(caller);
    assert_eq!(sights.len(), 1, "{sights:?}");
    assert!(
        matches!(
            sights[0].seen,
            Seen::Closed {
                reason: CloseReason::Refused,
                ..
            }
        ),
        "{sights:?}"
    );
}

/// What was sent before a close is delivered, and then the close, as the last of that connection.
pub fn a_close_delivers_what_was_sent(stage: &mut impl Stage) {
    let listener = stage.start(Part::of(Puppet::idle()));
    let caller = stage.start(Part::of(Puppet::reacting(|seen, io| {
        if let Seen::Connected { conn, .. } = seen {
            io.send_bytes(*conn, Bytes::from(pattern(LONG)));
            io.send(*conn, b"end");
            io.close(*conn);
        }
    })));
    let there = stage.endpoint(listener);
    stage.tell(caller, connect(there));
    stage.wait(listener, &mut |sights| sights.iter().any(is_closed));
    stage.linger(AFTERWARDS);
    assert_whole(stage.seen(listener), &[&pattern(LONG)[..], b"end"].concat());
    assert_eq!(
        stage.seen(caller).len(),
        1,
        "nothing comes after one's own close"
    );
}

/// Asked for, written to and closed in one turn: the other side still gets it all, and the node
/// that closed hears nothing.
pub fn a_close_before_connected_delivers_too(stage: &mut impl Stage) {
    let listener = stage.start(Part::of(Puppet::idle()));
    let caller = stage.start(Part::of(Puppet::idle()));
    let there = stage.endpoint(listener);
    stage.tell(
        caller,
        Command::new(move |_, io| {
            let conn = io.connect(Target::Endpoint(there));
            io.send(conn, b"a letter");
            io.close(conn);
        }),
    );
    stage.wait(listener, &mut |sights| sights.iter().any(is_closed));
    stage.linger(AFTERWARDS);
    assert_whole(stage.seen(listener), b"a letter");
    assert_eq!(stage.seen(caller), []);
}

/// After its own close a node hears no more of the connection, whatever is still under way.
pub fn nothing_comes_after_ones_own_close(stage: &mut impl Stage) {
    let flood = stage.start(Part::of(Puppet::reacting(|seen, io| {
        if let Seen::Accepted { conn, .. } = seen {
            io.send_bytes(*conn, Bytes::from(pattern(8 * LONG)));
        }
    })));
    let caller = stage.start(Part::of(Puppet::reacting(|seen, io| {
        if let Seen::Received { conn, .. } = seen {
            io.close(*conn);
        }
    })));
    let there = stage.endpoint(flood);
    stage.tell(caller, connect(there));
    stage.wait(flood, &mut |sights| sights.iter().any(is_closed));
    stage.linger(AFTERWARDS);
    let sights = stage.seen(caller);
    assert!(
        matches!(sights[0].seen, Seen::Connected { .. }),
        "{sights:?}"
    );
    assert!(
        matches!(sights[1].seen, Seen::Received { .. }),
        "{sights:?}"
    );
    assert_eq!(sights.len(), 2, "something came after the close");
}

/// What one turn sends on one connection arrives in order, however it was sent, and two
/// connections do not mix.
pub fn what_a_turn_sends_arrives_in_order(stage: &mut impl Stage) {
    let listener = stage.start(Part::of(Puppet::idle()));
    let caller = stage.start(Part::of(Puppet::idle()));
    let there = stage.endpoint(listener);
    stage.tell(
        caller,
        Command::new(move |_, io| {
            let conns = [(); 2].map(|()| io.connect(Target::Endpoint(there)));
            for (which, conn) in (b'a'..).zip(conns) {
                io.send(conn, &[which]);
            }
            for round in b'0'..=b'9' {
                for conn in conns {
                    io.send(conn, &[round]);
                    io.send(conn, b"<");
                    io.send_bytes(conn, Bytes::from(pattern(20_000)));
                    io.send(conn, b">");
                }
            }
            for conn in conns {
                io.close(conn);
            }
        }),
    );
    stage.wait(listener, &mut |sights| {
        sights.iter().filter(|sight| is_closed(sight)).count() == 2
    });
    let sights = stage.seen(listener);
    let mut names = Vec::new();
    for conn in accepted(sights) {
        let bytes = bytes_on(sights, conn);
        names.push(bytes[0]);
        let mut expected = vec![bytes[0]];
        for round in b'0'..=b'9' {
            expected.extend([round, b'<']);
            expected.extend(pattern(20_000));
            expected.push(b'>');
        }
        assert!(bytes == expected, "out of order on {conn:?}");
    }
    names.sort_unstable();
    assert_eq!(names, b"ab");
}

/// No id of a connection is used twice.
pub fn no_connection_id_is_used_again(stage: &mut impl Stage) {
    let listener = stage.start(Part::of(Puppet::reacting(|seen, io| {
        if let Seen::Accepted { conn, .. } = seen {
            io.close(*conn);
        }
    })));
    let caller = stage.start(Part::of(Puppet::idle()));
    let there = stage.endpoint(listener);
    for round in 1..=5 {
        stage.tell(caller, connect(there));
        stage.wait(caller, &mut |sights| {
            sights.iter().filter(|sight| is_closed(sight)).count() == round
        });
    }
    let closed: BTreeSet<ConnId> = stage
        .seen(caller)
        .iter()
        .filter_map(|sight| match sight.seen {
            Seen::Closed { conn, .. } => Some(conn),
            _ => None,
        })
        .collect();
    assert_eq!(closed.len(), 5);
    let accepted: BTreeSet<ConnId> = accepted(stage.seen(listener)).collect();
    assert_eq!(accepted.len(), 5);
}

/// A stranger's address is one to which an answer finds its way: the host of the caller.
pub fn a_stranger_has_an_address(stage: &mut impl Stage) {
    let listener = stage.start(Part::of(Puppet::idle()));
    let caller = stage.start(Part::of(Puppet::idle()));
    let (there, here) = (stage.endpoint(listener), stage.endpoint(caller));
    stage.tell(caller, connect(there));
    stage.wait(listener, &mut |sights| !sights.is_empty());
    let Seen::Accepted { from, .. } = stage.seen(listener)[0].seen else {
        panic!("{:?}", stage.seen(listener));
    };
    assert_eq!(from.ip(), here.ip());
    assert_ne!(from.port(), 0);
}

/// Bytes that differ along their length, so that a gap or a swap shows.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 251 + at) as u8).collect()
}

pub(crate) fn connect(to: Endpoint) -> Command {
    Command::new(move |_, io| {
        io.connect(Target::Endpoint(to));
    })
}

pub(crate) fn is_closed(sight: &Sight) -> bool {
    matches!(sight.seen, Seen::Closed { .. })
}

/// All bytes that came, on whatever connection.
pub(crate) fn bytes_seen(sights: &[Sight]) -> Vec<u8> {
    accepted(sights)
        .chain(connected(sights))
        .flat_map(|conn| bytes_on(sights, conn))
        .collect()
}

pub(crate) fn wait_for_bytes(stage: &mut impl Stage, actor: Actor, len: usize) {
    stage.wait(actor, &mut |sights| {
        let came = |sight: &Sight| match &sight.seen {
            Seen::Received { bytes, .. } => bytes.len(),
            _ => 0,
        };
        sights.iter().map(came).sum::<usize>() >= len
    });
}

fn bytes_on(sights: &[Sight], on: ConnId) -> Vec<u8> {
    sights
        .iter()
        .filter_map(|sight| match &sight.seen {
            Seen::Received { conn, bytes } if *conn == on => Some(bytes.as_slice()),
            _ => None,
        })
        .collect::<Vec<_>>()
        .concat()
}

fn accepted(sights: &[Sight]) -> impl Iterator<Item = ConnId> {
    sights.iter().filter_map(|sight| match sight.seen {
        Seen::Accepted { conn, .. } => Some(conn),
        _ => None,
    })
}

fn connected(sights: &[Sight]) -> impl Iterator<Item = ConnId> {
    sights.iter().filter_map(|sight| match sight.seen {
        Seen::Connected { conn, .. } => Some(conn),
        _ => None,
    })
}

/// The one connection was accepted, brought just these bytes, and closed in good order.
pub(crate) fn assert_whole(sights: &[Sight], expected: &[u8]) {
    assert_eq!(accepted(sights).count(), 1);
    assert!(matches!(sights[0].seen, Seen::Accepted { .. }));
    assert!(
        bytes_seen(sights) == expected,
        "not the bytes that were sent"
    );
    let last = &sights[sights.len() - 1].seen;
    assert!(
        matches!(
            last,
            Seen::Closed {
                reason: CloseReason::ByPeer,
                ..
            }
        ),
        "{last:?}"
    );
    assert_eq!(sights.iter().filter(|sight| is_closed(sight)).count(), 1);
}
