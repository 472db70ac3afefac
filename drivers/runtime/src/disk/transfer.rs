//! Bytes to and from files.

use std::io;

use bytes::Bytes;
use machine::{DiskError, FileId, FileSpan};
use rustix::io::{pread, pwrite, retry_on_intr};

use super::slots::Piece;
use crate::files::{Files, Mode, disk_error};

/// The most bytes of one write. For longer ones Linux takes the page cache in larger parts, and in
/// a virtual machine those are memory that the host had taken back: a new file of 1 GiB then cost
/// 0.9 to 4.3 s of system time, and 0.4 to 0.55 s with writes of this length (`dd bs=...`).
const WRITE_LEN_MAX: usize = 64 * 1024;

/// Writes a piece to where it belongs.
pub(super) fn write(files: &Files, piece: &Piece, to: &[FileSpan]) -> Result<(), DiskError> {
    let wanted: u64 = to.iter().map(|span| u64::from(span.len)).sum();
    if wanted != piece.len() {
        return Err(DiskError::Failed {
            file: to.first().map_or(FileId::PADDING, |span| span.file),
            message: format!("a piece of {} bytes for {wanted} bytes", piece.len()).into(),
        });
    }
    let mut chunks = piece.chunks();
    let mut rest: &[u8] = &[];
    for &span in to {
        let mut span = span;
        while span.len > 0 {
            if rest.is_empty() {
                rest = chunks.next().expect("as long as the spans");
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(span.len as usize));
            write_span(
                files,
                FileSpan {
                    len: now.len() as u32,
                    ..span
                },
                now,
            )?;
            span.offset += now.len() as u64;
            span.len -= now.len() as u32;
            rest = later;
        }
    }
    Ok(())
}

fn write_span(files: &Files, span: FileSpan, mut bytes: &[u8]) -> Result<(), DiskError> {
    if span.file == FileId::PADDING {
        return Ok(());
    }
    let file = files.open(span, Mode::Write)?;
    let mut at = span.offset;
    while !bytes.is_empty() {
        let part = &bytes[..bytes.len().min(WRITE_LEN_MAX)];
        let written = retry_on_intr(|| pwrite(&file, part, at))
            .map_err(|error| disk_error(span.file, &error.into()))?;
        if written == 0 {
            let error = io::Error::from(io::ErrorKind::WriteZero);
            return Err(disk_error(span.file, &error));
        }
        at += written as u64;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Reads a stretch of a file into `buffer`, which is as long.
pub(super) fn read_into(
    files: &Files,
    span: FileSpan,
    mut buffer: &mut [u8],
) -> Result<(), DiskError> {
    if span.file == FileId::PADDING {
        buffer.fill(0);
        return Ok(());
    }
    let file = files.open(span, Mode::Read)?;
    let mut at = span.offset;
    while !buffer.is_empty() {
        let read = retry_on_intr(|| pread(&file, &mut *buffer, at))
            .map_err(|error| disk_error(span.file, &error.into()))?;
        if read == 0 {
            return Err(DiskError::Missing(span.file));
        }
        at += read as u64;
        buffer = &mut buffer[read..];
    }
    Ok(())
}

/// Reads a stretch of a file.
pub(super) fn read(files: &Files, span: FileSpan) -> Result<Bytes, DiskError> {
    let mut bytes = vec![0; span.len as usize];
    read_into(files, span, &mut bytes)?;
    Ok(bytes.into())
}
