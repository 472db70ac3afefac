//! Who reads slowly is not flooded: pause, resume, backlog and the word that it is gone.

use core::time::Duration;

use bytes::Bytes;
use machine::{BACKLOG_HIGH, BACKLOG_LOW, ConnId, Io};

use super::streams::{assert_whole, connect, is_closed, pattern, wait_for_bytes};
use crate::{Actor, Command, Part, Puppet, Seen, Sight, Stage};

/// More than all buffers on the way hold: systems grow those of a socket up to some 10 MiB.
const FLOOD: usize = 32 << 20;
/// Long enough for whatever is under way between two puppets.
const AFTERWARDS: Duration = Duration::from_millis(300);

/// While the reader pauses, the sender's backlog stays; after resuming everything comes, and the
/// sender is told once that there is room.
pub fn a_pause_holds_the_sender_back(stage: &mut impl Stage) {
    let (reader, sender) = flood(stage, Puppet::reacting(send_flood));
    assert!(
        came(stage.seen(reader)) < FLOOD,
        "the pause stopped nothing"
    );
    stage.tell(sender, Command::new(|_, io| note_backlog(io, FIRST)));
    stage.wait(sender, &mut |sights| matches!(last(sights), Seen::Noted(_)));
    let Seen::Noted(backlog) = *last(stage.seen(sender)) else {
        unreachable!("waited for");
    };
    assert!(
        backlog >= BACKLOG_HIGH as u64,
        "a backlog of {backlog} only"
    );
    assert_eq!(flushed(stage.seen(sender)), []);

    stage.tell(reader, Command::new(|_, io| io.resume(FIRST)));
    wait_for_bytes(stage, reader, FLOOD);
    stage.linger(AFTERWARDS);
    assert_eq!(came(stage.seen(reader)), FLOOD);
    let [left] = flushed(stage.seen(sender))[..] else {
        panic!("not flushed once: {:?}", flushed(stage.seen(sender)));
    };
    assert!(left < BACKLOG_LOW, "{left} bytes are no room");
}

/// A close waits for a slow reader: nothing is cut off.
pub fn a_close_waits_for_a_slow_reader(stage: &mut impl Stage) {
    let sender = Puppet::reacting(|seen, io| {
        send_flood(seen, io);
        if let Seen::Connected { conn, .. } = seen {
            io.close(*conn);
        }
    });
    let (reader, _) = flood(stage, sender);
    assert!(
        !stage.seen(reader).iter().any(is_closed),
        "closed before all was read"
    );
    stage.tell(reader, Command::new(|_, io| io.resume(FIRST)));
    stage.wait(reader, &mut |sights| sights.iter().any(is_closed));
    assert_whole(stage.seen(reader), &pattern(FLOOD));
}

/// What stays below the high mark is sent without a word about it.
pub fn a_small_backlog_is_not_mentioned(stage: &mut impl Stage) {
    let echo = stage.start(Part::of(Puppet::echo()));
    let caller = stage.start(Part::of(Puppet::reacting(|seen, io| {
        if let Seen::Connected { conn, .. } = seen {
            io.send_bytes(*conn, Bytes::from(pattern(BACKLOG_HIGH - 1)));
        }
    })));
    let there = stage.endpoint(echo);
    stage.tell(caller, connect(there));
    wait_for_bytes(stage, caller, BACKLOG_HIGH - 1);
    stage.linger(AFTERWARDS);
    assert_eq!(flushed(stage.seen(caller)), []);
}

/// A connection that is gone has no backlog.
pub fn a_connection_that_is_gone_has_no_backlog(stage: &mut impl Stage) {
    let sender = stage.start(Part::of(Puppet::idle()));
    stage.tell(sender, Command::new(|_, io| note_backlog(io, ConnId(99))));
    stage.wait(sender, &mut |sights| !sights.is_empty());
    assert_eq!(*last(stage.seen(sender)), Seen::Noted(0));
}

/// The ids of connections are counted from one.
const FIRST: ConnId = ConnId(1);

/// Starts a reader that pauses at once and a sender, and lets them fill all buffers between them.
fn flood(stage: &mut impl Stage, sender: Puppet) -> (Actor, Actor) {
    let reader = stage.start(Part::of(Puppet::reacting(|seen, io| {
        if let Seen::Accepted { conn, .. } = seen {
            assert_eq!(*conn, FIRST);
            io.pause(*conn);
        }
    })));
    let sender = stage.start(Part::of(sender));
    let there = stage.endpoint(reader);
    stage.tell(sender, connect(there));
    stage.wait(reader, &mut |sights| !sights.is_empty());
    stage.wait(sender, &mut |sights| !sights.is_empty());
    stage.linger(AFTERWARDS);
    (reader, sender)
}

fn send_flood(seen: &Seen, io: &mut Io<'_, Puppet>) {
    if let Seen::Connected { conn, .. } = seen {
        io.send_bytes(*conn, Bytes::from(pattern(FLOOD)));
    }
}

fn note_backlog(io: &mut Io<'_, Puppet>, conn: ConnId) {
    let seen = Seen::Noted(io.backlog(conn) as u64);
    io.emit(Sight { at: io.now(), seen });
}

fn last(sights: &[Sight]) -> &Seen {
    &sights.last().expect("something was seen").seen
}

fn came(sights: &[Sight]) -> usize {
    let len = |sight: &Sight| match &sight.seen {
        Seen::Received { bytes, .. } => bytes.len(),
        _ => 0,
    };
    sights.iter().map(len).sum()
}

/// The backlogs that were left when room was reported.
fn flushed(sights: &[Sight]) -> Vec<usize> {
    sights
        .iter()
        .filter_map(|sight| match sight.seen {
            Seen::Flushed { backlog, .. } => Some(backlog),
            _ => None,
        })
        .collect()
}
