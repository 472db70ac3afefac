//! The next hop: who owns a key, or who is nearer to it (spec section 3).

use keyspace::Id;

use crate::contacts::{Contact, Contacts, Few};
use crate::finger_table::{FingerTable, Row};
use crate::neighbours::Neighbours;

/// What a member knows of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// It is ours: it lies between our predecessor and us.
    Ours,
    /// It lies within our successor list, and belongs to the entry at this position.
    Owner(usize),
    /// These precede it, nearest to it first.
    Next(Few),
    /// We know nobody on the way.
    Nowhere,
}

/// Looks a key up in a member's own tables. What `is_out` holds of is passed over: nodes that are
/// known to be dead.
pub fn hop(
    near: &Neighbours,
    fingers: &FingerTable,
    key: Id,
    contacts: &Contacts,
    is_out: Option<&dyn Fn(Contact) -> bool>,
) -> Hop {
    let distance = near.id().distance_to(key);
    if near.successors().is_empty() || distance.is_zero() || near.owns(key, contacts) {
        return Hop::Ours;
    }
    match is_out {
        None => swift_hop(near, fingers, distance, contacts),
        Some(is_out) => careful_hop(near, fingers, distance, contacts, is_out),
    }
}

/// The usual case, in which nobody is to be passed over: reads as few ids as it can, since in a
/// large simulation each costs a cache miss.
fn swift_hop(near: &Neighbours, fingers: &FingerTable, distance: Id, contacts: &Contacts) -> Hop {
    let successors = near.successors();
    if let Some(guess) = near.guess(distance) {
        return Hop::Owner(owner_near(guess, near, distance, contacts));
    }
    // A finger of a higher row starts after the key. One of the key's own row, and of the next
    // ones should that have passed the key, is the nearest; those after it are so by their rows.
    let mut few = [None; 3];
    let mut found = 0;
    let first = Row::of_distance(distance).map_or(0, |row| usize::from(row.0));
    // If the key is where its row begins, as when a finger is looked up, the row starts after it.
    let first = first + usize::from(distance.is_power_of_two());
    let mut last = None;
    for &finger in fingers.entries().get(first..).unwrap_or_default() {
        let Some(finger) = finger.filter(|_| finger != last) else {
            continue;
        };
        last = Some(finger);
        if found == 0 {
            let to_finger = near.id().distance_to(contacts.id(finger));
            if !to_finger.is_less(distance) {
                continue;
            }
            if !near.reach().is_less(to_finger) {
                break;
            }
        }
        few[found] = Some(finger);
        found += 1;
        if found == few.len() {
            return Hop::Next(few);
        }
    }
    let rest = successors.iter().rev();
    for (place, &successor) in few[found..].iter_mut().zip(rest) {
        *place = Some(successor);
    }
    Hop::Next(few)
}

/// The position of a key's owner in the list, which reaches to the key: walks from the position
/// where it should be, were all at the same distance from each other.
fn owner_near(guess: usize, near: &Neighbours, distance: Id, contacts: &Contacts) -> usize {
    let successors = near.successors();
    let precedes = |at: usize| {
        let to_successor = near.id().distance_to(contacts.id(successors[at]));
        to_successor.is_less(distance)
    };
    let mut at = guess;
    if precedes(at) {
        while at + 1 < successors.len() && precedes(at) {
            at += 1;
        }
    } else {
        while at > 0 && !precedes(at - 1) {
            at -= 1;
        }
    }
    at
}

/// The same with nodes to be passed over: weighs all that it knows.
fn careful_hop(
    near: &Neighbours,
    fingers: &FingerTable,
    distance: Id,
    contacts: &Contacts,
    is_out: &dyn Fn(Contact) -> bool,
) -> Hop {
    let to = |contact| near.id().distance_to(contacts.id(contact));
    let owner = near
        .successors()
        .iter()
        .position(|&successor| !is_out(successor) && !to(successor).is_less(distance));
    if let Some(owner) = owner {
        return Hop::Owner(owner);
    }
    let mut nearest: [Option<(Id, Contact)>; 3] = [None; 3];
    let fingers = fingers.entries().iter().flatten();
    for &contact in fingers.chain(near.successors()) {
        let far = to(contact);
        if is_out(contact)
            || !far.is_less(distance)
            || nearest.iter().flatten().any(|&(_, known)| known == contact)
        {
            continue;
        }
        let place = nearest
            .iter()
            .position(|entry| entry.is_none_or(|(best, _)| best.is_less(far)));
        if let Some(place) = place {
            nearest[place..].rotate_right(1);
            nearest[place] = Some((far, contact));
        }
    }
    if nearest[0].is_none() {
        return Hop::Nowhere;
    }
    Hop::Next(nearest.map(|entry| entry.map(|(_, contact)| contact)))
}
