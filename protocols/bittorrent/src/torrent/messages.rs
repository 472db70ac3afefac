//! What peers say, and what follows from it (spec sections 8 and 9).

use core::net::IpAddr;

use bytes::Bytes;
use machine::ConnId;

use super::{Core, Errand, Stage};
use crate::bitfield::Bitfield;
use crate::choker::{Changes, Interest};
use crate::fast::{ALLOWED_FAST_COUNT, allowed_fast_set};
use crate::misbehaviour::Misbehaviour;
use crate::numbers::{Block, PieceIndex};
use crate::peer::{Advice, Choke, Peer, Pieces};
use crate::picker::Picker;
use crate::session::Turn;
use crate::wire::{Frame, Message};

impl Core {
    /// Takes bytes of an open peer: every message in them, then what they call for.
    pub(super) fn listen(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        bytes: Bytes,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Misbehaviour> {
        peer.heard_at = turn.now();
        peer.input.push(bytes);
        while let Some(frame) = peer.framing.next(&mut peer.input)? {
            match frame {
                Frame::Message(message) => self.message(conn, peer, message, turn)?,
                Frame::Piece(block) => self.block_begins(conn, peer, block)?,
                Frame::Payload { block, at, bytes } => {
                    self.payload(conn, peer, block, at, bytes, turn);
                }
            }
        }
        peer.input.compact();
        self.ask(conn, peer, turn);
        self.serve(conn, peer, turn);
        Ok(())
    }

    /// Says to a new peer what we have and understand, and may do for it.
    pub(super) fn introduce(&mut self, conn: ConnId, peer: &mut Peer, turn: &mut Turn<'_, '_>) {
        let nothing = Bitfield::none(0);
        let have = self.assembly().map_or(&nothing, |assembly| assembly.have());
        let message = if peer.is_fast() && have.is_none() {
            Some(Message::HaveNone)
        } else if peer.is_fast() && have.is_all() {
            Some(Message::HaveAll)
        } else if have.is_none() {
            None
        } else {
            Some(Message::Bitfield(Bytes::from(have.to_wire())))
        };
        if let Some(message) = message {
            turn.io.send(conn, &message);
        }
        if peer.is_extended() {
            self.introduce_extensions(conn, peer, turn);
        }
        self.grant_fast(conn, peer, turn);
        peer.spoke_at = turn.now();
    }

    /// Names the pieces that the peer may have while it is choked (BEP 6): of its allowed-fast
    /// set those that we have.
    ///
    /// A seed grants none. The set follows from the first three bytes of the address, so all peers
    /// of one network would fetch the same ten pieces from it, at the same time and past its
    /// choker: in a simulated swarm of 200 in one network the first minute went for that.
    fn grant_fast(&self, conn: ConnId, peer: &mut Peer, turn: &mut Turn<'_, '_>) {
        let (Some(assembly), IpAddr::V4(ip), true) =
            (self.assembly(), peer.endpoint.ip(), peer.is_fast())
        else {
            return;
        };
        if assembly.is_finished() {
            return;
        }
        let count = assembly.layout().piece_count();
        let set = allowed_fast_set(ip, &self.info_hash, count, ALLOWED_FAST_COUNT);
        for piece in set.into_iter().filter(|&piece| assembly.have().has(piece)) {
            turn.io.send(conn, &Message::AllowedFast(piece));
            peer.granted_fast.push(piece);
        }
    }

    fn message(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        message: Message,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Misbehaviour> {
        check_fast(peer, &message)?;
        match message {
            Message::KeepAlive | Message::Port(_) | Message::Unknown { .. } => (),
            Message::Choke => self.choked_by(conn, peer),
            Message::Unchoke => peer.their_choke = Choke::Unchoked,
            Message::Interested => {
                peer.their_interest = Interest::Interested;
                let changes = self.choker.interested(turn.now(), conn);
                self.note(changes);
            }
            Message::NotInterested => {
                peer.their_interest = Interest::Uninterested;
                let changes = self.choker.uninterested(turn.now(), conn);
                self.note(changes);
            }
            Message::Have(piece) => self.peer_has(conn, peer, piece, turn)?,
            Message::Bitfield(bits) => self.pieces_are(conn, peer, Said::Bits(bits), turn)?,
            Message::HaveAll => self.pieces_are(conn, peer, Said::All, turn)?,
            Message::HaveNone => self.pieces_are(conn, peer, Said::None, turn)?,
            Message::Request(block) => self.requested(conn, peer, block, turn)?,
            Message::Cancel(block) => self.cancelled(conn, peer, block, turn),
            Message::Suggest(piece) => {
                peer.advice = Advice::Given;
                Peer::hint(&mut peer.suggested, piece);
            }
            Message::AllowedFast(piece) => {
                self.check_piece(piece)?;
                Peer::hint(&mut peer.allowed_fast, piece);
            }
            Message::Reject(block) => self.rejected(conn, peer, block)?,
            Message::Extended { id, payload } => self.extended(conn, peer, id, &payload, turn)?,
        }
        Ok(())
    }

    /// Notes what the choker wants to be said.
    pub(super) fn note(&mut self, changes: Changes) {
        let Changes { choke, unchoke } = changes;
        self.errands.extend(choke.into_iter().map(Errand::Choke));
        self.errands
            .extend(unchoke.into_iter().map(Errand::Unchoke));
    }

    fn check_piece(&self, piece: PieceIndex) -> Result<(), Misbehaviour> {
        match self.piece_count() {
            Some(count) if piece.0 >= count => Err(Misbehaviour::NoSuchPiece(piece)),
            Some(_) | None => Ok(()),
        }
    }

    fn peer_has(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        piece: PieceIndex,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Misbehaviour> {
        self.check_piece(piece)?;
        let has = match &mut peer.pieces {
            Pieces::Early(early) => {
                early.add(piece);
                return Ok(());
            }
            Pieces::Known(has) => has,
        };
        if !has.set(piece) {
            return Ok(());
        }
        if let Some(suggestions) = &mut self.suggestions {
            suggestions.has(piece);
        }
        let Some(picker) = self.assembly_mut().and_then(|assembly| assembly.picker()) else {
            return Ok(());
        };
        picker.peer_has(piece, has);
        if peer.our_interest == Interest::Uninterested && picker.wants(piece) {
            become_interested(conn, peer, turn);
        }
        Ok(())
    }

    /// The peer said what it has, all at once; a later word replaces an earlier (spec section 8).
    fn pieces_are(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        said: Said,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Misbehaviour> {
        match &mut peer.pieces {
            Pieces::Early(early) => match said {
                Said::All => early.replace(Some(true), None),
                Said::None => early.replace(Some(false), None),
                Said::Bits(bits) => early.replace(None, Some(Bytes::copy_from_slice(&bits))),
            },
            Pieces::Known(has) => {
                let said = match said {
                    Said::All => Bitfield::all(has.len()),
                    Said::None => Bitfield::none(has.len()),
                    Said::Bits(bits) => Bitfield::from_wire(&bits, has.len())?,
                };
                let before = core::mem::replace(has, said);
                if let Some(picker) = self.assembly_mut().and_then(|assembly| assembly.picker()) {
                    picker.peer_went(&before);
                }
                self.peer_came(conn, peer, turn);
            }
        }
        Ok(())
    }

    /// Counts what a peer has, and tells it whether we want any of it.
    pub(super) fn peer_came(&mut self, conn: ConnId, peer: &mut Peer, turn: &mut Turn<'_, '_>) {
        let Some(has) = peer.has() else { return };
        if let Some(picker) = self.assembly_mut().and_then(|assembly| assembly.picker()) {
            picker.peer_came(has);
        }
        self.note_for_suggestions(has, turn);
        self.review_interest(conn, peer, turn);
    }

    /// Tells the peer whether we want something of it, if that has changed.
    pub(super) fn review_interest(&self, conn: ConnId, peer: &mut Peer, turn: &mut Turn<'_, '_>) {
        let picker = self.assembly().and_then(|assembly| assembly.picker_ref());
        let wanted = |has| picker.is_some_and(|picker: &Picker| picker.is_interesting(has));
        let is_wanted = peer.has().is_some_and(wanted);
        match (is_wanted, peer.our_interest) {
            (true, Interest::Uninterested) => become_interested(conn, peer, turn),
            (false, Interest::Interested) => {
                peer.our_interest = Interest::Uninterested;
                turn.io.send(conn, &Message::NotInterested);
            }
            (true, Interest::Interested) | (false, Interest::Uninterested) => (),
        }
    }

    /// Strikes an open peer that is gone from the books.
    pub(super) fn farewell(&mut self, conn: ConnId, peer: &Peer, turn: &Turn<'_, '_>) {
        let now = turn.now();
        self.drop_incoming(conn, peer);
        if let (Some(has), Some(assembly)) = (peer.has(), self.assembly_mut())
            && let Some(picker) = assembly.picker()
        {
            picker.released_all(conn);
            picker.peer_went(has);
        }
        if let Stage::Nameless(fetch) = &mut self.stage {
            fetch.left(conn);
        }
        if let Some(serve) = &mut self.metadata {
            serve.left(conn);
        }
        if let Some(suggestions) = &mut self.suggestions {
            suggestions.released(conn);
        }
        let changes = self.choker.gone(now, conn);
        self.note(changes);
        if let Some(endpoint) = peer.listens_at {
            self.candidates.closed(endpoint, now);
        }
    }
}

/// What a peer says of all its pieces at once.
enum Said {
    All,
    None,
    Bits(Bytes),
}

fn become_interested(conn: ConnId, peer: &mut Peer, turn: &mut Turn<'_, '_>) {
    peer.our_interest = Interest::Interested;
    turn.io.send(conn, &Message::Interested);
}

/// Messages of the Fast extension need the consent of both sides (BEP 6).
fn check_fast(peer: &Peer, message: &Message) -> Result<(), Misbehaviour> {
    let is_of_fast = matches!(
        message,
        Message::HaveAll
            | Message::HaveNone
            | Message::Suggest(_)
            | Message::Reject(_)
            | Message::AllowedFast(_)
    );
    if is_of_fast && !peer.is_fast() {
        Err(Misbehaviour::FastUnasked)
    } else {
        Ok(())
    }
}

/// Takes a block out of a list of debts; tells whether it was there.
pub(super) fn strike(debts: &mut alloc::collections::VecDeque<Block>, block: Block) -> bool {
    // Nearly always it is the first.
    match debts.iter().position(|&debt| debt == block) {
        Some(0) => debts.pop_front().is_some(),
        Some(index) => debts.remove(index).is_some(),
        None => false,
    }
}
