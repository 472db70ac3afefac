//! One node's end of a stream, and all its ends by their numbers.

use std::collections::VecDeque;

use bytes::Bytes;
use machine::{BACKLOG_HIGH, BACKLOG_LOW, ConnId, Endpoint, Streams};

use super::queue::{Parcel, Queue};
use crate::engine::event::NodeId;

/// One end of a stream.
#[derive(Debug)]
pub(crate) struct End {
    /// How far the connection has come.
    pub(crate) progress: Progress,
    /// Whether our node still wants it.
    pub(crate) interest: Interest,
    /// What waits to leave.
    pub(crate) queue: Queue,
    /// Whether the backlog has been high and our node waits to hear that it is gone.
    swollen: bool,
    /// How many bytes the other side has room for. One parcel may overdraw it.
    pub(crate) room: i64,
    /// Whether this end stands in the ring of those that want to send.
    pub(crate) in_ring: bool,
    /// Whether our node reads.
    pub(crate) reading: Reading,
    /// What came and waits for our node to read on, if anything does.
    held: Option<Box<Held>>,
    /// Bytes read for which no credit was sent yet.
    pub(crate) uncredited: u32,
    /// The number of the partition over which something waits, if any does.
    pub(crate) stalled: Option<u32>,
}

/// What came in while the node did not read; `None` is the end. It is never empty.
type Held = VecDeque<Option<Bytes>>;

/// How far a connection has come.
#[derive(Debug)]
pub(crate) enum Progress {
    /// We knocked.
    Opening(Box<Knock>),
    /// Both ends are there.
    Open(Peer),
}

/// A knock that was not answered yet.
#[derive(Debug)]
pub(crate) struct Knock {
    /// Where.
    pub(crate) to: Endpoint,
    /// Where next, if this fails.
    pub(crate) next: VecDeque<Endpoint>,
    /// Counts the tries.
    pub(crate) attempt: u32,
}

/// The other end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// Whose.
    pub(crate) node: NodeId,
    /// Its number there.
    pub(crate) conn: ConnId,
    /// How long what we send is under way, in nanoseconds.
    pub(crate) latency: u64,
}

/// Whether the node still wants the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    /// It does.
    Kept,
    /// It closed it; what was sent before still leaves.
    Closed,
}

/// Whether the node reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It does.
    Flows,
    /// It paused.
    Paused,
}

/// The ends of one node. Numbers grow and are never used again, so a queue with the oldest living
/// one in front finds each in one step.
#[derive(Debug)]
pub(crate) struct Connections {
    /// The number of the first of `places`.
    first: u64,
    /// Where each end lies in `ends`, or [`GONE`].
    places: VecDeque<u32>,
    ends: Vec<Option<End>>,
    vacant: Vec<u32>,
}

const GONE: u32 = u32::MAX;

impl End {
    pub(crate) fn new(progress: Progress, window: u32) -> Self {
        Self {
            progress,
            interest: Interest::Kept,
            queue: Queue::default(),
            swollen: false,
            room: i64::from(window),
            in_ring: false,
            reading: Reading::Flows,
            held: None,
            uncredited: 0,
            stalled: None,
        }
    }

    /// The other end, once there is one.
    pub(crate) const fn peer(&self) -> Option<Peer> {
        match self.progress {
            Progress::Open(peer) => Some(peer),
            Progress::Opening(_) => None,
        }
    }

    /// Queues something to send.
    pub(crate) fn enqueue(&mut self, parcel: Parcel) {
        self.queue.push(parcel);
        self.swollen |= self.queue.len() >= BACKLOG_HIGH;
    }

    /// Takes out what may leave next, if there is room for it.
    pub(crate) fn take_parcel(&mut self) -> Option<Parcel> {
        if self.room <= 0 {
            return None;
        }
        let before = self.queue.len();
        let parcel = self.queue.pop();
        self.room -= (before - self.queue.len()) as i64;
        parcel
    }

    /// Tells, once, that a high backlog is gone.
    pub(crate) fn take_flushed(&mut self) -> bool {
        let flushed = self.swollen && self.queue.len() < BACKLOG_LOW;
        self.swollen &= !flushed;
        flushed && self.interest == Interest::Kept
    }

    /// Whether the end could send now.
    pub(crate) fn can_send(&self) -> bool {
        self.peer().is_some() && !self.queue.is_empty() && self.room > 0
    }

    /// Whether all has been said, so that the end may say so too.
    pub(crate) fn is_done(&self) -> bool {
        self.interest == Interest::Closed && self.queue.is_empty()
    }

    /// Whether what comes in must wait.
    pub(crate) fn holds_back(&self) -> bool {
        self.interest == Interest::Kept && (self.reading == Reading::Paused || self.held.is_some())
    }

    /// Holds back what came in.
    pub(crate) fn hold(&mut self, item: Option<Bytes>) {
        self.held.get_or_insert_default().push_back(item);
    }

    /// Takes out the first that was held back.
    pub(crate) fn take_held(&mut self) -> Option<Option<Bytes>> {
        let item = self.held.as_mut()?.pop_front();
        self.held.take_if(|held| held.is_empty());
        item
    }

    /// Whether something was held back.
    pub(crate) fn has_held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether the other side's last word was held back.
    pub(crate) fn has_held_the_end(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.contains(&None))
    }
}

impl Connections {
    pub(crate) const fn new() -> Self {
        Self {
            first: 1,
            places: VecDeque::new(),
            ends: Vec::new(),
            vacant: Vec::new(),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len() - self.vacant.len()
    }

    pub(crate) fn get(&self, conn: ConnId) -> Option<&End> {
        self.ends.get(self.place(conn)?)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, conn: ConnId) -> Option<&mut End> {
        let place = self.place(conn)?;
        self.ends.get_mut(place)?.as_mut()
    }

    /// Adds an end under a number greater than all before.
    pub(crate) fn insert(&mut self, conn: ConnId, end: End) {
        if self.places.is_empty() {
            self.first = conn.0;
        }
        // A number may have been given to a connection that never came to be.
        while self.first + (self.places.len() as u64) < conn.0 {
            self.places.push_back(GONE);
        }
        let end = Some(end);
        let place = match self.vacant.pop() {
            Some(place) => {
                self.ends[place as usize] = end;
                place
            }
            None => {
                self.ends.push(end);
                u32::try_from(self.ends.len() - 1).expect("fewer connections than fit in memory")
            }
        };
        self.places.push_back(place);
    }

    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<End> {
        let place = self.place(conn)?;
        let end = self.ends.get_mut(place)?.take()?;
        self.vacant
            .push(u32::try_from(place).expect("it came from there"));
        let position = usize::try_from(conn.0 - self.first).expect("it was found");
        self.places[position] = GONE;
        while self.places.front() == Some(&GONE) {
            self.places.pop_front();
            self.first += 1;
        }
        Some(end)
    }

    /// All ends, in the order of their numbers.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (ConnId, &mut End)> {
        let mut numbers = vec![ConnId(0); self.ends.len()];
        for (number, &place) in (self.first..).zip(&self.places) {
            if place != GONE {
                numbers[place as usize] = ConnId(number);
            }
        }
        let mut ends: Vec<_> = numbers
            .into_iter()
            .zip(&mut self.ends)
            .filter_map(|(number, end)| Some((number, end.as_mut()?)))
            .collect();
        ends.sort_unstable_by_key(|&(number, _)| number);
        ends.into_iter()
    }

    fn place(&self, conn: ConnId) -> Option<usize> {
        let position = usize::try_from(conn.0.checked_sub(self.first)?).ok()?;
        match *self.places.get(position)? {
            GONE => None,
            place => Some(place as usize),
        }
    }
}

impl Streams for Connections {
    fn backlog(&self, conn: ConnId) -> usize {
        self.get(conn).map_or(0, |end| end.queue.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::queue::QUANTUM;

    fn end() -> End {
        let to = "10.0.0.1:1".parse().expect("an endpoint");
        let next = VecDeque::new();
        let knock = Knock {
            to,
            next,
            attempt: 0,
        };
        End::new(Progress::Opening(Box::new(knock)), 1 << 18)
    }

    #[test]
    fn ends_are_found_by_their_numbers() {
        let mut connections = Connections::new();
        for number in [1, 2, 5, 6] {
            connections.insert(ConnId(number), end());
        }
        assert_eq!(connections.len(), 4);
        assert!(connections.get(ConnId(3)).is_none());
        for number in [1, 5] {
            assert!(connections.remove(ConnId(number)).is_some());
            assert!(connections.remove(ConnId(number)).is_none());
        }
        assert_eq!(connections.first, 2);
        let numbers: Vec<_> = connections.iter_mut().map(|(number, _)| number.0).collect();
        assert_eq!(numbers, [2, 6]);
        connections.insert(ConnId(9), end());
        assert_eq!(connections.ends.len(), 4, "places are used again");
        let numbers: Vec<_> = connections.iter_mut().map(|(number, _)| number.0).collect();
        assert_eq!(numbers, [2, 6, 9]);
    }

    #[test]
    fn a_backlog_is_reported_gone_once() {
        let mut end = end();
        for _ in 0..BACKLOG_HIGH / QUANTUM {
            end.enqueue(Parcel::Bytes(Bytes::from(vec![0; QUANTUM])));
        }
        assert!(!end.take_flushed());
        while end.queue.len() > BACKLOG_LOW {
            end.take_parcel();
            assert_eq!(end.take_flushed(), end.queue.len() < BACKLOG_LOW);
        }
        end.take_parcel();
        assert!(end.take_flushed());
        assert!(!end.take_flushed());
    }
}
