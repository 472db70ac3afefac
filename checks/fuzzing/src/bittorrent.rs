//! The formats of BitTorrent: torrents, links, and what peers say to each other.

use bittorrent::magnet::Magnet;
use bittorrent::metainfo::{Contents, Info, Metainfo};
use bittorrent::numbers::{PeerId, PieceIndex};
use bittorrent::wire::extended::{ExtensionHandshake, MetadataMessage};
use bittorrent::wire::{Frame, Framing, Handshake, HandshakeStart, PieceHead};
use bytes::Bytes;
use wire::{Encode, Malformed, StreamBuffer};

/// A torrent: it survives being written, its pieces cover its files, and no path leads out of it.
pub fn metainfo(data: &[u8]) {
    let Ok(metainfo) = Metainfo::parse(data) else {
        return;
    };
    let again = Metainfo::parse(&metainfo.encoded()).expect("what was read can be written");
    assert_eq!(again.info, metainfo.info);
    check_layout(&metainfo.info);
    check_paths(&metainfo.info);
    let link = Magnet::from(&metainfo);
    assert_eq!(link.to_string().parse(), Ok(link));
}

/// A magnet link: it survives being written.
pub fn magnet(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    if let Ok(magnet) = text.parse::<Magnet>() {
        assert!(Magnet::is_meant_by(text));
        assert_eq!(magnet.to_string().parse(), Ok(magnet));
    }
}

/// A handshake: the same bytewise as whole, and refused at the same byte.
pub fn handshake(data: &[u8]) {
    let whole = read_handshake(data, data.len().max(1));
    let bytewise = read_handshake(data, 1);
    assert_eq!(whole, bytewise);
    if let Ok(Some(handshake)) = whole {
        assert!(data.starts_with(&handshake.encoded()));
    }
}

/// Messages of peers: the same however the stream is cut, and written as they were read.
pub fn peer_messages(data: &[u8]) {
    let (frames, error) = read_frames(data, data.len().max(1));
    for cut in [1, 7] {
        let (others, other_error) = read_frames(data, cut);
        assert_eq!(join(&others), join(&frames));
        assert_eq!(other_error, error);
    }
    let written = join(&frames);
    if frames.iter().all(is_kept) {
        assert!(data.starts_with(&written));
    }
}

/// What the messages of extensions contain: it survives being written.
pub fn extended(data: &[u8]) {
    if let Ok(handshake) = ExtensionHandshake::parse(data) {
        assert_eq!(
            ExtensionHandshake::parse(&handshake.encoded()),
            Ok(handshake)
        );
    }
    if let Ok(Some(message)) = MetadataMessage::parse(&Bytes::copy_from_slice(data)) {
        assert_eq!(
            MetadataMessage::parse(&Bytes::from(message.encoded())),
            Ok(Some(message))
        );
    }
}

fn check_layout(info: &Info) {
    let layout = info.layout();
    let stored = info
        .files()
        .filter(|(index, _)| layout.contents(*index) == Contents::Stored);
    let stored_len: u64 = stored.map(|(index, _)| layout.file_len(index)).sum();
    assert_eq!(stored_len, layout.stored_len());
    let mut end = 0;
    for piece in (0..layout.piece_count()).map(PieceIndex) {
        assert!(info.piece_hash(piece).is_some());
        end += layout
            .spans_of_piece(piece)
            .map(|span| u64::from(span.len))
            .sum::<u64>();
    }
    assert_eq!(end, layout.len());
}

fn check_paths(info: &Info) {
    for (_, file) in info.files() {
        for part in info.path(file) {
            assert!(!part.is_empty() && part.len() <= 255 && part != "." && part != "..");
            assert!(!part.contains(|c: char| c.is_control() || c == '/' || c == '\\'));
        }
    }
}

fn read_handshake(data: &[u8], cut: usize) -> Result<Option<Handshake>, Malformed> {
    let (mut stream, mut start) = (StreamBuffer::new(), None);
    for part in data.chunks(cut) {
        stream.push(Bytes::copy_from_slice(part));
        if start.is_none() {
            start = HandshakeStart::take(&mut stream)?;
        }
        if let Some(start) = start
            && let Some(peer_id) = PeerId::take(&mut stream)
        {
            return Ok(Some(Handshake { start, peer_id }));
        }
        stream.compact();
    }
    Ok(None)
}

fn read_frames(data: &[u8], cut: usize) -> (Vec<Frame>, Option<Malformed>) {
    let (mut stream, mut framing, mut frames) =
        (StreamBuffer::new(), Framing::new(None), Vec::new());
    for part in data.chunks(cut) {
        stream.push(Bytes::copy_from_slice(part));
        loop {
            match framing.next(&mut stream) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        stream.compact();
    }
    (frames, None)
}

/// Writes the frames as they would be sent, so that the cuts of payloads do not show.
fn join(frames: &[Frame]) -> Vec<u8> {
    let mut joined = Vec::new();
    for frame in frames {
        match frame {
            Frame::Message(message) => message.encode(&mut joined),
            Frame::Piece(block) => PieceHead(*block).encode(&mut joined),
            Frame::Payload { bytes, .. } => joined.extend_from_slice(bytes),
        }
    }
    joined
}

/// All frames keep what they were read from but those of unknown messages.
const fn is_kept(frame: &Frame) -> bool {
    !matches!(
        frame,
        Frame::Message(bittorrent::wire::Message::Unknown { .. })
    )
}
