//! The datagrams under way to the nodes of one shard.
//!
//! They wait in a wheel. Since nothing arrives sooner than the least latency, those of the coming
//! ticks are all there already, and are lined up some time ahead in the order in which they will be
//! delivered: so whoever delivers knows who is next, and can ask for that node's memory in time.

use std::collections::VecDeque;

use super::event::{Datagram, NodeId, Order};
use super::wheel::{Tick, Wheel};

/// How many datagrams are lined up behind those of a tick, if so many are due soon enough.
const LINED_UP: usize = 32;

/// Datagrams under way.
#[derive(Debug)]
pub(crate) struct Inbox<M> {
    wheel: Wheel<Datagram<M>>,
    /// The next to be delivered, in order.
    line: VecDeque<Datagram<M>>,
    /// How many of the line come in which tick.
    ticks: VecDeque<(Tick, usize)>,
    /// Those of one tick, on their way from the wheel into the line.
    batch: Vec<Datagram<M>>,
}

impl<M> Datagram<M> {
    /// By this the datagrams of a tick are ordered.
    #[inline]
    pub(crate) const fn key(&self) -> (NodeId, NodeId, Order) {
        (self.at, self.from, self.order)
    }
}

impl<M> Inbox<M> {
    pub(crate) fn new() -> Self {
        Self {
            wheel: Wheel::new(),
            line: VecDeque::new(),
            ticks: VecDeque::new(),
            batch: Vec::new(),
        }
    }

    /// Sends a datagram on its way, to arrive in a tick that is not over.
    #[inline]
    pub(crate) fn push(&mut self, tick: Tick, datagram: Datagram<M>) {
        if tick >= self.wheel.start() {
            self.wheel.push(tick, datagram);
        } else {
            self.squeeze_in(tick, datagram);
        }
    }

    /// Tells the next tick in which a datagram arrives.
    pub(crate) fn next(&self) -> Option<Tick> {
        match self.ticks.front() {
            Some(&(tick, _)) => Some(tick),
            None => self.wheel.next(),
        }
    }

    /// Lines up what arrives in a tick, and some of what arrives before another.
    pub(crate) fn line_up(&mut self, tick: Tick, before: Tick) {
        while let Some(next) = self.wheel.next()
            && (next <= tick || (next < before && self.behind(tick) < LINED_UP))
        {
            self.wheel.take(next, &mut self.batch);
            self.batch.sort_unstable_by_key(Datagram::key);
            self.ticks.push_back((next, self.batch.len()));
            self.line.extend(self.batch.drain(..));
        }
    }

    /// How many are lined up behind those of a tick.
    fn behind(&self, tick: Tick) -> usize {
        match self.ticks.front() {
            Some(&(front, count)) if front == tick => self.line.len() - count,
            _ => self.line.len(),
        }
    }

    /// The next datagram of a tick.
    #[inline]
    pub(crate) fn first(&self, tick: Tick) -> Option<&Datagram<M>> {
        let &(next, _) = self.ticks.front()?;
        self.line.front().filter(|_| next == tick)
    }

    /// Takes out the next datagram of a tick.
    ///
    /// It is a call on purpose. Inlined, the message would be taken apart field by field and put
    /// together again: some parts of odd lengths are read back at once after they were written,
    /// for which a core waits until all that it wrote before has reached the cache.
    #[inline(never)]
    pub(crate) fn pop(&mut self, tick: Tick) -> Option<Datagram<M>> {
        let (next, count) = self.ticks.front_mut()?;
        if *next != tick {
            return None;
        }
        *count -= 1;
        if *count == 0 {
            self.ticks.pop_front();
        }
        self.line.pop_front()
    }

    /// The datagram that will be delivered after so many others, if it is lined up.
    #[inline]
    pub(crate) fn ahead(&mut self, others: usize) -> Option<&mut Datagram<M>> {
        self.line.get_mut(others)
    }

    /// Lines up a datagram for a tick that was lined up already: only a network whose latency has
    /// been lowered has such.
    #[cold]
    fn squeeze_in(&mut self, tick: Tick, datagram: Datagram<M>) {
        let place = self.ticks.partition_point(|&(other, _)| other < tick);
        let before: usize = self.ticks.range(..place).map(|&(_, count)| count).sum();
        match self.ticks.get_mut(place) {
            Some((other, count)) if *other == tick => *count += 1,
            _ => self.ticks.insert(place, (tick, 1)),
        }
        let (_, count) = self.ticks[place];
        let of_tick = self.line.range(before..before + count - 1);
        let smaller = of_tick.filter(|other| other.key() < datagram.key()).count();
        self.line.insert(before + smaller, datagram);
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Sealed;
    use super::*;

    fn datagram(at: u32, from: u32, order: u32) -> Datagram<u32> {
        Datagram {
            at: NodeId(at),
            from: NodeId(from),
            order: Order::of(order),
            len: 0,
            message: Sealed::new(order),
        }
    }

    fn drain(inbox: &mut Inbox<u32>) -> Vec<(u64, u32)> {
        let mut out = Vec::new();
        while let Some(tick) = inbox.next() {
            inbox.line_up(tick, tick.after(20));
            while let Some(datagram) = inbox.pop(tick) {
                out.push((tick.0, datagram.message.open()));
            }
        }
        out
    }

    #[test]
    fn datagrams_come_by_tick_receiver_sender_and_order() {
        let mut inbox = Inbox::new();
        for (tick, (at, from, order)) in [
            (30, (1, 1, 9)),
            (9, (2, 1, 5)),
            (9, (1, 2, 3)),
            (9, (1, 2, 1)),
            (9, (1, 1, 7)),
        ] {
            inbox.push(Tick(tick), datagram(at, from, order));
        }
        assert_eq!(drain(&mut inbox), [(9, 7), (9, 1), (9, 3), (9, 5), (30, 9)]);
    }

    #[test]
    fn a_latecomer_takes_its_place_in_the_line() {
        let mut inbox = Inbox::new();
        for tick in [10, 12, 14] {
            inbox.push(Tick(tick), datagram(1, 2, 20));
            inbox.push(Tick(tick), datagram(3, 2, 40));
        }
        inbox.line_up(Tick(10), Tick(15));
        for (tick, at) in [(10, 2), (12, 4), (13, 2), (14, 0)] {
            inbox.push(Tick(tick), datagram(at, 2, at * 10 + 5));
        }
        let tens = [
            (10, 20),
            (10, 25),
            (10, 40),
            (12, 20),
            (12, 40),
            (12, 45),
            (13, 25),
            (14, 5),
            (14, 20),
            (14, 40),
        ];
        assert_eq!(drain(&mut inbox), tens);
    }
}
