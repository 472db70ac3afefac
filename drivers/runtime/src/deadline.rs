//! The runtime's own timers, beside the node's one.

use machine::ConnId;

/// Something that is due at a certain time if it has not been settled before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deadline {
    /// An address has not answered, or a TLS handshake is not complete.
    Dial(ConnId),
    /// Bytes that are owed rest.
    Farewell(ConnId),
    /// Descriptors may be had again.
    Accept,
    /// Memory for pieces has long not been needed.
    Memory,
}
