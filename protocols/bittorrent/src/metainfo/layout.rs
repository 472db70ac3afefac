//! Where the bytes of a torrent lie: in which piece, and in which file (spec section 2).
//!
//! A torrent is one long row of bytes, the files one after the other in the order of the list.
//! Pieces cut the row without regard for the files: a piece, even a single block, may span many of
//! them, and files of no length lie between two bytes.

use alloc::boxed::Box;
use core::iter;
use core::ops::{Deref, Range};

use super::cut::Cut;
use crate::numbers::{BLOCK_LEN, Block, PieceIndex};

/// The most bytes a torrent may have, which is also the most that a JSON number tells exactly (spec
/// section 26).
pub const TORRENT_LEN_MAX: u64 = 1 << 53;

/// The most pieces that a torrent may have: their bitfield has 2 MiB, their hashes 320.
pub const PIECE_COUNT_MAX: u32 = 1 << 24;

/// The longest piece, in bytes. Any positive length occurs; the longest seen in use is 256 MiB.
pub const PIECE_LENGTH_MAX: u32 = 1 << 29;

/// The number of a file within its torrent, from 0, in the order of the info dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileIndex(pub u32);

/// Whether the bytes of a file are kept on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contents {
    /// They are.
    Stored,
    /// They are zeros that only align the next file with a piece (BEP 47).
    Padding,
}

/// A stretch of one file: a part of a block or a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file.
    pub file: FileIndex,
    /// Whether its bytes are kept on the disk.
    pub contents: Contents,
    /// Where in the file the stretch begins, in bytes.
    pub offset: u64,
    /// How many bytes it has, never none.
    pub len: u32,
}

/// Why lengths make no torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The length of the pieces is not possible.
    #[error("a piece length of {0} is not between 1 and {PIECE_LENGTH_MAX}")]
    PieceLength(i64),
    /// There are too many bytes.
    #[error("the files have more than {TORRENT_LEN_MAX} bytes")]
    TooLong,
    /// There are too many files to number.
    #[error("there are more than {} files", u32::MAX)]
    TooManyFiles,
    /// There are too many pieces.
    #[error("the torrent has {0} pieces, more than {PIECE_COUNT_MAX}")]
    TooManyPieces(u64),
}

/// Maps pieces and blocks to stretches of files: a [`Cut`] that knows the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    cut: Cut,
    files: Box<[Extent]>,
}

impl Deref for Layout {
    type Target = Cut;

    fn deref(&self) -> &Cut {
        &self.cut
    }
}

impl Layout {
    /// Lays out files of the given lengths in pieces of `piece_length` bytes.
    ///
    /// # Errors
    /// When a limit is passed.
    pub fn new(
        piece_length: u32,
        files: impl IntoIterator<Item = (u64, Contents)>,
    ) -> Result<Self, LayoutError> {
        if !(1..=PIECE_LENGTH_MAX).contains(&piece_length) {
            return Err(LayoutError::PieceLength(piece_length.into()));
        }
        let mut end = 0u64;
        let lay = |(len, contents)| {
            let start = end;
            end = start
                .checked_add(len)
                .filter(|end| *end <= TORRENT_LEN_MAX)?;
            Some(Extent { start, contents })
        };
        let files: Option<Box<[Extent]>> = files.into_iter().map(lay).collect();
        let files = files.ok_or(LayoutError::TooLong)?;
        if u32::try_from(files.len()).is_err() {
            return Err(LayoutError::TooManyFiles);
        }
        let pieces = end.div_ceil(piece_length.into());
        if pieces > PIECE_COUNT_MAX.into() {
            return Err(LayoutError::TooManyPieces(pieces));
        }
        let cut = Cut::new(end, piece_length);
        Ok(Self { cut, files })
    }

    /// Tells how the bytes are cut, files or no.
    #[must_use]
    pub const fn cut(&self) -> Cut {
        self.cut
    }

    /// Tells how many bytes are kept on the disk: all but padding.
    #[must_use]
    pub fn stored_len(&self) -> u64 {
        let stored = |file: &FileIndex| self.contents(*file) == Contents::Stored;
        self.files()
            .filter(stored)
            .map(|file| self.file_len(file))
            .sum()
    }

    /// Tells how many files there are, padding included.
    #[must_use]
    pub const fn file_count(&self) -> u32 {
        self.files.len() as u32
    }

    /// Lists the files, padding included.
    pub fn files(&self) -> impl ExactSizeIterator<Item = FileIndex> + use<> {
        (0..self.file_count()).map(FileIndex)
    }

    /// Tells the length of a file in bytes; 0 for one that does not exist.
    #[must_use]
    pub fn file_len(&self, file: FileIndex) -> u64 {
        let Range { start, end } = self.file_range(file.0 as usize);
        end - start
    }

    /// Tells whether a file is kept on the disk; one that does not exist is not.
    #[must_use]
    pub fn contents(&self, file: FileIndex) -> Contents {
        self.files
            .get(file.0 as usize)
            .map_or(Contents::Padding, |extent| extent.contents)
    }

    /// Lists the pieces that a file has bytes in; none for a file of no length.
    pub fn pieces_of(
        &self,
        file: FileIndex,
    ) -> impl DoubleEndedIterator<Item = PieceIndex> + ExactSizeIterator + use<> {
        let Range { start, end } = self.file_range(file.0 as usize);
        let length = u64::from(self.piece_length());
        let pieces = if start == end {
            0..0
        } else {
            start / length..end.div_ceil(length)
        };
        (pieces.start as u32..pieces.end as u32).map(PieceIndex)
    }

    /// Cuts a block into stretches of files, in the order of its bytes. What would lie beyond the
    /// end of the torrent is left out; check with [`Cut::contains`] before.
    pub fn spans(&self, block: Block) -> impl Iterator<Item = Span> + '_ {
        let start = self
            .piece_start(block.piece)
            .saturating_add(block.begin.into());
        let end = start.saturating_add(block.len.into()).min(self.len());
        self.spans_between(start..end)
    }

    /// Cuts a whole piece into stretches of files.
    pub fn spans_of_piece(&self, piece: PieceIndex) -> impl Iterator<Item = Span> + '_ {
        self.spans(Block {
            piece,
            begin: 0,
            len: self.piece_len(piece),
        })
    }

    /// Lists the runs of blocks of a piece that lie wholly in padding, by their numbers: their bytes
    /// are zeros, whoever one asks (BEP 47).
    pub fn padding_blocks(&self, piece: PieceIndex) -> impl Iterator<Item = Range<u32>> + '_ {
        let len = self.piece_len(piece);
        let mut spans = self.spans_of_piece(piece).peekable();
        let mut at = 0;
        iter::from_fn(move || {
            loop {
                let span = spans.next()?;
                let start = at;
                at += span.len;
                if span.contents == Contents::Stored {
                    continue;
                }
                // One file may pad behind another.
                while let Some(next) = spans.next_if(|next| next.contents == Contents::Padding) {
                    at += next.len;
                }
                // The last block of a piece may be a short one.
                let end = if at == len {
                    at.div_ceil(BLOCK_LEN)
                } else {
                    at / BLOCK_LEN
                };
                let blocks = start.div_ceil(BLOCK_LEN)..end;
                if !blocks.is_empty() {
                    return Some(blocks);
                }
            }
        })
    }

    fn spans_between(&self, bytes: Range<u64>) -> impl Iterator<Item = Span> + '_ {
        let Range { mut start, end } = bytes;
        // The last file that begins at or before the first byte is the one that holds it: of
        // several that begin at the same byte, all but the last have no length.
        let mut number = self
            .files
            .partition_point(|file| file.start <= start)
            .saturating_sub(1);
        iter::from_fn(move || {
            while start < end {
                let file = self.file_range(number);
                let contents = self.files.get(number)?.contents;
                let (index, offset) = (FileIndex(number as u32), start - file.start);
                let len = (end.min(file.end) - start) as u32;
                number += 1;
                start += u64::from(len);
                if len > 0 {
                    return Some(Span {
                        file: index,
                        contents,
                        offset,
                        len,
                    });
                }
            }
            None
        })
    }

    /// The bytes of the torrent that a file has; none beyond the last file.
    fn file_range(&self, number: usize) -> Range<u64> {
        let start_of = |number| {
            self.files
                .get(number)
                .map_or(self.len(), |file: &Extent| file.start)
        };
        start_of(number)..start_of(number + 1)
    }
}

/// Where a file begins; it ends where the next one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    start: u64,
    contents: Contents,
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn layout(piece_length: u32, lens: &[u64]) -> Layout {
        Layout::new(
            piece_length,
            lens.iter().map(|len| (*len, Contents::Stored)),
        )
        .expect("small")
    }

    fn stretches(spans: impl Iterator<Item = Span>) -> Vec<(u32, u64, u32)> {
        spans
            .map(|span| (span.file.0, span.offset, span.len))
            .collect()
    }

    #[test]
    fn one_block_may_span_many_files() {
        let layout = layout(10, &[3, 0, 4, 0, 0, 9, 0]);
        assert_eq!((layout.len(), layout.piece_count()), (16, 2));
        assert_eq!(
            stretches(layout.spans_of_piece(PieceIndex(0))),
            [(0, 0, 3), (2, 0, 4), (5, 0, 3)]
        );
        assert_eq!(stretches(layout.spans_of_piece(PieceIndex(1))), [(5, 3, 6)]);
        assert_eq!(stretches(layout.spans_of_piece(PieceIndex(2))), []);
        let block = Block {
            piece: PieceIndex(0),
            begin: 3,
            len: 2,
        };
        assert_eq!(stretches(layout.spans(block)), [(2, 0, 2)]);
        let pieces = |file| layout.pieces_of(FileIndex(file)).collect::<Vec<_>>();
        assert_eq!(pieces(5), [PieceIndex(0), PieceIndex(1)]);
        assert_eq!(pieces(1), []);
        assert_eq!(pieces(7), []);
    }

    #[test]
    fn padding_is_told_from_what_is_stored() {
        let files = [
            (3, Contents::Stored),
            (13, Contents::Padding),
            (16, Contents::Stored),
        ];
        let layout = Layout::new(16, files).expect("small");
        let spans: Vec<_> = layout.spans_of_piece(PieceIndex(0)).collect();
        assert_eq!(
            spans.iter().map(|span| span.contents).collect::<Vec<_>>(),
            [Contents::Stored, Contents::Padding]
        );
        assert_eq!((layout.len(), layout.stored_len()), (32, 19));
    }

    #[test]
    fn blocks_of_nothing_but_padding_are_known() {
        let (file, pad) = (Contents::Stored, Contents::Padding);
        let k = |count: u64| count * 1024;
        // 20K of a file and padding to 100K, with a file of no length in it; then a second piece with
        // a file of 10K, and padding to the torrent's end.
        let files = [
            (k(20), file),
            (k(30), pad),
            (0, file),
            (k(50), pad),
            (k(10), file),
            (k(50), pad),
        ];
        let layout = Layout::new(100 * 1024, files).expect("small");
        let blocks = |layout: &Layout, piece| -> Vec<(u32, u32)> {
            let runs = layout.padding_blocks(PieceIndex(piece));
            runs.map(|run| (run.start, run.end)).collect()
        };
        assert_eq!(blocks(&layout, 0), [(2, 7)]);
        assert_eq!(blocks(&layout, 1), [(1, 4)]);
        assert_eq!(blocks(&layout, 2), []);
        // Padding within a block, and padding in the middle of a piece.
        let files = [
            (k(1), file),
            (k(3), pad),
            (k(1), file),
            (k(43), pad),
            (k(1), file),
        ];
        let layout = Layout::new(64 * 1024, files).expect("small");
        assert_eq!(blocks(&layout, 0), [(1, 3)]);
    }

    #[test]
    fn refuses_what_passes_a_limit() {
        let layout = |piece_length, lens: &[u64]| {
            Layout::new(
                piece_length,
                lens.iter().map(|len| (*len, Contents::Stored)),
            )
        };
        assert_eq!(layout(0, &[1]), Err(LayoutError::PieceLength(0)));
        assert!(layout(PIECE_LENGTH_MAX, &[TORRENT_LEN_MAX]).is_ok());
        assert_eq!(
            layout(1 << 29, &[TORRENT_LEN_MAX, 1]),
            Err(LayoutError::TooLong)
        );
        assert_eq!(
            layout(1 << 29, &[u64::MAX, u64::MAX]),
            Err(LayoutError::TooLong)
        );
        assert_eq!(
            layout(1, &[1 << 25]),
            Err(LayoutError::TooManyPieces(1 << 25))
        );
        assert!(layout(1, &[]).is_ok_and(|layout| layout.is_empty() && layout.piece_count() == 0));
    }

    proptest! {
        #[test]
        fn spans_cover_each_byte_once_and_in_order(
            piece_length in 1u32..50,
            lens in proptest::collection::vec(prop_oneof![Just(0u64), 0u64..100], 0..20),
        ) {
            let layout = layout(piece_length, &lens);
            let bytes: Vec<(u32, u64)> = (0..).zip(&lens)
                .flat_map(|(file, len)| (0..*len).map(move |offset| (file, offset)))
                .collect();
            let mut found = vec![];
            for piece in (0..layout.piece_count()).map(PieceIndex) {
                for span in layout.spans_of_piece(piece) {
                    prop_assert!(layout.pieces_of(span.file).any(|of_file| of_file == piece));
                    let offsets = span.offset..span.offset + u64::from(span.len);
                    found.extend(offsets.map(|offset| (span.file.0, offset)));
                }
            }
            prop_assert_eq!(found, bytes);
        }
    }
}
