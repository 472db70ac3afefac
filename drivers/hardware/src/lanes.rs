//! SHA-1 of up to 16 messages side by side.

use std::array;
use std::cmp::Reverse;
use std::slice;

use crate::blocks::{BLOCK_BYTES, Block, INITIAL, State, compress};
use crate::width::Width;

/// The most messages that one [`Sha1Lanes`] takes: the lanes of the widest vector there is.
pub const LANES_MAX: usize = 16;

/// Where the length of the message stands in its last block (FIPS 180-4, section 5.1.1).
const LENGTH_AT: usize = BLOCK_BYTES - size_of::<u64>();

/// Hashes up to [`LANES_MAX`] messages side by side, each fed in chunks.
///
/// Messages and chunks may have any length. They are hashed fastest when the chunks of one
/// [`update`](Self::update) are equally long, a multiple of 64 bytes, and begin on cache lines; a
/// message that has ended is fed empty chunks. A load is one cache line of one chunk after the
/// other, so chunks that still lie in the second-level cache serve best.
///
/// ```
/// use hardware::{Sha1Lanes, Width};
/// let mut lanes = Sha1Lanes::new(Width::widest(), 2);
/// lanes.update(&[b"a", b"abc"]);
/// lanes.update(&[b"bc", b""]);
/// let digests = lanes.finish();
/// assert_eq!(digests[0], digests[1]);
/// ```
#[derive(Clone, Debug)]
pub struct Sha1Lanes {
    width: Width,
    count: usize,
    states: [State; LANES_MAX],
    /// How many bytes of each message were fed.
    lengths: [u64; LANES_MAX],
    /// The last bytes of each message, those that do not yet fill a block.
    tails: [Block; LANES_MAX],
}

impl Sha1Lanes {
    /// Begins `count` empty messages.
    ///
    /// # Panics
    /// If `count` is above [`LANES_MAX`].
    #[must_use]
    pub fn new(width: Width, count: usize) -> Self {
        assert!(count <= LANES_MAX, "{count} messages for {LANES_MAX} lanes");
        Self {
            width,
            count,
            states: [INITIAL; LANES_MAX],
            lengths: [0; LANES_MAX],
            tails: [[0; BLOCK_BYTES]; LANES_MAX],
        }
    }

    /// Appends one chunk to each message, in the order of the messages.
    ///
    /// # Panics
    /// If the number of chunks is not that of the messages.
    pub fn update(&mut self, chunks: &[&[u8]]) {
        assert_eq!(chunks.len(), self.count, "one chunk for each message");
        let mut rest: [&[u8]; LANES_MAX] = [&[]; LANES_MAX];
        rest[..self.count].copy_from_slice(chunks);
        self.fill_tails(&mut rest);

        let mut blocks: [&[Block]; LANES_MAX] = [&[]; LANES_MAX];
        for (lane, chunk) in rest.into_iter().enumerate() {
            let (whole, tail) = chunk.as_chunks();
            blocks[lane] = whole;
            self.tails[lane][..tail.len()].copy_from_slice(tail);
            self.lengths[lane] += chunk.len() as u64;
        }
        compress(self.width, &mut self.states, &mut blocks);
    }

    /// Moves bytes from the chunks into the begun tails, and compresses the tails that are full.
    ///
    /// Afterwards a lane has an empty tail or an empty chunk.
    fn fill_tails(&mut self, chunks: &mut [&[u8]; LANES_MAX]) {
        let mut full = [false; LANES_MAX];
        for (lane, chunk) in chunks.iter_mut().enumerate() {
            let begun = begun(self.lengths[lane]);
            if begun == 0 {
                continue;
            }
            let (head, rest) = chunk.split_at(chunk.len().min(BLOCK_BYTES - begun));
            self.tails[lane][begun..begun + head.len()].copy_from_slice(head);
            self.lengths[lane] += head.len() as u64;
            full[lane] = begun + head.len() == BLOCK_BYTES;
            *chunk = rest;
        }
        let mut blocks = array::from_fn(|lane| {
            if full[lane] {
                slice::from_ref(&self.tails[lane])
            } else {
                &[]
            }
        });
        compress(self.width, &mut self.states, &mut blocks);
    }

    /// Ends all messages and returns their digests, in the order of the messages.
    #[must_use]
    pub fn finish(mut self) -> Vec<[u8; 20]> {
        let endings: [Ending; LANES_MAX] =
            array::from_fn(|lane| Ending::new(self.tails[lane], self.lengths[lane]));
        let mut blocks = array::from_fn(|lane| endings[lane].blocks());
        blocks[self.count..].fill(&[]);
        compress(self.width, &mut self.states, &mut blocks);
        self.states[..self.count].iter().map(digest).collect()
    }
}

/// The last bytes of a message and its padding: a one bit, zeros, the length of the message in bits
/// (FIPS 180-4, section 5.1.1).
struct Ending {
    padded: [Block; 2],
    /// Two where the tail leaves no room for the length.
    count: usize,
}

impl Ending {
    fn new(tail: Block, length: u64) -> Self {
        let begun = begun(length);
        let count = if begun < LENGTH_AT { 1 } else { 2 };
        let mut padded = [tail, [0; BLOCK_BYTES]];
        let bytes = padded.as_flattened_mut();
        bytes[begun..].fill(0);
        bytes[begun] = 0x80;
        let end = count * BLOCK_BYTES;
        bytes[end - size_of::<u64>()..end].copy_from_slice(&length.wrapping_mul(8).to_be_bytes());
        Self { padded, count }
    }

    fn blocks(&self) -> &[Block] {
        &self.padded[..self.count]
    }
}

/// Hashes whole messages of any lengths, and returns their digests in the same order.
///
/// Messages of similar length are hashed side by side; so few that it would not pay, one after
/// the other.
///
/// ```
/// let digests = hardware::sha1_many(&[b"abc", b"", b"abc"]);
/// assert_eq!(digests[0], digests[2]);
/// ```
#[must_use]
pub fn sha1_many(messages: &[&[u8]]) -> Vec<[u8; 20]> {
    let width = Width::widest();
    let mut by_length: Vec<usize> = (0..messages.len()).collect();
    by_length.sort_by_key(|&message| Reverse(messages[message].len()));
    let mut digests = vec![[0; 20]; messages.len()];
    for group in by_length.chunks(LANES_MAX) {
        let mut lanes = Sha1Lanes::new(width, group.len());
        let chunks: Vec<&[u8]> = group.iter().map(|&message| messages[message]).collect();
        lanes.update(&chunks);
        for (&message, digest) in group.iter().zip(lanes.finish()) {
            digests[message] = digest;
        }
    }
    digests
}

/// How many bytes of the last block a message of this length has begun.
fn begun(length: u64) -> usize {
    (length % BLOCK_BYTES as u64) as usize
}

fn digest(state: &State) -> [u8; 20] {
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}
