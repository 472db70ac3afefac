//! What happens in one tick: first what comes in, then the wakes.

use machine::{Coming, Protocol, prefetch};

use super::event::{Event, NodeId, Order};
use super::shard::Cell;
use super::wheel::Tick;
use super::work::Work;

/// How many sleepers ahead the line is asked for that tells whether they still count. Void ones are
/// passed in a moment, so it must be many.
const HEAD_AHEAD: usize = 64;

/// How many turns ahead a node's record is asked for: as long as memory takes to answer.
const RECORD_AHEAD: usize = 20;

/// How many turns ahead a node is told what is coming, so that it can ask for what its record
/// points at: by then the record has come.
const CONTENT_AHEAD: usize = 6;

impl<P: Protocol> Work<'_, P> {
    /// Lives through a tick. No datagram of another shard arrives before `open`.
    pub(crate) fn live(&mut self, tick: Tick, open: Tick) {
        self.shard.tick = tick;
        let closed = tick.after(self.world.lookahead).min(open);
        self.shard.inbox.line_up(tick, closed);
        self.shard.sleepers.take(tick, &mut self.shard.due);
        for index in 0..HEAD_AHEAD {
            self.expect_head(index);
        }
        let mut events = core::mem::take(&mut self.shard.batch);
        self.shard.events.take(tick, &mut events);
        if events.is_empty() {
            self.deliver_while(tick, |_| true);
        } else {
            events.sort_unstable_by_key(Event::key);
            for event in events.drain(..) {
                let key = event.key();
                self.deliver_while(tick, |datagram| datagram < key);
                self.happen(event);
            }
            self.deliver_while(tick, |_| true);
        }
        self.shard.batch = events;
        self.wake_all();
    }

    /// Delivers the datagrams of this tick, up to the first whose key does not please.
    #[inline]
    fn deliver_while(&mut self, tick: Tick, pleases: impl Fn((NodeId, NodeId, Order)) -> bool) {
        while let Some(first) = self.shard.inbox.first(tick)
            && pleases(first.key())
        {
            if let Some(later) = self.shard.inbox.ahead(RECORD_AHEAD)
                && let Some(cell) = self.shard.cells.get(self.world.place_of(later.at))
            {
                prefetch(cell);
                self.world.directory.expect(later.from);
            }
            if let Some(soon) = self.shard.inbox.ahead(CONTENT_AHEAD)
                && let Some(cell) = self.shard.cells.get(self.world.place_of(soon.at))
                && let Some(node) = &cell.node
            {
                node.expect(Coming::Message(soon.message.look()), self.shared.see());
            }
            if let Some(datagram) = self.shard.inbox.pop(tick) {
                self.datagram_arrives(datagram);
            }
        }
    }

    /// Wakes whose deadline has come. A turn of a wake may not make another node due in this tick,
    /// so the list is whole.
    fn wake_all(&mut self) {
        let mut index = 0;
        while let Some(&sleeper) = self.shard.due.get(index) {
            self.expect_head(index + HEAD_AHEAD);
            if let Some(cell) = self.due_at(index + RECORD_AHEAD) {
                prefetch(cell);
            }
            if let Some(cell) = self.due_at(index + CONTENT_AHEAD)
                && let Some(node) = &cell.node
            {
                node.expect(Coming::Wake, self.shared.see());
            }
            self.wake(sleeper.node());
            index += 1;
        }
        self.shard.due.clear();
    }

    /// Asks for what tells whether a sleeper still counts.
    #[inline]
    fn expect_head(&self, index: usize) {
        if let Some(sleeper) = self.shard.due.get(index)
            && let Some(cell) = self.shard.cells.get(self.world.place_of(sleeper.node()))
        {
            prefetch(&cell.armed);
        }
    }

    /// The cell of a sleeper, if it still counts.
    #[inline]
    fn due_at(&self, index: usize) -> Option<&Cell<P>> {
        let sleeper = self.shard.due.get(index)?;
        let cell = self.shard.cells.get(self.world.place_of(sleeper.node()))?;
        (cell.deadline <= self.now()).then_some(cell)
    }
}
