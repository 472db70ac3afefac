//! What the tests need of a driver.

use core::time::Duration;

use machine::{Endpoint, FileId, SlotPlan};

use crate::{Command, Puppet, Sight};

/// A puppet on a stage, in the order of their entrance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(pub usize);

/// How a puppet enters.
#[derive(Debug)]
pub struct Part {
    /// The node.
    pub puppet: Puppet,
    /// Its memory for pieces.
    pub slots: SlotPlan,
    /// Its files: the length that each may have and the bytes that are there already, which are
    /// no file at all if there are none.
    pub files: Vec<(FileId, u64, Vec<u8>)>,
}

impl Part {
    /// A puppet with four slots of 32 KiB and without files.
    #[must_use]
    pub fn of(puppet: Puppet) -> Self {
        let slots = SlotPlan {
            count: 4,
            len: 32 * 1024,
        };
        Self {
            puppet,
            slots,
            files: Vec::new(),
        }
    }

    /// Gives it a file of at most `len` bytes that begins with `bytes`.
    #[must_use]
    pub fn with_file(mut self, file: FileId, len: u64, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.push((file, len, bytes.into()));
        self
    }
}

/// A driver with puppets on it. A stage is used for one test.
pub trait Stage {
    /// Starts a puppet that listens for streams and datagrams at one endpoint.
    fn start(&mut self, part: Part) -> Actor;

    /// Tells where a puppet listens: an address at which the other puppets reach it.
    fn endpoint(&self, actor: Actor) -> Endpoint;

    /// Tells a host name under which the other puppets find the host of this one.
    fn host_name(&mut self, actor: Actor) -> String;

    /// Tells an endpoint where nobody listens, at a host that answers.
    fn deserted(&mut self) -> Endpoint;

    /// Sends bytes that need be no message to a puppet's endpoint, as one datagram of a stranger.
    fn throw(&mut self, to: Actor, bytes: &[u8]);

    /// Gives a puppet a command.
    fn tell(&mut self, actor: Actor, command: Command);

    /// Runs until `done` holds of what a puppet has seen. It panics, showing that, when it is clear
    /// that it never will: the stage decides after what time.
    fn wait(&mut self, actor: Actor, done: &mut dyn FnMut(&[Sight]) -> bool);

    /// Runs for some time: enough for whatever is under way to arrive.
    fn linger(&mut self, time: Duration);

    /// All that a puppet has seen.
    fn seen(&self, actor: Actor) -> &[Sight];

    /// What a puppet's file holds; empty if it is not there.
    fn file(&self, actor: Actor, file: FileId) -> Vec<u8>;
}
