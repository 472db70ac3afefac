//! Fingers that are near in the net: proximity neighbour selection (spec section 11).
//!
//! A finger of row i may be any node between 2^i and 2^(i+1) away. So the first few of them are
//! asked for a sign of life, and the one that answers soonest becomes the finger.

use alloc::vec::Vec;
use core::time::Duration;

use machine::{Instant, Io};

use crate::api::{Fingers, Shared};
use crate::contacts::Contact;
use crate::finger_table::Row;
use crate::member::{Member, NEVER};
use crate::node::Node;
use crate::rpc::Rpc;
use crate::wire::{Body, Transaction};

/// A race among the candidates for a finger.
#[derive(Debug)]
pub(crate) struct Race {
    row: Row,
    running: Vec<Rpc>,
    best: Option<(Duration, Contact)>,
}

impl Race {
    pub(crate) fn deadline(&self) -> Instant {
        let deadlines = self.running.iter().map(|rpc| rpc.deadline);
        deadlines.min().unwrap_or(NEVER)
    }

    /// Whom it holds by name.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact> {
        let running = self.running.iter().map(|rpc| rpc.to);
        running.chain(self.best.map(|(_, contact)| contact))
    }
}

impl Member {
    /// The first successor of a row's beginning was found, with those who follow it: lets those
    /// who belong to the row race.
    pub(crate) fn race(&mut self, row: Row, found: &[Contact], io: &mut Io<'_, Node>) {
        let Shared { contacts, config } = io.shared();
        let Fingers::Nearby { samples } = config.fingers else {
            return;
        };
        let me = self.near.me();
        let is_of_row = |&&contact: &&Contact| {
            let distance = self.near.id().distance_to(contacts.id(contact));
            contact != me && Row::of_distance(distance) == Some(row)
        };
        let candidates = found.iter().filter(is_of_row).copied();
        let candidates: Vec<Contact> = candidates.take(usize::from(samples)).collect();
        match candidates[..] {
            // Nobody: the owner is further away, and serves until somebody joins.
            [] => {
                let owner = found.first().copied().filter(|&owner| owner != me);
                owner
                    .into_iter()
                    .for_each(|owner| self.fingers.set(row, owner));
            }
            [only] => self.fingers.set(row, only),
            _ => {
                let (number, trips) = (self.number, self.trips);
                let running = candidates
                    .into_iter()
                    .map(|contact| Rpc::ask(contact, Body::Ping, number, trips, io))
                    .collect();
                let best = None;
                self.aside().race = Some(Race { row, running, best });
            }
        }
    }

    /// A candidate answered; tells whether there is a race.
    pub(crate) fn race_answered(
        &mut self,
        transaction: Transaction,
        io: &mut Io<'_, Node>,
    ) -> bool {
        let now = io.now();
        let Some(race) = self.aside.as_mut().and_then(|aside| aside.race.as_mut()) else {
            return false;
        };
        let asked = |rpc: &Rpc| rpc.transaction == transaction;
        let Some(at) = race.running.iter().position(asked) else {
            return false;
        };
        let rpc = race.running.swap_remove(at);
        if let Some(took) = rpc.took(now)
            && race.best.is_none_or(|(best, _)| took < best)
        {
            race.best = Some((took, rpc.to));
        }
        self.lives(&rpc, io);
        self.end_race();
        true
    }

    pub(crate) fn race_timed_out(&mut self, io: &mut Io<'_, Node>) {
        let now = io.now();
        let Some(race) = self.aside.as_mut().and_then(|aside| aside.race.as_mut()) else {
            return;
        };
        let is_late = |rpc: &mut Rpc| rpc.deadline <= now;
        let late: Vec<Rpc> = race.running.extract_if(.., is_late).collect();
        late.iter().for_each(|rpc| self.suspect(rpc.to, io));
        self.end_race();
    }

    /// Sets the finger, once all have answered or are late.
    fn end_race(&mut self) {
        let Some(aside) = &mut self.aside else {
            return;
        };
        if let Some(race) = aside.race.take_if(|race| race.running.is_empty())
            && let Some((_, best)) = race.best
        {
            self.fingers.set(race.row, best);
        }
    }
}
