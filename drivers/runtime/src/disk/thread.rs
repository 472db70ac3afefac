//! The thread that hashes pieces and writes them.
//!
//! Pieces wait for one another: sixteen are hashed in the time of four. They stop waiting when
//! sixteen are there, when the oldest has waited long enough, or when the node says that nothing
//! more will come.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use hardware::{LANES_MAX, Sha1Stream};
use machine::{ChainId, DiskDone, DiskError, Expect, FileSpan};

use super::slots::Piece;
use super::write_behind::WriteBehind;
use super::{Order, Outcome, Replies, Store, hashing, transfer};
use crate::files::Files;

/// How long a piece waits for company. At 200 MiB/s and 1 MiB a piece, 8 ms gathers too few and
/// cost three times the processor time; 100 ms delays nobody, for peers learn of the piece after
/// that only by a "have".
const PATIENCE: Duration = Duration::from_millis(100);

struct DiskThread {
    orders: Receiver<Order>,
    replies: Replies,
    files: Files,
    behind: WriteBehind,
    /// The pieces that wait for company.
    waiting: Vec<Store>,
    /// When the oldest of them has waited long enough; at once, if the node is in a hurry.
    due: Option<Instant>,
    chains: HashMap<ChainId, Sha1Stream>,
}

/// Starts the thread; it ends when nobody can give orders any more and all is done.
pub(super) fn start(
    orders: Receiver<Order>,
    replies: Replies,
    files: Files,
    behind: WriteBehind,
) -> io::Result<()> {
    let thread = DiskThread {
        orders,
        replies,
        files,
        behind,
        waiting: Vec::with_capacity(LANES_MAX),
        due: None,
        chains: HashMap::new(),
    };
    std::thread::Builder::new()
        .name("manyhop-disk".into())
        .spawn(move || thread.run())?;
    Ok(())
}

impl DiskThread {
    fn run(mut self) {
        loop {
            match self.next_order() {
                Ok(order) => self.carry_out(order),
                Err(RecvTimeoutError::Timeout) => self.store_all(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.store_all();
                    return;
                }
            }
        }
    }

    /// Waits for an order, but not when pieces are due. Orders that are there already come first
    /// even then: they may bring the company.
    fn next_order(&self) -> Result<Order, RecvTimeoutError> {
        let Some(due) = self.due else {
            return Ok(self.orders.recv()?);
        };
        match self.orders.try_recv() {
            Ok(order) => Ok(order),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {
                let patience = due.saturating_duration_since(Instant::now());
                if patience.is_zero() {
                    return Err(RecvTimeoutError::Timeout);
                }
                self.orders.recv_timeout(patience)
            }
        }
    }

    fn carry_out(&mut self, order: Order) {
        let overdue = self.due.is_some_and(|due| due <= Instant::now());
        if overdue && !matches!(order, Order::Store(_) | Order::Hurry) {
            // Else a row of other orders could hold pieces up for ever.
            self.store_all();
        }
        match order {
            Order::Store(store) => {
                self.due.get_or_insert_with(|| Instant::now() + PATIENCE);
                self.waiting.push(store);
                if self.waiting.len() == LANES_MAX {
                    self.store_all();
                }
            }
            Order::Hurry => self.due = self.due.map(|_| Instant::now()),
            Order::Extend {
                job,
                chain,
                piece,
                to,
            } => {
                let outcome = self.extend(chain, &piece, &to);
                self.replies.send(job, outcome, piece);
            }
            Order::Finish { job, chain, expect } => {
                let outcome = self.finish(chain, expect);
                self.replies.send(job, outcome, Piece::default());
            }
            Order::Read { job, span } => {
                let outcome = transfer::read(&self.files, span).map(DiskDone::Read);
                self.replies.send(job, outcome, Piece::default());
            }
        }
    }

    /// Hashes all pieces that wait, and writes those that are right.
    fn store_all(&mut self) {
        self.due = None;
        let digests = hashing::digests(self.waiting.iter().map(|store| &store.piece));
        for (store, digest) in self.waiting.drain(..).zip(digests) {
            let outcome = hashing::judge(&store.piece, digest, store.expect).and_then(|blocks| {
                transfer::write(&self.files, &store.piece, &store.to)?;
                self.behind.written(&self.files, &store.to);
                Ok(DiskDone::Stored { blocks })
            });
            self.replies.send(store.job, outcome, store.piece);
        }
    }

    fn extend(&mut self, chain: ChainId, piece: &Piece, to: &[FileSpan]) -> Outcome {
        // Written first, so that a chain that could not be written can be extended once more.
        transfer::write(&self.files, piece, to)?;
        self.behind.written(&self.files, to);
        let stream = self.chains.entry(chain).or_default();
        piece.chunks().for_each(|chunk| stream.update(chunk));
        Ok(DiskDone::Extended)
    }

    fn finish(&mut self, chain: ChainId, expect: Expect) -> Outcome {
        let Expect::Sha1 { digest, .. } = expect;
        let stream = self.chains.remove(&chain).unwrap_or_default();
        if stream.finish() == digest {
            Ok(DiskDone::Finished)
        } else {
            Err(DiskError::Mismatch {
                blocks: Box::default(),
            })
        }
    }
}
