//! The extension protocol, and metadata from peers and for them (BEP 9, 10; spec section 10).

use alloc::vec;

use bytes::Bytes;
use machine::ConnId;
use wire::Encode;

use super::{Core, Stage, Torrent};
use crate::api::Event;
use crate::metadata::{MetadataServe, Received};
use crate::misbehaviour::Misbehaviour;
use crate::peer::{Origin, Peer, REQUEST_QUEUE_MAX};
use crate::session::Turn;
use crate::wire::Message;
use crate::wire::extended::{Extension, ExtensionHandshake, HANDSHAKE_ID, MetadataMessage};

/// The number under which we want to receive `ut_metadata`.
const OUR_METADATA_ID: u8 = 1;

/// What we call ourselves.
const CLIENT: &str = concat!("manyhop ", env!("CARGO_PKG_VERSION"));

impl Torrent {
    /// The metadata's hash is right: the user is to say where the files lie.
    pub(super) fn metadata_proven(&mut self, turn: &mut Turn<'_, '_>) {
        let Some(info) = self.core.proven_metadata.take() else {
            return;
        };
        self.core.stage = Stage::Described;
        turn.io.emit(Event::Metadata {
            torrent: self.core.id,
            info,
        });
    }
}

impl Core {
    /// Tells a new peer which extensions we understand, and a few things about ourselves.
    pub(super) fn introduce_extensions(&self, conn: ConnId, peer: &Peer, turn: &mut Turn<'_, '_>) {
        let metadata_size = self.assembly().map(|assembly| assembly.info().raw().len());
        let handshake = ExtensionHandshake {
            extensions: vec![(Extension::Metadata, OUR_METADATA_ID)],
            client: Some(CLIENT.into()),
            listen_port: Some(turn.session.config.port).filter(|&port| port != 0),
            your_ip: Some(peer.endpoint.ip()),
            request_queue: u32::try_from(REQUEST_QUEUE_MAX).ok(),
            metadata_size: metadata_size.and_then(|size| u32::try_from(size).ok()),
            upload_only: self.is_finished().then_some(true),
        };
        turn.io.send(conn, &extended(HANDSHAKE_ID, &handshake));
    }

    /// A message of an extension came.
    pub(super) fn extended(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        id: u8,
        payload: &Bytes,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Misbehaviour> {
        match id {
            HANDSHAKE_ID => self.extension_handshake(conn, peer, payload, turn),
            OUR_METADATA_ID => self.metadata_message(conn, peer, payload, turn),
            _ => Ok(()), // Not one that we asked for: it says nothing to us (BEP 10).
        }
    }

    fn extension_handshake(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        payload: &Bytes,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Misbehaviour> {
        let handshake = ExtensionHandshake::parse(payload)?;
        peer.extensions.update(&handshake);
        if let Some(count) = handshake.request_queue {
            peer.pipeline.set_request_queue(count);
        }
        if let (Some(port), Origin::Theirs) = (handshake.listen_port, peer.origin) {
            peer.listens_at = Some(peer.endpoint.with_port(port));
        }
        if let (Some(size), Stage::Nameless(fetch)) = (handshake.metadata_size, &mut self.stage) {
            fetch.claimed(conn, size);
        }
        self.ask_metadata(conn, peer, turn);
        Ok(())
    }

    /// Asks a peer for blocks of the metadata, if we lack it and the peer offers it.
    pub(super) fn ask_metadata(&mut self, conn: ConnId, peer: &mut Peer, turn: &mut Turn<'_, '_>) {
        let Stage::Nameless(fetch) = &mut self.stage else {
            return;
        };
        let Some(id) = peer.extensions.id(Extension::Metadata) else {
            return;
        };
        for piece in fetch.next_requests(conn, turn.now()) {
            turn.io
                .send(conn, &extended(id, &MetadataMessage::Request { piece }));
            peer.spoke_at = turn.now();
        }
    }

    fn metadata_message(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        payload: &Bytes,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Misbehaviour> {
        match MetadataMessage::parse(payload)? {
            Some(MetadataMessage::Request { piece }) => {
                let Some(id) = peer.extensions.id(Extension::Metadata) else {
                    return Ok(());
                };
                let answer = self.metadata_block(conn, piece);
                turn.io.send(conn, &extended(id, &answer));
            }
            Some(MetadataMessage::Data { piece, payload, .. }) => {
                let Stage::Nameless(fetch) = &mut self.stage else {
                    return Ok(());
                };
                match fetch.received(conn, piece, &payload) {
                    Received::Incomplete | Received::Unasked => (),
                    Received::Whole(info) => self.proven_metadata = Some(info),
                    Received::WrongLength { .. } => return Err(Misbehaviour::FalseMetadata),
                    Received::WrongHash { contributors } => {
                        // One alone has lied; of several nobody knows who, and each of them is
                        // from now on asked for all.
                        if contributors == [conn] {
                            return Err(Misbehaviour::FalseMetadata);
                        }
                    }
                }
                self.ask_metadata(conn, peer, turn);
            }
            Some(MetadataMessage::Reject { piece }) => {
                if let Stage::Nameless(fetch) = &mut self.stage {
                    fetch.rejected(conn, piece, turn.now());
                }
            }
            None => (),
        }
        Ok(())
    }

    /// A block of the metadata for a peer, or that it cannot have it.
    fn metadata_block(&mut self, conn: ConnId, piece: u32) -> MetadataMessage {
        let Some(info) = self
            .assembly()
            .map(|assembly| assembly.info().raw().clone())
        else {
            return MetadataMessage::Reject { piece };
        };
        let serve = self
            .metadata
            .get_or_insert_with(|| MetadataServe::new(info).into());
        serve.answer(conn, piece)
    }
}

fn extended(id: u8, content: &impl Encode) -> Message {
    let mut payload = vec::Vec::new();
    content.encode(&mut payload);
    Message::Extended {
        id,
        payload: payload.into(),
    }
}
