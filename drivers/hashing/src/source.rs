//! Where content is read from.

use std::fs::File;
use std::io;

/// Content as one sequence of bytes, whatever files it consists of.
///
/// Padding reads as zeros; a range that touches a missing file is an error.
pub trait Source: Sync {
    /// Fills `into` with the bytes that begin at `offset`. Many threads call at the same time.
    ///
    /// # Errors
    /// Whatever keeps some of the bytes from being read; all of them then count as unread.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
}

/// Content in memory.
impl Source for [u8] {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..)?.get(..into.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

/// Content that is one file.
#[cfg(unix)]
impl Source for File {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, into, offset)
    }
}
