//! What is counted in every run, because it costs next to nothing.

use core::ops::AddAssign;

/// What was sent of one kind of datagrams ([`Wire::KINDS`](machine::Wire::KINDS)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// The name of the kind.
    pub kind: &'static str,
    /// How many were sent.
    pub messages: u64,
    /// How many bytes they had together, without the headers of IP and UDP.
    pub bytes: u64,
}

/// What became of the datagrams that were sent; whatever is under way or was delivered is not among
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fates {
    /// Too much waited at the sender's uplink.
    pub dropped: u64,
    /// Nobody has that address.
    pub nowhere: u64,
    /// A partition lay between.
    pub cut: u64,
    /// Lost on the way.
    pub lost: u64,
    /// Nobody listens at that port, or a translator or a firewall did not let it in.
    pub kept_out: u64,
    /// The receiver is dead.
    pub unheard: u64,
    /// Damaged, and no message any more.
    pub garbled: u64,
}

impl Traffic {
    /// Nothing was sent of any kind.
    pub(crate) fn of_kinds(kinds: &[&'static str]) -> Vec<Self> {
        let nothing = |&kind| Self {
            kind,
            messages: 0,
            bytes: 0,
        };
        kinds.iter().map(nothing).collect()
    }

    #[inline]
    pub(crate) const fn count(&mut self, len: usize) {
        self.messages += 1;
        self.bytes += len as u64;
    }
}

impl AddAssign for Fates {
    fn add_assign(&mut self, other: Self) {
        let Self {
            dropped,
            nowhere,
            cut,
            lost,
            kept_out,
            unheard,
            garbled,
        } = other;
        self.dropped += dropped;
        self.nowhere += nowhere;
        self.cut += cut;
        self.lost += lost;
        self.kept_out += kept_out;
        self.unheard += unheard;
        self.garbled += garbled;
    }
}
