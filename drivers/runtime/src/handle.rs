//! How the app speaks to a running node.

use std::fmt;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use machine::Protocol;
use mio::Waker;

use crate::files::Files;
use crate::reactor::Order;

/// The app's end of a running node. Clones speak to the same node; when all are gone, the node
/// goes on until the process ends.
pub struct Handle<P: Protocol> {
    orders: Sender<Order<P>>,
    shared: Arc<Shared>,
}

struct Shared {
    waker: Arc<Waker>,
    thread: Mutex<Option<JoinHandle<()>>>,
    files: Files,
    listeners: Vec<SocketAddr>,
    datagrams: Vec<SocketAddr>,
}

impl<P: Protocol> Handle<P> {
    pub(crate) fn new(
        orders: Sender<Order<P>>,
        waker: Arc<Waker>,
        thread: JoinHandle<()>,
        files: Files,
        listeners: Vec<SocketAddr>,
        datagrams: Vec<SocketAddr>,
    ) -> Self {
        Self {
            orders,
            shared: Arc::new(Shared {
                waker,
                thread: Mutex::new(Some(thread)),
                files,
                listeners,
                datagrams,
            }),
        }
    }

    /// Asks the node for something. After [`stop`](Self::stop) it is not heard any more.
    pub fn command(&self, command: P::Command) {
        self.order(Order::Command(command));
    }

    /// The registry of files: which file each number stands for.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.shared.files
    }

    /// Where connections are received, in the order of [`Builder::listen`](crate::Builder::listen).
    #[must_use]
    pub fn listeners(&self) -> &[SocketAddr] {
        &self.shared.listeners
    }

    /// Where datagrams are received, in the order of
    /// [`Builder::datagrams`](crate::Builder::datagrams).
    #[must_use]
    pub fn datagrams(&self) -> &[SocketAddr] {
        &self.shared.datagrams
    }

    /// Asks the runtime to end: what was sent is still delivered, if the other sides take it
    /// within two seconds; pieces that wait are written, and the node still hears how that went.
    pub fn stop(&self) {
        self.order(Order::Stop);
    }

    /// Waits until the runtime has ended; at once, if another clone waits or has waited.
    ///
    /// # Panics
    /// If the node has panicked.
    pub fn join(&self) {
        let thread = self
            .shared
            .thread
            .lock()
            .expect("taking a thread does not panic")
            .take();
        if let Some(Err(panic)) = thread.map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }

    fn order(&self, order: Order<P>) {
        // It fails when the runtime has ended; then there is nobody to ask.
        if self.orders.send(order).is_ok() {
            let _ = self.shared.waker.wake();
        }
    }
}

impl<P: Protocol> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self {
            orders: self.orders.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<P: Protocol> fmt::Debug for Handle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("listeners", &self.shared.listeners)
            .field("datagrams", &self.shared.datagrams)
            .finish_non_exhaustive()
    }
}
