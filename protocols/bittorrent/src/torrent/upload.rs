//! Choking, and serving what is asked for (spec sections 8, 9, 17, 18).

use alloc::boxed::Box;
use alloc::vec::Vec;

use machine::{BACKLOG_HIGH, ConnId, Instant};

use super::{Core, Torrent};
use crate::bitfield::Bitfield;
use crate::choker::{Diligence, Interest, PeerView, Requests, Role, Usefulness, useless};
use crate::misbehaviour::Misbehaviour;
use crate::numbers::Block;
use crate::peer::{Choke, Peer, REQUEST_QUEUE_MAX};
use crate::session::{Timer, Turn};
use crate::suggestions::Suggestions;
use crate::wire::framing::BLOCK_LEN_MAX;
use crate::wire::message::PIECE_HEAD_LEN;
use crate::wire::{Message, PieceHead};

/// What became of an attempt to serve one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    /// It is on its way.
    Sent,
    /// Nothing is asked for, or there is no room or no leave for more.
    Nothing,
}

impl Torrent {
    /// Sends a peer what it asked for, as far as there is room on the wire and leave.
    pub(super) fn serve(&mut self, conn: ConnId, turn: &mut Turn<'_, '_>) {
        if let Some((peer, core)) = self.peer(conn) {
            core.serve(conn, peer, turn);
        }
    }

    /// A rate limit lets bytes pass again: peers are served in turn, a block each, and what was
    /// paused is read again.
    pub(crate) fn refilled(&mut self, turn: &mut Turn<'_, '_>) {
        let (peers, core) = self.peers_mut();
        let mut waiting = Vec::new();
        for (conn, peer) in peers {
            if peer.is_paused && turn.may_receive(&core.rates) {
                peer.is_paused = false;
                turn.io.resume(conn);
            }
            if peer.is_paused {
                let all = turn.session.rates.down;
                turn.wait_for_refill(&core.rates.down, &all, 1);
            }
            if !peer.owed.is_empty() {
                waiting.push((conn, turn.io.backlog(conn)));
            }
        }
        if let Some(first) = turn.io.rng().index(waiting.len()) {
            waiting.rotate_left(first);
        }
        while !waiting.is_empty() {
            waiting.retain_mut(|(conn, backlog)| {
                let Some((peer, core)) = self.peer(*conn) else {
                    return false;
                };
                core.serve_one(*conn, peer, backlog, turn) == Served::Sent
            });
        }
    }

    /// Ranks the peers anew (spec section 17).
    pub(crate) fn choke_round(&mut self, turn: &mut Turn<'_, '_>) {
        let now = turn.now();
        let views: Vec<_> = self
            .peers()
            .map(|(conn, peer)| view(conn, peer, now))
            .collect();
        let role = if self.core.is_finished() {
            Role::Seeding
        } else {
            Role::Leeching
        };
        let changes = self.core.choker.round(now, &views, role, turn.io.rng());
        self.core.note(changes);
        self.run_errands(turn);
        if !self.links.is_empty() {
            turn.set(Timer::Choke(self.core.id), crate::choker::ROUND);
        }
    }

    /// The connection to give up first when places are short.
    pub(super) fn useless(&self, now: Instant) -> Option<ConnId> {
        let peers: Vec<_> = self
            .peers()
            .map(|(conn, peer)| Usefulness {
                peer: conn,
                connected_at: peer.since,
                last_payload: peer.payload_at,
                their_interest: peer.their_interest,
                our_interest: peer.our_interest,
            })
            .collect();
        useless(now, &peers)
    }
}

impl Core {
    /// A peer asks for a block.
    pub(super) fn requested(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        block: Block,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Misbehaviour> {
        let Some(assembly) = self.assembly() else {
            return refuse(conn, peer, block, turn);
        };
        let exists = block.len <= BLOCK_LEN_MAX && assembly.layout().contains(block);
        if exists && assembly.was_offered(block.piece) {
            return refuse(conn, peer, block, turn); // We said that we have it: no fault of theirs.
        }
        if !exists || !assembly.have().has(block.piece) {
            refuse(conn, peer, block, turn)?;
            return peer.blame_request(block);
        }
        let is_granted =
            peer.our_choke == Choke::Unchoked || peer.granted_fast.contains(&block.piece);
        if !is_granted || peer.owed.len() >= REQUEST_QUEUE_MAX {
            return refuse(conn, peer, block, turn);
        }
        peer.owed.push_back(block);
        if let Some(suggestions) = &mut self.suggestions {
            suggestions.requested(conn, block.piece);
        }
        self.suggest(conn, peer, turn);
        Ok(())
    }

    /// Suggests to a peer that we serve what nobody else has yet (BEP 6).
    fn suggest(&mut self, conn: ConnId, peer: &Peer, turn: &mut Turn<'_, '_>) {
        let Some(suggestions) = &mut self.suggestions else {
            return;
        };
        if !peer.is_fast() || peer.our_choke == Choke::Choked {
            return;
        }
        while let Some(piece) = suggestions.next(conn) {
            turn.io.send(conn, &Message::Suggest(piece));
        }
    }

    /// Notes, while we seed, what a peer has: that need not be suggested.
    pub(super) fn note_for_suggestions(&mut self, has: &Bitfield, turn: &mut Turn<'_, '_>) {
        if !self.is_finished() {
            return;
        }
        let new = || Box::new(Suggestions::new(has.len(), turn.io.rng()));
        self.suggestions.get_or_insert_with(new).has_all_of(has);
    }

    /// A peer takes a request back.
    pub(super) fn cancelled(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        block: Block,
        turn: &mut Turn<'_, '_>,
    ) {
        // Every request is answered (BEP 6), also one that was taken back.
        if super::messages::strike(&mut peer.owed, block) && peer.is_fast() {
            turn.io.send(conn, &Message::Reject(block));
        }
    }

    /// Sends a peer what it asked for, as far as there is room on the wire and leave.
    pub(super) fn serve(&mut self, conn: ConnId, peer: &mut Peer, turn: &mut Turn<'_, '_>) {
        if peer.owed.is_empty() {
            return;
        }
        let mut backlog = turn.io.backlog(conn);
        while self.serve_one(conn, peer, &mut backlog, turn) == Served::Sent {}
    }

    fn serve_one(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        backlog: &mut usize,
        turn: &mut Turn<'_, '_>,
    ) -> Served {
        let Some(&block) = peer.owed.front() else {
            return Served::Nothing;
        };
        if *backlog >= BACKLOG_HIGH {
            return Served::Nothing; // `Flushed` will come.
        }
        let len = u64::from(block.len);
        if turn.may_send(&self.rates) < len {
            let all = turn.session.rates.up;
            turn.wait_for_refill(&self.rates.up, &all, len);
            return Served::Nothing;
        }
        peer.owed.pop_front();
        let Some(assembly) = self.assembly() else {
            return Served::Nothing;
        };
        turn.io.send(conn, &PieceHead(block));
        for span in assembly.spans(block) {
            turn.io.send_span(conn, span);
        }
        let now = turn.now();
        turn.sends(&mut self.rates, len);
        self.totals.up.add(now, len);
        peer.up.add(now, len);
        peer.payload_at = Some(now);
        peer.forgive_unserved();
        peer.spoke_at = now;
        *backlog += PIECE_HEAD_LEN + block.len as usize;
        Served::Sent
    }

    /// Serves a peer no more: what it asked for is rejected, but for what it may always have.
    pub(super) fn choke(&mut self, conn: ConnId, peer: &mut Peer, turn: &mut Turn<'_, '_>) {
        if peer.our_choke == Choke::Choked {
            return;
        }
        peer.our_choke = Choke::Choked;
        turn.io.send(conn, &Message::Choke);
        if let Some(suggestions) = &mut self.suggestions {
            suggestions.released(conn);
        }
        let (is_fast, granted) = (peer.is_fast(), &peer.granted_fast);
        peer.owed.retain(|block| {
            let stays = is_fast && granted.contains(&block.piece);
            if is_fast && !stays {
                turn.io.send(conn, &Message::Reject(*block));
            }
            stays
        });
    }

    /// Serves a peer from now on.
    pub(super) fn unchoke(&mut self, conn: ConnId, peer: &mut Peer, turn: &mut Turn<'_, '_>) {
        if peer.our_choke == Choke::Choked {
            peer.our_choke = Choke::Unchoked;
            turn.io.send(conn, &Message::Unchoke);
            self.suggest(conn, peer, turn);
        }
    }
}

/// Answers a request that is not served: by a reject if the peer knows them, else by silence.
fn refuse(
    conn: ConnId,
    peer: &mut Peer,
    block: Block,
    turn: &mut Turn<'_, '_>,
) -> Result<(), Misbehaviour> {
    if !peer.is_fast() {
        return peer.blame_unserved(block);
    }
    turn.io.send(conn, &Message::Reject(block));
    Ok(())
}

fn view(conn: ConnId, peer: &Peer, now: Instant) -> PeerView {
    PeerView {
        peer: conn,
        connected_at: peer.since,
        interest: peer.their_interest,
        diligence: if peer.pipeline.is_snubbing() && peer.our_interest == Interest::Interested {
            Diligence::Snubbing
        } else {
            Diligence::Sending
        },
        requests: if peer.owed.is_empty() {
            Requests::Answered
        } else {
            Requests::Waiting
        },
        rate_from: peer.down.rolling(now),
        rate_to: peer.up.rolling(now),
    }
}
