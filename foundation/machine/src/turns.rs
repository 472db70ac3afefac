//! What a driver keeps for each node besides the node itself.

use crate::{ConnId, Effects, Ids, Input, Instant, Io, Protocol, Rng, Seed, Streams};

/// The turns of one node: its number, how many inputs it has taken, and the ids it has used.
///
/// Both drivers give inputs through [`take`](Self::take), and so do the tests that look at the
/// exact effects of one input.
#[derive(Debug, Clone)]
pub struct Turns {
    seed: Seed,
    node: u64,
    turn: u64,
    ids: Ids,
}

impl Turns {
    /// A node that has taken no input yet. `node` tells the nodes of one run apart.
    #[must_use]
    pub const fn new(seed: Seed, node: u64) -> Self {
        Self::resumed(seed, node, 0, Ids::NEW)
    }

    /// A node that has taken `count` inputs and used these ids: for a driver of so many nodes that
    /// it keeps no more of each than what cannot be told.
    #[must_use]
    pub const fn resumed(seed: Seed, node: u64, count: u64, ids: Ids) -> Self {
        Self {
            seed,
            node,
            turn: count,
            ids,
        }
    }

    /// How many inputs the node has taken.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.turn
    }

    /// The ids that the node has used.
    #[must_use]
    pub const fn ids(&self) -> Ids {
        self.ids
    }

    /// Names a connection that a stranger opened.
    pub fn accept(&mut self) -> ConnId {
        self.ids.next_conn()
    }

    /// Gives the node one input; what it asks for is added to `effects`.
    #[inline]
    pub fn take<P: Protocol>(
        &mut self,
        node: &mut P,
        input: Input<P>,
        now: Instant,
        shared: &P::Shared,
        streams: &dyn Streams,
        effects: &mut Effects<P>,
    ) {
        self.turn += 1;
        let rng = Rng::new(self.seed, self.node, self.turn);
        let ids = &mut self.ids;
        node.handle(
            input,
            &mut Io {
                now,
                shared,
                rng,
                ids,
                streams,
                effects,
            },
        );
    }
}
