//! The node: it only sorts what comes and hands it on.

use alloc::boxed::Box;

use machine::{Coming, Input, Instant, Io, Protocol};
use smallvec::SmallVec;

use crate::api::{Command, Event, Shared};
use crate::contacts::{Contact, Contacts};
use crate::member::Member;
use crate::storage::Serving;
use crate::wire::Message;

/// How many virtual nodes a host may be: their number is one byte of a transaction.
pub const VIRTUAL_NODES_MAX: usize = 256;

/// A host: one member of the ring, or several *virtual* ones that share its address, so that each
/// host gets about the same share of the keys (spec section 10).
#[derive(Debug)]
pub struct Node {
    /// The earliest wish of all members to be woken.
    wake: Option<Instant>,
    /// How many datagrams were dropped: garbled, for nobody here, or out of place.
    pub(crate) dropped: u32,
    pub(crate) members: SmallVec<[Member; 1]>,
    /// Streams that others have opened to us.
    pub(crate) serving: Option<Box<Serving>>,
}

impl Node {
    /// A host whose virtual nodes, mostly one, will be these contacts; at most
    /// [`VIRTUAL_NODES_MAX`].
    #[must_use]
    pub fn new(places: &[Contact], contacts: &Contacts) -> Self {
        let places = places.iter().take(VIRTUAL_NODES_MAX);
        Self {
            wake: None,
            dropped: 0,
            members: (0..=u8::MAX)
                .zip(places)
                .map(|(number, &place)| Member::new(number, place, contacts))
                .collect(),
            serving: None,
        }
    }

    pub(crate) fn of(member: Member) -> Self {
        Self {
            wake: member.wake(),
            dropped: 0,
            members: SmallVec::from_buf([member]),
            serving: None,
        }
    }

    /// The virtual nodes, to look at.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// How many datagrams were dropped, because they were garbled, for nobody here, or out of
    /// place.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    fn message(&mut self, from: machine::Endpoint, message: Message, io: &mut Io<'_, Self>) {
        let member = if message.body.is_answer() {
            let number = (message.transaction.0 & 0xff) as usize;
            self.members.get_mut(number)
        } else {
            let to = message.to;
            let is_meant = |member: &&mut Member| to == 0 || member.near.id().prefix() == to;
            self.members.iter_mut().find(is_meant)
        };
        let used = match member {
            Some(member) => member.message(from, message, io),
            None => false,
        };
        self.dropped = self.dropped.saturating_add(u32::from(!used));
    }
}

impl Protocol for Node {
    type Message = Message;
    type Command = Command;
    type Event = Event;
    type Shared = Shared;

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        match input {
            Input::Message { from, message } => self.message(from, message, io),
            Input::Wake => {
                for member in &mut self.members {
                    member.wake_up(io);
                }
            }
            Input::Command(command) => self.command(command, io),
            Input::Garbled { from, error } => {
                tracing::debug!(%from, %error, "garbled datagram");
                self.dropped = self.dropped.saturating_add(1);
            }
            Input::Stream { conn, input } => self.stream(conn, &input, io),
            Input::Disk { .. } | Input::Resolved { .. } => {}
        }
        self.mark(io);
        self.wake = self.members.iter().filter_map(Member::wake).min();
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.wake
    }

    fn expect(&self, coming: Coming<'_, Self>, shared: &Shared) {
        if let [member] = &self.members[..] {
            match coming {
                Coming::Message(message) => member.expect_message(&message.body, shared),
                Coming::Wake => member.expect_wake(shared),
            }
        }
    }
}
