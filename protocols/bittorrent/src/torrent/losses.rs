//! Files that change under us.
//!
//! Somebody may shorten a file, or take it away, while we serve it. We notice when a block cannot be
//! read. Then no piece of that file is offered any more until it was read back and found right; what
//! is lost is fetched again, if this torrent still fetches.

use machine::{DiskDone, DiskError, FileId, JobId};

use super::Torrent;
use crate::api::Event;
use crate::doubts::Found;
use crate::session::Turn;

impl Torrent {
    /// A file that we said we have can no longer be read.
    pub(super) fn doubt_file(&mut self, file: FileId, turn: &mut Turn<'_, '_>) {
        let Some(assembly) = self.core.assembly_mut() else {
            return;
        };
        let pieces = assembly.doubt_file(file);
        turn.io.emit(Event::Lost {
            torrent: self.core.id,
            file,
            pieces,
        });
        self.check_more(turn);
    }

    /// A piece was read back.
    pub(super) fn checked(
        &mut self,
        job: JobId,
        result: &Result<DiskDone, DiskError>,
        turn: &mut Turn<'_, '_>,
    ) {
        let is_right = || *result == Ok(DiskDone::Checked);
        let assembly = self.core.assembly_mut();
        match assembly.and_then(|assembly| assembly.checked(job, is_right)) {
            Some(Found::There(piece)) => {
                turn.io.emit(Event::Stored {
                    torrent: self.core.id,
                    piece,
                });
                self.announce_piece(piece, turn);
            }
            Some(Found::Lost(_)) => {
                let (peers, core) = self.peers_mut();
                for (conn, peer) in peers {
                    core.review_interest(conn, peer, turn);
                    core.ask(conn, peer, turn);
                }
            }
            None => return,
        }
        self.check_more(turn);
    }

    fn check_more(&mut self, turn: &mut Turn<'_, '_>) {
        let id = self.core.id;
        let Some(assembly) = self.core.assembly_mut() else {
            return;
        };
        while let Some(job) = assembly.check_next(turn.io) {
            turn.session.jobs.insert(job, id);
        }
    }
}
