//! Nodes that did not answer: passed over for a while, never forgotten at once.
//!
//! A node that is dead for us may only be cut off for a time, so it is asked again: after a
//! minute, then after two, up to sixteen (spec section 8). A list of the last few is enough, for
//! who is not on it is found out again by the next question.

use alloc::vec::Vec;
use core::time::Duration;

use machine::Instant;

use crate::contacts::Contact;

/// How many are remembered. More die at once only when the net itself breaks.
const SUSPECTS_MAX: usize = 64;
/// The first and the longest quarantine (spec section 8).
const QUARANTINE_MIN: Duration = Duration::from_secs(60);
const QUARANTINE_MAX: Duration = Duration::from_secs(960);

/// Nodes that did not answer, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Suspects(Vec<Suspect>);

#[derive(Debug, Clone, Copy)]
struct Suspect {
    contact: Contact,
    until: Instant,
    /// The length of its last quarantine; zero if it was in none.
    quarantine: Duration,
}

impl Suspects {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, contact: Contact, now: Instant) -> bool {
        self.0
            .iter()
            .any(|suspect| suspect.contact == contact && suspect.until > now)
    }

    /// All that are remembered, also those whose time is over.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact> {
        self.0.iter().map(|suspect| suspect.contact)
    }

    /// Passes a node over up to a moment.
    pub(crate) fn add(&mut self, contact: Contact, now: Instant, until: Instant) {
        match self.position(contact) {
            Some(at) => self.0[at].until = self.0[at].until.max(until),
            None => self.push(contact, now, until, Duration::ZERO),
        }
    }

    /// Passes a node over for a minute, or for twice as long as before.
    pub(crate) fn quarantine(&mut self, contact: Contact, now: Instant) {
        let before = self
            .position(contact)
            .map_or(Duration::ZERO, |at| self.0.remove(at).quarantine);
        let quarantine = (before * 2).clamp(QUARANTINE_MIN, QUARANTINE_MAX);
        self.push(contact, now, now + quarantine, quarantine);
    }

    /// Takes back what was thought of a node: it lives.
    pub(crate) fn absolve(&mut self, contact: Contact) {
        self.0.retain(|suspect| suspect.contact != contact);
    }

    fn push(&mut self, contact: Contact, now: Instant, until: Instant, quarantine: Duration) {
        // Who was only suspected, and is no more, goes first.
        self.0
            .retain(|suspect| suspect.until > now || !suspect.quarantine.is_zero());
        if self.0.len() == SUSPECTS_MAX {
            self.0.remove(0);
        }
        self.0.push(Suspect {
            contact,
            until,
            quarantine,
        });
    }

    fn position(&self, contact: Contact) -> Option<usize> {
        self.0.iter().position(|suspect| suspect.contact == contact)
    }
}
