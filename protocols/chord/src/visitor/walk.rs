//! A visitor's walk round the ring, from successor to successor.

use alloc::vec::Vec;

use machine::{Endpoint, Io};

use super::questions::Reply;
use super::{Event, Failure, Next, Visited, Visitor, WalkEnd, Walked, is_outside};
use crate::contacts::{Contact, Contacts};
use crate::wire::Body;

/// How many nodes a walk visits at most, lest it follow somebody who makes up nodes for ever.
pub const WALK_MAX: usize = 100_000;

/// A walk under way. Each step leads further clockwise and none beyond the start, so it ends.
#[derive(Debug)]
pub(super) struct Walk {
    door: Endpoint,
    start: Contact,
    /// Who was asked.
    at: Contact,
    /// Who else follows the last one that answered, nearest first.
    others: Vec<Contact>,
    nodes: usize,
    silent: usize,
}

impl Walk {
    /// Begins at the node behind the door.
    pub(super) fn begin(door: Endpoint, start: Contact) -> (Self, Next) {
        let walk = Self {
            door,
            start,
            at: start,
            others: Vec::new(),
            nodes: 0,
            silent: 0,
        };
        (walk, Next::ask(start, Body::AskNeighbours))
    }

    pub(super) fn proceed(&mut self, reply: Reply, io: &mut Io<'_, Visitor>) -> Next {
        let contacts = &io.shared().contacts;
        let mut visited = Visited {
            node: *contacts.reference(self.at),
            predecessor: None,
            successors: 0,
            took: None,
        };
        let is_start = self.at == self.start;
        match reply.answer {
            Some((Body::Neighbours(around), took)) => {
                let predecessor = around.predecessor;
                visited.predecessor = predecessor.map(|contact| *contacts.reference(contact));
                visited.successors = around.successors.len();
                visited.took = Some(took);
                self.nodes += 1;
                self.others = around.successors.into_vec();
            }
            Some((body, _)) if is_start && is_outside(&body) => {
                return Next::failed(Failure::NotMember(self.door));
            }
            Some(_) | None if is_start => {
                return Next::failed(Failure::NoAnswer(self.door));
            }
            Some(_) | None => self.silent += 1,
        }
        io.emit(Event::Visited(visited));
        self.advance(&io.shared().contacts)
    }

    /// Goes on to the next who follows; tells how it ended, if that is the start or nobody.
    fn advance(&mut self, contacts: &Contacts) -> Next {
        if self.nodes + self.silent >= WALK_MAX {
            return self.end(WalkEnd::TooLong);
        }
        if self.others.is_empty() {
            // Who knows nobody else is a ring by itself; else all that it knew are silent.
            let is_alone = self.nodes == 1 && self.silent == 0;
            return self.end(if is_alone {
                WalkEnd::Closed
            } else {
                WalkEnd::Broken
            });
        }
        let next = self.others.remove(0);
        if next == self.start {
            return self.end(WalkEnd::Closed);
        }
        let (at, start) = (contacts.id(self.at), contacts.id(self.start));
        if !contacts.id(next).is_between(at, start) {
            return self.end(WalkEnd::Passed);
        }
        self.at = next;
        Next::ask(next, Body::AskNeighbours)
    }

    const fn end(&self, end: WalkEnd) -> Next {
        Next::Done(Event::Walked(Walked {
            nodes: self.nodes,
            silent: self.silent,
            end,
        }))
    }
}
