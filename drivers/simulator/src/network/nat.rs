//! What stands between a node and the rest: address translators and firewalls, for datagrams.
//!
//! A translator lends the node a port of its own address for what it sends, and lets in what that
//! lets it believe to be an answer; the kinds differ in how much they believe (RFC 3489, section 5,
//! whose names everybody uses; RFC 4787 has the exact ones). Here the translator's address is the
//! node's configured one, and the node's own port cannot be reached from outside. A firewall lends
//! nothing and believes only in answers. Streams can be opened through both from the inside only.

use std::collections::BTreeMap;

use machine::{Endpoint, Instant};

use crate::latency::nanos;
use core::time::Duration;

/// What stands between a node and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nat {
    /// Whoever knows the lent port may send to it.
    FullCone,
    /// Who was sent something may answer, from any port.
    RestrictedCone,
    /// Who was sent something may answer, from the port to which it was sent.
    PortRestrictedCone,
    /// As before, and each receiver sees another port: what one learns of it helps no other.
    Symmetric,
    /// No translation: the node has its own port, and only answers come in.
    Firewall,
}

/// How long an answer may take after what was last sent: what RFC 4787 (requirement 5) asks for at
/// least, and many devices keep to.
pub const NAT_TIMEOUT: Duration = Duration::from_secs(120);

/// The first port that is lent. A translator of a household serves others too.
const FIRST_PORT: u16 = 20_000;

/// How many receivers are remembered; the oldest is forgotten first, as devices do.
const RECEIVERS_MAX: usize = 4096;

/// The memory of one translator or firewall.
#[derive(Debug)]
pub(crate) struct Gate {
    kind: Nat,
    /// To whom the node has sent, from which port, and until when answers may come.
    receivers: BTreeMap<Endpoint, Pass>,
    next_port: u16,
}

#[derive(Debug, Clone, Copy)]
struct Pass {
    port: u16,
    until: u64,
}

impl Gate {
    pub(crate) const fn new(kind: Nat) -> Self {
        Self {
            kind,
            receivers: BTreeMap::new(),
            next_port: FIRST_PORT,
        }
    }

    /// Lets something out, and tells from where it seems to come.
    pub(crate) fn leave(&mut self, own: Endpoint, to: Endpoint, now: Instant) -> Endpoint {
        let until = now.as_nanos().saturating_add(nanos(NAT_TIMEOUT));
        let known = self.receivers.get(&to).map(|pass| pass.port);
        let port = match (self.kind, known) {
            (Nat::Firewall, _) => own.port(),
            (Nat::Symmetric, Some(port)) if self.is_open(to, now) => port,
            (Nat::Symmetric, _) => {
                // Ports begin again behind the last, as sequential translators do.
                self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT + 1);
                self.next_port
            }
            (Nat::FullCone | Nat::RestrictedCone | Nat::PortRestrictedCone, _) => FIRST_PORT,
        };
        if known.is_none() && self.receivers.len() == RECEIVERS_MAX {
            let oldest = self.receivers.iter().min_by_key(|(_, pass)| pass.until);
            if let Some((&oldest, _)) = oldest {
                self.receivers.remove(&oldest);
            }
        }
        self.receivers.insert(to, Pass { port, until });
        own.with_port(port)
    }

    /// Whether something that was sent to a port may come in.
    pub(crate) fn admits(&self, own: Endpoint, port: u16, from: Endpoint, now: Instant) -> bool {
        let open = |pass: &Pass| pass.until >= now.as_nanos() && pass.port == port;
        match self.kind {
            Nat::Firewall if port != own.port() => false,
            Nat::FullCone => self.receivers.values().any(open),
            Nat::RestrictedCone => {
                let to_host = |to: &Endpoint| to.ip() == from.ip();
                let mut receivers = self.receivers.iter();
                receivers.any(|(to, pass)| to_host(to) && open(pass))
            }
            Nat::PortRestrictedCone | Nat::Symmetric | Nat::Firewall => {
                self.receivers.get(&from).is_some_and(open)
            }
        }
    }

    fn is_open(&self, to: Endpoint, now: Instant) -> bool {
        let pass = self.receivers.get(&to);
        pass.is_some_and(|pass| pass.until >= now.as_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::endpoint;

    const ALL: [Nat; 5] = [
        Nat::FullCone,
        Nat::RestrictedCone,
        Nat::PortRestrictedCone,
        Nat::Symmetric,
        Nat::Firewall,
    ];

    /// Who gets in after the node has sent to one port of one host: that one, another port of that
    /// host, another host.
    fn admitted(kind: Nat) -> [bool; 3] {
        let (own, friend) = (endpoint(1), endpoint(2));
        let mut gate = Gate::new(kind);
        let port = gate.leave(own, friend, Instant::ZERO).port();
        [friend, friend.with_port(1), endpoint(3)]
            .map(|from| gate.admits(own, port, from, Instant::ZERO))
    }

    #[test]
    fn each_kind_believes_as_much_as_its_name_says() {
        let found = ALL.map(admitted);
        let expected = [
            [true, true, true],
            [true, true, false],
            [true, false, false],
            [true, false, false],
            [true, false, false],
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn nobody_gets_in_before_or_long_after_or_at_another_port() {
        let (own, friend) = (endpoint(1), endpoint(2));
        for kind in ALL {
            let mut gate = Gate::new(kind);
            assert!(!gate.admits(own, FIRST_PORT, friend, Instant::ZERO));
            let port = gate.leave(own, friend, Instant::ZERO).port();
            let last = Instant::ZERO + NAT_TIMEOUT;
            assert!(gate.admits(own, port, friend, last), "{kind:?}");
            let later = last + Duration::from_nanos(1);
            assert!(!gate.admits(own, port, friend, later), "{kind:?}");
            assert!(!gate.admits(own, port + 1, friend, last), "{kind:?}");
        }
    }

    #[test]
    fn a_symmetric_translator_lends_each_receiver_another_port() {
        let own = endpoint(1);
        for kind in ALL {
            let mut gate = Gate::new(kind);
            let mut port = |to| gate.leave(own, endpoint(to), Instant::ZERO).port();
            let ports = [port(2), port(3), port(2)];
            assert_eq!(ports[0], ports[2]);
            assert_eq!(ports[0] != ports[1], kind == Nat::Symmetric, "{kind:?}");
            assert_eq!(ports[0] == own.port(), kind == Nat::Firewall, "{kind:?}");
        }
    }

    #[test]
    fn the_memory_of_receivers_is_bounded() {
        let mut gate = Gate::new(Nat::Symmetric);
        for number in 0..2 * RECEIVERS_MAX as u32 {
            let now = Instant::from_nanos(number.into());
            gate.leave(endpoint(0), endpoint(number), now);
        }
        assert_eq!(gate.receivers.len(), RECEIVERS_MAX);
        assert!(!gate.receivers.contains_key(&endpoint(0)));
    }
}
