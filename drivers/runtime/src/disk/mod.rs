//! The disk as the network thread sees it: jobs go out, answers and memory come back.
//!
//! | module | |
//! |---|---|
//! | [`slots`] | the memory for pieces |
//! | [`thread`] | the one thread that writes |
//! | [`hashing`] | digests of many pieces at once |
//! | [`transfer`] | bytes to and from files |
//! | [`write_behind`] | what becomes of them in the page cache |
//! | [`check`] | reading pieces back, on threads of its own |

mod check;
mod hashing;
mod slots;
mod thread;
mod transfer;
mod write_behind;

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use machine::{ChainId, DiskDone, DiskError, DiskWork, Expect, FileSpan, JobId, SlotId, SlotPlan};
use mio::Waker;
use smallvec::SmallVec;

use crate::crew::Crew;
use crate::files::Files;
use check::Check;
use slots::{Piece, Slots};
pub use write_behind::Caching;
use write_behind::WriteBehind;

/// How many threads read pieces back at most: more would only wait for the same disk.
const CHECK_THREADS_MAX: usize = 8;

/// The network thread's end of the disk.
pub(crate) struct Disk {
    slots: Slots,
    /// Gone when the runtime stops, which the disk thread takes for the end.
    orders: Option<Sender<Order>>,
    checks: Crew<Check>,
    replies: Receiver<Reply>,
    /// How many jobs have not been answered.
    pending: usize,
}

/// Something for the disk thread to do.
enum Order {
    Store(Store),
    Extend {
        job: JobId,
        chain: ChainId,
        piece: Piece,
        to: Spans,
    },
    Finish {
        job: JobId,
        chain: ChainId,
        expect: Expect,
    },
    Read {
        job: JobId,
        span: FileSpan,
    },
    /// Do not wait for more pieces.
    Hurry,
}

/// A piece to be hashed and written.
struct Store {
    job: JobId,
    piece: Piece,
    expect: Expect,
    to: Spans,
}

type Spans = SmallVec<[FileSpan; 1]>;

/// How a job ended.
type Outcome = Result<DiskDone, DiskError>;

/// The answer to a job.
struct Reply {
    job: JobId,
    outcome: Outcome,
    /// The memory that went with the job.
    piece: Piece,
}

/// The other threads' way back to the network thread.
#[derive(Clone)]
struct Replies {
    replies: Sender<Reply>,
    waker: Arc<Waker>,
}

impl Disk {
    /// Starts the disk thread.
    pub(crate) fn start(
        plan: SlotPlan,
        files: &Files,
        caching: Caching,
        waker: &Arc<Waker>,
    ) -> io::Result<Self> {
        let (orders, to_do) = mpsc::channel();
        let (sender, replies) = mpsc::channel();
        let back = Replies {
            replies: sender,
            waker: Arc::clone(waker),
        };
        let behind = WriteBehind::new(caching);
        thread::start(to_do, back.clone(), files.clone(), behind)?;
        let files = files.clone();
        let checks = Crew::new(
            "manyhop-check",
            std::thread::available_parallelism()
                .map_or(NonZeroUsize::MIN, |all| all.min(at_most(CHECK_THREADS_MAX))),
            at_most(hardware::LANES_MAX),
            move |batch| check::check(batch, &files, &back),
        );
        Ok(Self {
            slots: Slots::new(plan),
            orders: Some(orders),
            checks,
            replies,
            pending: 0,
        })
    }

    /// Copies payload into a slot.
    pub(crate) fn put(&mut self, slot: SlotId, at: u32, bytes: &[u8]) {
        self.slots.put(slot, at, bytes);
    }

    /// Forgets what a slot holds.
    pub(crate) fn free(&mut self, slot: SlotId) {
        self.slots.free(slot);
    }

    /// Begins a job.
    pub(crate) fn begin(&mut self, job: JobId, work: DiskWork) {
        let Some(orders) = &self.orders else {
            return;
        };
        self.pending += 1;
        let order = match work {
            DiskWork::Store { slots, expect, to } => Order::Store(Store {
                job,
                piece: self.slots.lend(&slots),
                expect,
                to,
            }),
            DiskWork::Extend {
                chain,
                slot,
                len,
                to,
            } => Order::Extend {
                job,
                chain,
                piece: self.slots.lend(&[(slot, len)]),
                to,
            },
            DiskWork::Finish { chain, expect } => Order::Finish { job, chain, expect },
            DiskWork::Read { span } => Order::Read { job, span },
            DiskWork::Check { from, expect } => {
                self.checks.give(Check { job, from, expect });
                return;
            }
        };
        orders.send(order).expect("the disk thread outlives us");
    }

    /// Lets the disk thread not wait for more pieces.
    pub(crate) fn hurry(&self) {
        if let Some(orders) = &self.orders {
            orders
                .send(Order::Hurry)
                .expect("the disk thread outlives us");
        }
    }

    /// The next answer.
    pub(crate) fn next_reply(&mut self) -> Option<(JobId, Outcome)> {
        let Reply {
            job,
            outcome,
            piece,
        } = self.replies.try_recv().ok()?;
        self.pending -= 1;
        if outcome.is_ok() {
            self.slots.reclaim(piece);
        } else {
            self.slots.restore(piece);
        }
        Some((job, outcome))
    }

    /// Takes no more jobs and forgets the checks that have not begun. What is to be written will
    /// be written.
    pub(crate) fn stop(&mut self) {
        self.orders = None;
        self.pending -= self.checks.recall().len();
    }

    /// Whether all jobs have been answered.
    pub(crate) const fn is_idle(&self) -> bool {
        self.pending == 0
    }

    /// Whether memory is held that no slot needs.
    pub(crate) fn is_memory_spare(&self) -> bool {
        self.slots.are_spare()
    }

    /// Gives memory that no slot needs back to the system.
    pub(crate) fn release_memory(&mut self) {
        self.slots.release();
    }
}

impl Replies {
    fn send(&self, job: JobId, outcome: Outcome, piece: Piece) {
        let reply = Reply {
            job,
            outcome,
            piece,
        };
        // Nobody listens any more when the runtime has stopped.
        let _ = self.replies.send(reply);
        let _ = self.waker.wake();
    }
}

fn at_most(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("a constant above zero")
}
