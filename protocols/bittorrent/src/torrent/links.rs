//! A torrent's connections: calls, handshakes, farewells.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use machine::{CloseReason, ConnId, Endpoint, Instant, Target};
use wire::StreamBuffer;

use super::Torrent;
use crate::misbehaviour::Misbehaviour;
use crate::numbers::PeerId;
use crate::peer::{Origin, Peer, Pieces};
use crate::session::{Timer, Turn};
use crate::wire::handshake::{Handshake, HandshakeStart};
use crate::wire::{Capability, Reserved};

/// A handshake that is not whole after this is given up (spec section 8).
pub(crate) const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// What we understand beyond BEP 3.
pub(crate) const RESERVED: Reserved = Reserved([0; 8])
    .with(Capability::Extensions)
    .with(Capability::Fast);

/// A connection, by how far it has come.
#[derive(Debug)]
pub(super) enum Link {
    /// The driver is calling.
    Dialing(Endpoint),
    /// The handshakes are under way.
    Greeting(Box<Greeting>),
    /// The peer is known.
    Open(Box<Peer>),
}

/// Handshakes under way: ours is sent.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) endpoint: Endpoint,
    origin: Origin,
    input: StreamBuffer,
    /// What the peer said so far.
    start: Option<HandshakeStart>,
    pub(super) since: Instant,
}

impl Torrent {
    /// Calls peers while there is room for more.
    pub(crate) fn dial(&mut self, turn: &mut Turn<'_, '_>) {
        let config = &turn.session.config;
        let (per_torrent, half_open) = (config.connections_per_torrent, config.half_open_max);
        while self.links.len() < per_torrent
            && turn.session.half_open < half_open
            && turn.session.has_place()
        {
            let Some(endpoint) = self.core.candidates.next(turn.now()) else {
                break;
            };
            let conn = turn.io.connect(Target::Endpoint(endpoint));
            self.links.insert(conn, Link::Dialing(endpoint));
            turn.session.homes.insert(conn, self.core.id);
            turn.session.half_open += 1;
        }
        match self.core.candidates.next_at() {
            Some(at) if at > turn.now() => {
                turn.session.timers.set(Timer::Dial(self.core.id), at);
            }
            // Somebody could be called, but there is no room: the next farewell makes some.
            Some(_) | None => turn.session.timers.stop(Timer::Dial(self.core.id)),
        }
    }

    /// A call was answered.
    pub(super) fn connected(&mut self, conn: ConnId, to: Endpoint, turn: &mut Turn<'_, '_>) {
        let Some(link @ Link::Dialing(_)) = self.links.get_mut(&conn) else {
            return;
        };
        let (input, since) = (StreamBuffer::new(), turn.now());
        let greeting = Greeting {
            endpoint: to,
            origin: Origin::Ours,
            input,
            start: None,
            since,
        };
        *link = Link::Greeting(Box::new(greeting));
        turn.session.half_open -= 1;
        self.greet(conn, turn);
        self.look_soon(turn);
    }

    /// A stranger called and named this torrent. What it said after that is in `input`.
    pub(crate) fn welcome(
        &mut self,
        conn: ConnId,
        from: Endpoint,
        start: HandshakeStart,
        input: StreamBuffer,
        turn: &mut Turn<'_, '_>,
    ) {
        let is_full = self.links.len() >= turn.session.config.connections_per_torrent;
        if is_full && !self.make_room(turn) || self.core.candidates.is_banned(from) {
            turn.io.close(conn);
            return;
        }
        let (start, since) = (Some(start), turn.now());
        let greeting = Greeting {
            endpoint: from,
            origin: Origin::Theirs,
            input,
            start,
            since,
        };
        self.links.insert(conn, Link::Greeting(Box::new(greeting)));
        turn.session.homes.insert(conn, self.core.id);
        self.greet(conn, turn);
        self.look_soon(turn);
        self.received(conn, Bytes::new(), turn);
    }

    fn greet(&self, conn: ConnId, turn: &mut Turn<'_, '_>) {
        let start = HandshakeStart {
            reserved: RESERVED,
            info_hash: self.core.info_hash,
        };
        let peer_id = turn.session.config.peer_id;
        turn.io.send(conn, &Handshake { start, peer_id });
    }

    /// Takes bytes of a connection, whatever its state.
    pub(super) fn received(&mut self, conn: ConnId, bytes: Bytes, turn: &mut Turn<'_, '_>) {
        let result = match self.links.get_mut(&conn) {
            Some(Link::Open(peer)) => self.core.listen(conn, peer, bytes, turn),
            Some(Link::Greeting(greeting)) => {
                greeting.input.push(bytes);
                self.shake_hands(conn, turn)
            }
            Some(Link::Dialing(_)) | None => Ok(()),
        };
        self.metadata_proven(turn);
        if let Err(fault) = result {
            self.close(conn, &fault, turn);
        }
        self.run_errands(turn);
    }

    fn shake_hands(&mut self, conn: ConnId, turn: &mut Turn<'_, '_>) -> Result<(), Misbehaviour> {
        let Some(Link::Greeting(greeting)) = self.links.get_mut(&conn) else {
            return Ok(());
        };
        if greeting.start.is_none() {
            greeting.start = HandshakeStart::take(&mut greeting.input)?;
        }
        let Some(start) = greeting.start else {
            greeting.input.compact();
            return Ok(());
        };
        if start.info_hash != self.core.info_hash {
            return Err(Misbehaviour::OtherTorrent(start.info_hash));
        }
        let Some(id) = PeerId::take(&mut greeting.input) else {
            greeting.input.compact();
            return Ok(());
        };
        if id == turn.session.config.peer_id {
            return Err(Misbehaviour::Itself);
        }
        let (endpoint, origin) = (greeting.endpoint, greeting.origin);
        let input = core::mem::take(&mut greeting.input);
        self.settle_twins(id, endpoint, origin, turn)?;
        let pieces = self.core.piece_count();
        let mut peer = Peer::new(endpoint, origin, id, start.reserved, pieces, turn.now());
        peer.input = input;
        if origin == Origin::Ours {
            self.core.candidates.connected(endpoint, turn.now());
        }
        self.core.introduce(conn, &mut peer, turn);
        let listened = self.core.listen(conn, &mut peer, Bytes::new(), turn);
        self.links.insert(conn, Link::Open(peer));
        listened
    }

    /// Of two connections with the same peer only one stays (spec section 21). Both sides must
    /// choose the same: the one opened by the side that listens on the lower port, or, if the
    /// ports are equal, by the side with the lower peer id.
    fn settle_twins(
        &mut self,
        id: PeerId,
        endpoint: Endpoint,
        origin: Origin,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Misbehaviour> {
        let Some((twin, peer)) = self.peers().find(|(_, peer)| peer.id == id) else {
            return Ok(());
        };
        let called = if origin == Origin::Ours {
            endpoint
        } else {
            peer.endpoint
        };
        let config = &turn.session.config;
        let we_are_lower = (config.port, config.peer_id) < (called.port(), id);
        let kept = if we_are_lower {
            Origin::Ours
        } else {
            Origin::Theirs
        };
        if peer.origin == origin || peer.origin == kept {
            return Err(Misbehaviour::Twice);
        }
        self.close(twin, &Misbehaviour::Twice, turn);
        Ok(())
    }

    /// The other side, or the way to it, ended a connection.
    pub(super) fn lost(&mut self, conn: ConnId, reason: CloseReason, turn: &mut Turn<'_, '_>) {
        if let CloseReason::Unreadable(file) = reason {
            self.doubt_file(file, turn);
        }
        let served = self.served_from(conn, turn.now());
        self.forget(conn, turn);
        if let Some((peer, held)) = served {
            self.core.candidates.broke_off(peer, held, turn.now());
        }
        self.dial(turn);
        self.run_errands(turn);
    }

    /// Where the peer listens that gave us something on this connection and has more that we want,
    /// and for how long the connection held.
    fn served_from(&self, conn: ConnId, now: Instant) -> Option<(Endpoint, Duration)> {
        let Some(Link::Open(peer)) = self.links.get(&conn) else {
            return None;
        };
        let picker = self.core.assembly()?.picker_ref()?;
        let is_useful = peer.down.total() > 0 && picker.is_interesting(peer.has()?);
        let is_alone = !self
            .peers()
            .any(|(other, twin)| other != conn && twin.id == peer.id);
        let listens_at = peer.listens_at.filter(|_| is_useful && is_alone)?;
        Some((listens_at, now.since(peer.since)))
    }

    /// Closes a connection for a fault of the peer.
    pub(super) fn close(&mut self, conn: ConnId, fault: &Misbehaviour, turn: &mut Turn<'_, '_>) {
        tracing::debug!(torrent = %self.core.info_hash, conn = conn.0, %fault, "peer closed");
        if let Some(endpoint) = self.links.get(&conn).map(Link::endpoint) {
            match fault {
                Misbehaviour::Itself => self.core.candidates.ban(endpoint),
                Misbehaviour::BadData | Misbehaviour::FalseMetadata => {
                    self.core.candidates.ban_host(endpoint);
                }
                Misbehaviour::Malformed(_)
                | Misbehaviour::OtherTorrent(_)
                | Misbehaviour::Twice
                | Misbehaviour::Bitfield(_)
                | Misbehaviour::NoSuchPiece(_)
                | Misbehaviour::FastUnasked
                | Misbehaviour::BadRequests(_)
                | Misbehaviour::Unasked(_)
                | Misbehaviour::RejectsNothing(_)
                | Misbehaviour::Silence
                | Misbehaviour::Stalled => (),
            }
        }
        turn.io.close(conn);
        self.forget(conn, turn);
        turn.session
            .timers
            .set_earlier(Timer::Dial(self.core.id), turn.now() + DIAL_AGAIN);
    }

    /// Closes all connections.
    pub(super) fn close_all(&mut self, turn: &mut Turn<'_, '_>) {
        let conns: Vec<_> = self.links.keys().copied().collect();
        for conn in conns {
            turn.io.close(conn);
            self.forget(conn, turn);
        }
        self.core.errands.clear();
    }

    /// Strikes a connection that is gone from all books.
    pub(super) fn forget(&mut self, conn: ConnId, turn: &mut Turn<'_, '_>) {
        turn.session.homes.remove(&conn);
        match self.links.remove(&conn) {
            Some(Link::Dialing(endpoint)) => {
                turn.session.half_open -= 1;
                self.core.candidates.failed(endpoint, turn.now());
            }
            Some(Link::Greeting(greeting)) if greeting.origin == Origin::Ours => {
                self.core.candidates.failed(greeting.endpoint, turn.now());
            }
            Some(Link::Open(peer)) => self.core.farewell(conn, &peer, turn),
            Some(Link::Greeting(_)) | None => (),
        }
        if self.links.is_empty() {
            self.core.suggestions = None;
        }
    }

    /// Drops a connection without use, so that a new one finds a place.
    fn make_room(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        let Some(conn) = self.useless(turn.now()) else {
            return false;
        };
        turn.io.close(conn);
        self.forget(conn, turn);
        true
    }

    /// The metadata has come: what peers said of their pieces can now be read.
    pub(super) fn learn_pieces(&mut self, turn: &mut Turn<'_, '_>) {
        let Some(count) = self.core.piece_count() else {
            return;
        };
        let mut guilty = Vec::new();
        let (peers, core) = self.peers_mut();
        for (conn, peer) in peers {
            let Pieces::Early(early) = &peer.pieces else {
                continue;
            };
            match early.read(count) {
                Ok(has) => {
                    peer.framing.expect_pieces(count);
                    peer.pieces = Pieces::Known(has);
                    core.peer_came(conn, peer, turn);
                }
                Err(fault) => guilty.push((conn, fault)),
            }
        }
        for (conn, fault) in guilty {
            self.close(conn, &fault, turn);
        }
        self.run_errands(turn);
    }
}

/// A place became free in the middle of a turn: the next peer is called a moment later.
const DIAL_AGAIN: Duration = Duration::from_millis(1);

impl Link {
    pub(super) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Dialing(endpoint) => *endpoint,
            Self::Greeting(greeting) => greeting.endpoint,
            Self::Open(peer) => peer.endpoint,
        }
    }
}
