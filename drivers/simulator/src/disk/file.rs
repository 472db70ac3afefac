//! A file of a simulated disk.

use bytes::Bytes;
use machine::{DiskError, FileSpan};

use super::Truth;
use super::ranges::Ranges;
use crate::config::Payload;

/// What lies in a file at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing: the file is not there, and appears when it is written.
    Absent,
    /// These bytes. (Where payload is shared only their number counts.)
    Bytes(Vec<u8>),
    /// Zeros over its whole length.
    Zeros,
}

/// A file.
#[derive(Debug)]
pub(crate) struct File {
    /// How long it may become.
    len_max: u64,
    data: Data,
    access: Access,
}

#[derive(Debug)]
enum Data {
    /// The bytes.
    Real { bytes: Vec<u8>, written: Ranges },
    /// Which bytes are there, and which of them are damaged.
    Shared { there: Ranges, damaged: Ranges },
}

#[derive(Debug, PartialEq, Eq)]
enum Access {
    Granted,
    Denied,
}

/// The one block of zeros that all shared payload is.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// So many zeros: a slice of the shared block, if they fit.
pub(crate) fn zeros(len: u32) -> Bytes {
    match ZEROS.get(..len as usize) {
        Some(slice) => Bytes::from_static(slice),
        None => Bytes::from(vec![0; len as usize]),
    }
}

/// Whether bytes are all zero: at a glance if they lie in the shared block.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    ZEROS.as_ptr_range().contains(&bytes.as_ptr()) || bytes.iter().all(|&byte| byte == 0)
}

impl File {
    pub(crate) fn new(payload: Payload, len_max: u64, content: Content) -> Self {
        let written_len = match &content {
            Content::Absent => 0,
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Zeros => len_max,
        };
        let mut written = Ranges::default();
        written.insert(0..written_len);
        let data = match (payload, content) {
            (Payload::Shared, _) => Data::Shared {
                there: written,
                damaged: Ranges::default(),
            },
            (Payload::Real, Content::Bytes(bytes)) => Data::Real { bytes, written },
            (Payload::Real, Content::Absent | Content::Zeros) => Data::Real {
                bytes: vec![0; usize::try_from(written_len).expect("a file in memory")],
                written,
            },
        };
        Self {
            len_max,
            data,
            access: Access::Granted,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        match &self.data {
            Data::Real { bytes, .. } => bytes.clone(),
            Data::Shared { there, .. } => {
                vec![0; usize::try_from(there.end()).expect("a file in memory")]
            }
        }
    }

    pub(crate) fn written(&self) -> u64 {
        match &self.data {
            Data::Real { written, .. } => written.len(),
            Data::Shared { there, .. } => there.len(),
        }
    }

    pub(crate) fn deny(&mut self) {
        self.access = Access::Denied;
    }

    pub(crate) fn damage(&mut self, offset: u64) {
        match &mut self.data {
            Data::Real { bytes, .. } => {
                let at = usize::try_from(offset).ok();
                if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 0xff;
                }
            }
            Data::Shared { damaged, .. } => damaged.insert(offset..offset + 1),
        }
    }

    pub(crate) fn truncate(&mut self, len: u64) {
        let beyond = len..u64::MAX;
        match &mut self.data {
            Data::Real { bytes, written } => {
                bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
                written.remove(beyond);
            }
            Data::Shared { there, damaged } => {
                there.remove(beyond.clone());
                damaged.remove(beyond);
            }
        }
    }

    /// Reads a stretch. Damage of shared payload does not show: it has no bytes.
    pub(crate) fn read(&self, span: FileSpan) -> Result<Bytes, DiskError> {
        self.reach(span)?;
        let end = span.offset.saturating_add(u64::from(span.len));
        match &self.data {
            Data::Real { bytes, .. } => {
                let range = usize::try_from(span.offset)
                    .ok()
                    .zip(usize::try_from(end).ok());
                let stretch = range.and_then(|(start, end)| bytes.get(start..end));
                let stretch = stretch.ok_or(DiskError::Missing(span.file))?;
                Ok(Bytes::copy_from_slice(stretch))
            }
            Data::Shared { there, .. } if end <= there.end() => Ok(zeros(span.len)),
            Data::Shared { .. } => Err(DiskError::Missing(span.file)),
        }
    }

    /// Tells whether shared payload was written and is not damaged.
    pub(crate) fn truth(&self, span: FileSpan) -> Result<Truth, DiskError> {
        self.read(span)?;
        let Data::Shared { there, damaged } = &self.data else {
            return Ok(Truth::Right);
        };
        let range = span.offset..span.offset + u64::from(span.len);
        let mut intact = there.clone();
        for damaged in damaged.iter().cloned() {
            intact.remove(damaged);
        }
        Ok(if intact.contains(&range) {
            Truth::Right
        } else {
            Truth::Wrong
        })
    }

    /// Writes a stretch; of shared payload `bytes` is empty.
    pub(crate) fn write(&mut self, span: FileSpan, bytes: &[u8]) -> Result<(), DiskError> {
        self.reach(span)?;
        let range = span.offset..span.offset.saturating_add(u64::from(span.len));
        if range.end > self.len_max {
            return Err(DiskError::Missing(span.file));
        }
        match &mut self.data {
            Data::Real {
                bytes: file,
                written,
            } => {
                let start = usize::try_from(span.offset).expect("a file in memory");
                let end = start + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[start..end].copy_from_slice(bytes);
                written.insert(range);
            }
            Data::Shared { there, damaged } => {
                damaged.remove(range.clone());
                there.insert(range);
            }
        }
        Ok(())
    }

    fn reach(&self, span: FileSpan) -> Result<(), DiskError> {
        match self.access {
            Access::Granted => Ok(()),
            Access::Denied => Err(DiskError::Denied(span.file)),
        }
    }
}
