//! `manyhop chord`: a ring of nodes that finds the keeper of any key.
//!
//! | file | what |
//! |---|---|
//! | [`args`] | what can be asked |
//! | [`node`] | a node of the ring, until it is stopped |
//! | [`visit`] | somebody outside who asks the ring |
//! | [`lookup`], [`ring`], [`values`] | what is asked, and how it is shown |
//! | [`table`] | columns |

pub(crate) mod args;
mod lookup;
mod node;
mod ring;
mod table;
mod values;
mod visit;

use ::chord::Reference;
use ::keyspace::Id;

use crate::Outcome;
use crate::error::Failure;
use crate::output::Output;
use args::{ChordArgs, ChordVerb};

pub(crate) fn run(args: ChordArgs, output: &Output) -> Result<Outcome, Failure> {
    match args.verb {
        ChordVerb::Node(args) => node::run(&args, output),
        ChordVerb::Put(args) => values::put(&args, output),
        ChordVerb::Get(args) => values::get(&args, output),
        ChordVerb::Delete(args) => values::delete(&args, output),
        ChordVerb::Lookup(args) => lookup::run(&args, output),
        ChordVerb::Ring(args) => ring::run(&args, output),
    }
}

/// How many digits of an id people see: enough to tell the nodes of any ring apart.
const DIGITS: usize = 10;

/// An id for people.
fn short(id: Id) -> String {
    id.to_string().chars().take(DIGITS).collect()
}

/// A node for people.
fn name(node: &Reference) -> String {
    format!("{} {}", short(node.id), node.endpoint)
}

/// A length on the ring as a share of the whole, from 0 to 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share is shown with a few digits"
)]
fn share(distance: Id) -> f64 {
    distance.prefix() as f64 / 2_f64.powi(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_whole_ring() {
        assert_eq!(share(Id::ZERO), 0.0);
        assert_eq!(share(Id::power_of_two(159)), 0.5);
        assert_eq!(short(Id::power_of_two(159)), "8000000000");
    }
}
