//! What a member answers to those who look for a key or for neighbours.

use alloc::boxed::Box;

use keyspace::Id;
use machine::Io;

use crate::api::Shared;
use crate::contacts::{Contact, Few};
use crate::member::{Member, Standing};
use crate::node::Node;
use crate::routing::{Hop, hop};
use crate::wire::{Body, Neighbourhood, Page, Stand, Want, Wanted};

/// Says that we know nobody nearer.
const NOBODY: Few = [None; 3];

impl Member {
    /// The answer to `FindNext`.
    #[inline]
    pub(crate) fn find_next(&self, wanted: Wanted, excluded: &[Id], io: &Io<'_, Node>) -> Body {
        let Shared { contacts, .. } = io.shared();
        let now = io.now();
        let is_out = |contact: Contact| {
            excluded.contains(&contacts.id(contact)) || self.is_suspect(contact, now)
        };
        let is_out: Option<&dyn Fn(Contact) -> bool> =
            (!excluded.is_empty() || self.has_suspects()).then_some(&is_out);
        let hop = hop(&self.near, &self.fingers, wanted.key, contacts, is_out);
        match (hop, wanted.want) {
            (Hop::Next(few), _) => Body::Next(self.limited(few, io)),
            (Hop::Nowhere, _) => Body::Next(NOBODY),
            (Hop::Ours | Hop::Owner(_), Want::Few) => {
                Body::Owner(self.owners(&hop).unwrap_or(NOBODY))
            }
            (Hop::Ours, Want::List) => {
                let me = self.near.me();
                let successors = self.near.successors();
                let kept = successors.len().min(io.shared().config.successors - 1);
                Body::OwnerList(Box::new(Neighbourhood {
                    predecessor: self.near.predecessor(),
                    successors: core::iter::once(me)
                        .chain(successors[..kept].iter().copied())
                        .collect(),
                }))
            }
            (Hop::Owner(at), Want::List) => {
                let successors = self.near.successors();
                let predecessor = match at.checked_sub(1) {
                    Some(before) => successors.get(before).copied(),
                    None => Some(self.near.me()),
                };
                Body::OwnerList(Box::new(Neighbourhood {
                    predecessor,
                    successors: Box::from(&successors[at..]),
                }))
            }
        }
    }

    /// The answer to `GetList`: our list, or the word that the ring is still too small for lists.
    pub(crate) fn list_for_others(&self) -> Body {
        let small = self.aside.as_ref().and_then(|aside| aside.small.as_ref());
        match small {
            Some(small) if self.standing == Standing::Small => {
                Body::SmallRingAnswer(Box::new(Page {
                    stand: Stand::Small,
                    members: small.members().into(),
                }))
            }
            _ => Body::Successors(Box::from(self.near.successors())),
        }
    }
}
