//! Which pieces somebody has: one bit a piece, as the `bitfield` message carries them (BEP 3, spec
//! section 8).
//!
//! Most bitfields are boring: a seed has everything and a newcomer nothing. Those two cost no
//! memory here, so that a thousand seeding torrents, or a peer with a million pieces, weigh
//! nothing. The rest is a row of 64-bit words, the first piece in the highest bit of the first
//! word: read big-endian, the words *are* the message.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::numbers::PieceIndex;

const WORD_BITS: u32 = u64::BITS;

/// A set of pieces out of a known number of pieces.
#[derive(Clone, PartialEq, Eq)]
pub struct Bitfield {
    len: u32,
    ones: u32,
    bits: Bits,
}

/// Why the bytes of a `bitfield` message cannot be the bitfield of this torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bitfield of {pieces} pieces has {expected} bytes, this one has {found}")]
pub struct WrongLength {
    /// How many pieces the torrent has.
    pub pieces: u32,
    /// How many bytes its bitfield must have.
    pub expected: usize,
    /// How many bytes came.
    pub found: usize,
}

impl Bitfield {
    /// Makes the bitfield of one who has none of `len` pieces.
    pub const fn none(len: u32) -> Self {
        Self {
            len,
            ones: 0,
            bits: Bits::None,
        }
    }

    /// Makes the bitfield of a seed, who has all of `len` pieces.
    pub const fn all(len: u32) -> Self {
        let bits = if len == 0 { Bits::None } else { Bits::All };
        Self {
            len,
            ones: len,
            bits,
        }
    }

    /// Reads the payload of a `bitfield` message about `len` pieces.
    ///
    /// Spare bits at the end are masked, not punished: some clients set them (spec section 24b).
    pub fn from_wire(bytes: &[u8], len: u32) -> Result<Self, WrongLength> {
        let expected = Self::wire_len(len);
        if bytes.len() != expected {
            return Err(WrongLength {
                pieces: len,
                expected,
                found: bytes.len(),
            });
        }
        let mut words: Box<[u64]> = bytes.chunks(8).map(word_from_bytes).collect();
        if let Some(last) = words.last_mut() {
            *last &= last_word_mask(len);
        }
        let ones = words.iter().map(|word| word.count_ones()).sum();
        let mut bitfield = Self {
            len,
            ones,
            bits: Bits::Some(words),
        };
        bitfield.normalise();
        Ok(bitfield)
    }

    /// Tells how many bytes the payload of a `bitfield` message about `len` pieces has.
    pub const fn wire_len(len: u32) -> usize {
        len.div_ceil(8) as usize
    }

    /// Writes the payload of a `bitfield` message: spare bits are zero.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::wire_len(self.len) + size_of::<u64>());
        for index in 0..self.word_count() {
            bytes.extend_from_slice(&self.word(index).to_be_bytes());
        }
        bytes.truncate(Self::wire_len(self.len));
        bytes
    }

    /// Tells of how many pieces this bitfield speaks, had or not.
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Tells whether it speaks of no piece at all, which only a torrent without content does.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Counts the pieces that are had; the count is kept, not computed.
    pub const fn count(&self) -> u32 {
        self.ones
    }

    /// Tells whether every piece is had.
    pub const fn is_all(&self) -> bool {
        self.ones == self.len
    }

    /// Tells whether no piece is had.
    pub const fn is_none(&self) -> bool {
        self.ones == 0
    }

    /// Tells whether `piece` is had; nobody has a piece that does not exist.
    #[inline]
    pub fn has(&self, piece: PieceIndex) -> bool {
        match &self.bits {
            Bits::None => false,
            Bits::All => piece.0 < self.len,
            Bits::Some(words) => words
                .get(word_index(piece))
                .is_some_and(|word| word & bit_mask(piece) != 0),
        }
    }

    /// Notes that `piece` is had; tells whether that is news. A piece that does not exist is no
    /// news.
    pub fn set(&mut self, piece: PieceIndex) -> bool {
        if piece.0 >= self.len || self.has(piece) {
            return false;
        }
        if let Some(word) = self.words_mut().get_mut(word_index(piece)) {
            *word |= bit_mask(piece);
        }
        self.ones += 1;
        self.normalise();
        true
    }

    /// Notes that `piece` is not had; tells whether that is news.
    pub fn clear(&mut self, piece: PieceIndex) -> bool {
        if !self.has(piece) {
            return false;
        }
        if let Some(word) = self.words_mut().get_mut(word_index(piece)) {
            *word &= !bit_mask(piece);
        }
        self.ones -= 1;
        self.normalise();
        true
    }

    /// Lists the pieces that are had, ascending.
    pub fn iter(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        (0..self.word_count()).flat_map(|index| ones_of(index, self.word(index)))
    }

    /// Lists the pieces that are not had, ascending.
    pub fn missing(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        (0..self.word_count())
            .flat_map(|index| ones_of(index, self.valid_mask(index) & !self.word(index)))
    }

    /// Lists the pieces that are had here and lacking in `other`, ascending: what `other` could ask
    /// us for.
    pub fn lacking_in<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = PieceIndex> + 'a {
        (0..self.word_count())
            .flat_map(|index| ones_of(index, self.word(index) & !other.word(index)))
    }

    /// Tells whether any piece is had here and lacking in `other`: whether `other` would be
    /// interested in us.
    pub fn has_any_lacking_in(&self, other: &Self) -> bool {
        match (&self.bits, &other.bits) {
            (Bits::None, _) => false,
            (_, Bits::None) => true,
            (_, Bits::All) if self.len <= other.len => false,
            _ => (0..self.word_count()).any(|index| self.word(index) & !other.word(index) != 0),
        }
    }

    /// Tells whether any piece is had by both.
    pub fn intersects(&self, other: &Self) -> bool {
        match (&self.bits, &other.bits) {
            (Bits::None, _) | (_, Bits::None) => false,
            (Bits::All, _) if other.len <= self.len => true,
            (_, Bits::All) if self.len <= other.len => true,
            _ => (0..self.word_count()).any(|index| self.word(index) & other.word(index) != 0),
        }
    }

    fn word_count(&self) -> u32 {
        self.len.div_ceil(WORD_BITS)
    }

    /// The 64 pieces from `64 * index`, whatever form the bits have; zero beyond the end.
    fn word(&self, index: u32) -> u64 {
        match &self.bits {
            Bits::None => 0,
            Bits::All => self.valid_mask(index),
            Bits::Some(words) => words.get(index as usize).copied().unwrap_or(0),
        }
    }

    /// The bits of a word that stand for pieces that exist.
    fn valid_mask(&self, index: u32) -> u64 {
        let count = self.word_count();
        if index + 1 < count {
            u64::MAX
        } else if index + 1 == count {
            last_word_mask(self.len)
        } else {
            0
        }
    }

    fn words_mut(&mut self) -> &mut [u64] {
        if !matches!(self.bits, Bits::Some(_)) {
            self.bits = Bits::Some(
                (0..self.word_count())
                    .map(|index| self.word(index))
                    .collect(),
            );
        }
        match &mut self.bits {
            Bits::Some(words) => words,
            Bits::None | Bits::All => &mut [],
        }
    }

    /// Keeps one form for one set: the boring two give their memory back, and equality can be
    /// derived.
    fn normalise(&mut self) {
        if self.ones == 0 {
            self.bits = Bits::None;
        } else if self.ones == self.len {
            self.bits = Bits::All;
        }
    }
}

impl fmt::Debug for Bitfield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bitfield({} of {})", self.ones, self.len)
    }
}

#[derive(Clone, PartialEq, Eq)]
enum Bits {
    None,
    All,
    Some(Box<[u64]>),
}

fn word_from_bytes(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(word)
}

const fn last_word_mask(len: u32) -> u64 {
    match len % WORD_BITS {
        0 => u64::MAX,
        used => u64::MAX << (WORD_BITS - used),
    }
}

const fn word_index(piece: PieceIndex) -> usize {
    (piece.0 / WORD_BITS) as usize
}

const fn bit_mask(piece: PieceIndex) -> u64 {
    1 << (WORD_BITS - 1 - piece.0 % WORD_BITS)
}

/// Lists the pieces of one word, taking the highest bit off again and again.
fn ones_of(index: u32, mut word: u64) -> impl Iterator<Item = PieceIndex> {
    core::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.leading_zeros())?;
        word &= !(1 << (WORD_BITS - 1 - bit));
        Some(PieceIndex(index * WORD_BITS + bit))
    })
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn indices(bitfield: &Bitfield) -> Vec<u32> {
        bitfield.iter().map(|piece| piece.0).collect()
    }

    #[test]
    fn writes_the_bytes_of_the_specification() {
        assert_eq!(Bitfield::all(3).to_wire(), [0xe0]);
        assert_eq!(Bitfield::all(9).to_wire(), [0xff, 0x80]);
        assert_eq!(Bitfield::none(9).to_wire(), [0, 0]);
        assert_eq!(Bitfield::all(0).to_wire(), []);
    }

    #[test]
    fn masks_spare_bits_and_refuses_a_wrong_length() {
        let bitfield = Bitfield::from_wire(&[0xff], 3).expect("one byte is right for three pieces");
        assert_eq!(bitfield, Bitfield::all(3));
        let error = Bitfield::from_wire(&[0xff, 0], 3);
        assert_eq!(
            error,
            Err(WrongLength {
                pieces: 3,
                expected: 1,
                found: 2
            })
        );
        assert!(Bitfield::from_wire(&[], 0).is_ok_and(|empty| empty.is_all() && empty.is_none()));
    }

    #[test]
    fn costs_no_memory_when_all_or_none() {
        let mut bitfield = Bitfield::none(130);
        (0..130).for_each(|index| assert!(bitfield.set(PieceIndex(index))));
        assert!(matches!(bitfield.bits, Bits::All));
        assert!(bitfield.clear(PieceIndex(129)));
        assert_eq!(bitfield.missing().collect::<Vec<_>>(), [PieceIndex(129)]);
        (0..129).for_each(|index| assert!(bitfield.clear(PieceIndex(index))));
        assert!(matches!(bitfield.bits, Bits::None));
    }

    #[test]
    fn knows_no_piece_beyond_the_end() {
        let mut bitfield = Bitfield::all(10);
        assert!(!bitfield.has(PieceIndex(10)));
        assert!(!bitfield.set(PieceIndex(10)));
        assert!(!bitfield.clear(PieceIndex(u32::MAX)));
        assert_eq!(bitfield, Bitfield::all(10));
    }

    proptest! {
        #[test]
        fn behaves_like_a_set(
            len in 1u32..200,
            changes in proptest::collection::vec((any::<bool>(), 0u32..210), 0..300),
        ) {
            let mut bitfield = Bitfield::none(len);
            let mut model = BTreeSet::new();
            for (add, index) in changes {
                let news = if add {
                    index < len && model.insert(index)
                } else {
                    model.remove(&index)
                };
                let piece = PieceIndex(index);
                let noted = if add { bitfield.set(piece) } else { bitfield.clear(piece) };
                prop_assert_eq!(noted, news);
            }
            prop_assert_eq!(indices(&bitfield), model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(bitfield.count() as usize, model.len());
            let back = Bitfield::from_wire(&bitfield.to_wire(), len);
            prop_assert_eq!(back, Ok(bitfield));
        }

        #[test]
        fn compares_like_sets(len in 1u32..150, ours: [u8; 19], theirs: [u8; 19]) {
            let bytes = Bitfield::wire_len(len);
            let ours = Bitfield::from_wire(&ours[..bytes], len).expect("cut to length");
            let theirs = Bitfield::from_wire(&theirs[..bytes], len).expect("cut to length");
            for (a, b) in [
                (&ours, &theirs),
                (&ours, &Bitfield::all(len)),
                (&Bitfield::all(len), &ours),
                (&ours, &Bitfield::none(len)),
                (&Bitfield::none(len), &ours),
            ] {
                let lacking: Vec<_> = a.iter().filter(|piece| !b.has(*piece)).collect();
                prop_assert_eq!(a.has_any_lacking_in(b), !lacking.is_empty());
                prop_assert_eq!(a.lacking_in(b).collect::<Vec<_>>(), lacking);
                prop_assert_eq!(a.intersects(b), a.iter().any(|piece| b.has(piece)));
            }
        }
    }

    #[test]
    fn lists_nothing_for_nothing() {
        assert_eq!(Bitfield::none(1 << 20).iter().next(), None);
        assert_eq!(indices(&Bitfield::all(3)), [0, 1, 2]);
    }
}
