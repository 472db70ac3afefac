//! The formats of the library: what it keeps beside the user's files.

use bittorrent::numbers::InfoHash;
use library::journal::{Journal, Shape};

/// The torrent of the journals in the corpus.
const SHAPE: Shape = Shape {
    info_hash: InfoHash([7; 20]),
    pieces: 20,
    files: 2,
};

/// Resume data: what is read of it is written again as it stood, and cutting it forgets only what
/// was cut.
pub fn journal(data: &[u8]) {
    let Ok(journal) = Journal::parse(data, &SHAPE) else {
        return;
    };
    let (mut written, seal) = journal.head.encode(&SHAPE);
    let head_len = written.len();
    for (number, piece) in journal.recent.iter().enumerate() {
        written.extend(seal.stored(number, *piece));
    }
    if let Some(states) = &journal.closed {
        written.extend(seal.closed(journal.recent.len(), states));
    }
    // The head may have spare bits set, which are not written again; then its seal is another.
    if written.get(..head_len) == data.get(..head_len) {
        assert!(data.starts_with(&written));
    }
    let cut = data.get(..data.len().saturating_sub(1)).unwrap_or_default();
    if let Ok(less) = Journal::parse(cut, &SHAPE) {
        assert_eq!(less.head, journal.head);
        assert!(journal.recent.starts_with(&less.recent));
    }
}
