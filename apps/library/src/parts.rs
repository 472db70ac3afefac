//! Makes the files ready: what needs no peers, and what came before it was wanted.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, PermissionsExt};

use bittorrent::metainfo::{self, FileIndex, FileKind};
use runtime::{Access, Place};

use crate::LibraryError;
use crate::extents;
use crate::placement::{Home, Placement, Store};

/// How much is copied at a time, in bytes.
const COPY_LEN: usize = 64 * 1024;

/// Makes the wanted files that have no bytes, the wanted links, and the modes of programs; then
/// gives the files that have become wanted the bytes of theirs that are already here.
///
/// # Errors
/// When something cannot be made, or something else stands there.
pub(crate) fn prepare(placement: &Placement) -> Result<(), LibraryError> {
    let info = placement.info();
    for (index, file) in info.files() {
        let made = match (&file.kind, placement.home(index)) {
            _ if !placement.selection().wants(index) => Ok(()),
            (FileKind::Symlink(target), _) => link(placement, index, target),
            (_, Home::Own(place)) if place.is_empty() || file.is_executable => make(place, file),
            (_, _) => Ok(()),
        };
        made.map_err(LibraryError::io("create", &placement.path_of(index)))?;
    }
    let parts = placement.path_of_store(Store::Parts);
    bring_home(placement).map_err(LibraryError::io("copy from", &parts))
}

/// Puts a link into its place. Its target is in the torrent: the metainfo was refused otherwise.
/// So no file of the torrent lies below the link, and from its folder the way leads up to the
/// torrent's name at most.
fn link(placement: &Placement, index: FileIndex, target: &str) -> io::Result<()> {
    let info = placement.info();
    let Some(file) = info.file(index) else {
        return Ok(());
    };
    let place = Place::new(
        placement.folder().root(),
        info.path(file),
        0,
        Access::ReadWrite,
    )
    .map_err(io::Error::other)?;
    // The parts of the path, without the torrent's name and the link's own.
    let depth = info.path(file).count().saturating_sub(2);
    place.link_to(OsStr::new(&("../".repeat(depth) + target)))
}

/// Makes a file that has no bytes, or is a program.
fn make(place: &Place, file: &metainfo::File) -> io::Result<()> {
    let made = match place.open_to_read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => place.open_to_write(),
        opened => opened,
    };
    let made = File::from(made?);
    if file.is_executable {
        let mut permissions = made.metadata()?.permissions();
        let mode = permissions.mode();
        // Who may read it may run it.
        let executable = mode | (mode & 0o444) >> 2;
        if mode != executable {
            permissions.set_mode(executable);
            made.set_permissions(permissions)?;
        }
    }
    Ok(())
}

/// Copies what came of files before they were wanted into their own places, and nothing over what
/// is there: whenever this is interrupted, the next time goes on. Each block of a file is written
/// at once, so it is either a hole or right.
fn bring_home(placement: &Placement) -> io::Result<()> {
    let parts = match placement.parts().open_to_read() {
        Ok(parts) => File::from(parts),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut start = 0;
    for (index, home) in placement.homes() {
        let len = placement.info().layout().file_len(index);
        if let Home::Own(place) = home {
            copy_into_holes(&parts, start..start + len, place)?;
        }
        start += len;
    }
    let is_needed = placement
        .homes()
        .any(|(_, home)| matches!(home, Home::Parts(_)));
    if is_needed {
        Ok(())
    } else {
        fs::remove_file(placement.path_of_store(Store::Parts))
    }
}

/// Copies what was written in a range of `from` to the start of a file, where that has holes.
fn copy_into_holes(from: &File, range: Range<u64>, place: &Place) -> io::Result<()> {
    let written = extents::written(from, range.clone())?;
    if written.is_empty() {
        return Ok(());
    }
    let to = File::from(place.open_to_write()?);
    let mut is_changed = false;
    for data in written {
        let there = data.start - range.start..data.end - range.start;
        for hole in extents::holes(&extents::written(&to, there.clone())?, there) {
            copy(from, &to, hole, range.start)?;
            is_changed = true;
        }
    }
    if is_changed { to.sync_all() } else { Ok(()) }
}

/// Copies a range of `to` from `base` bytes later in `from`.
fn copy(from: &File, to: &File, range: Range<u64>, base: u64) -> io::Result<()> {
    let mut buffer = vec![0; COPY_LEN];
    let mut at = range.start;
    while at < range.end {
        let len = (range.end - at).min(COPY_LEN as u64);
        let chunk = &mut buffer[..len as usize];
        from.read_exact_at(chunk, base + at)?;
        to.write_all_at(chunk, at)?;
        at += len;
    }
    Ok(())
}
