//! SHA-1 of one message that arrives in chunks.

use sha1::Digest as _;

use crate::prefetch::in_parts;

/// Hashes one message, fed in chunks of any length.
///
/// For a piece that is alone, or too long to be held until it has company. Uses the SHA
/// instructions where the CPU has them.
///
/// ```
/// let mut stream = hardware::Sha1Stream::new();
/// stream.update(b"a");
/// stream.update(b"bc");
/// assert_eq!(stream.finish()[..4], [0xa9, 0x99, 0x3e, 0x36]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sha1Stream(sha1::Sha1);

impl Sha1Stream {
    /// Begins an empty message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a chunk to the message.
    pub fn update(&mut self, chunk: &[u8]) {
        in_parts(chunk, |part| self.0.update(part));
    }

    /// Ends the message and returns its digest.
    #[must_use]
    pub fn finish(self) -> [u8; 20] {
        self.0.finalize().into()
    }
}
