//! Numbers for the things that a driver keeps for a node.

/// A connection, from the moment it was asked for or accepted. Never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A disk job or a name look-up. Never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// One of the places where the driver listens for connections, in the order they were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u16);

/// A file. Only the driver knows its path, so no protocol can build one: there is no way out of
/// the folder that the user named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

impl FileId {
    /// The file of padding (BEP 47): it reads as zeros and swallows what is written. It needs no
    /// registration.
    pub const PADDING: Self = Self(u32::MAX);
}

/// A slot of the driver's memory for pieces, chosen by the node from `0..SlotPlan::count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u16);

/// A hash that grows slot by slot, for pieces too long for the memory; chosen by the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub u32);

/// Gives out the ids of one node: a counter each, so none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ids {
    conns: u64,
    jobs: u64,
}

impl Ids {
    /// None was given out yet.
    pub const NEW: Self = Self { conns: 0, jobs: 0 };

    /// Names a new connection.
    pub fn next_conn(&mut self) -> ConnId {
        self.conns += 1;
        ConnId(self.conns)
    }

    /// Names a new job.
    pub fn next_job(&mut self) -> JobId {
        self.jobs += 1;
        JobId(self.jobs)
    }
}
