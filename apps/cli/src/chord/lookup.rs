//! `manyhop chord lookup`: who keeps a key, and the way there.

use std::time::Duration;

use chord::visitor::{Command, Event, Found, Hop, Row};
use chord::{Config, identity};
use keyspace::{Id, Space};
use serde_json::{Value, json};

use super::args::LookupArgs;
use super::table::{Side, Table};
use super::{name, short, visit};
use crate::Outcome;
use crate::error::Failure;
use crate::output::Output;

pub(super) fn run(args: &LookupArgs, output: &Output) -> Result<Outcome, Failure> {
    let key = identity::of_key(args.key.as_bytes(), Space::FULL);
    let mut hops = Vec::new();
    let last = visit::ask(&args.door, Config::new(), Command::Lookup(key), |event| {
        if let Event::Hop(hop) = event {
            hops.push(hop);
        }
    })?;
    let Event::Found(found) = last else {
        return Err(Failure::new("the lookup ended without an owner"));
    };
    output.result(text(&args.key, &hops, &found), members(&hops, &found))?;
    Ok(Outcome::Done)
}

fn text(key: &str, hops: &[Hop], found: &Found) -> String {
    let mut table = Table::new([
        ("node", Side::Left),
        ("reached by", Side::Left),
        ("left", Side::Right),
        ("ms", Side::Right),
    ]);
    for hop in hops {
        table.row([
            name(&hop.node),
            row_text(hop.row),
            left_text(hop.left),
            hop.took.map_or("no answer".into(), milliseconds),
        ]);
    }
    let owner = found.owners.first();
    let owner = owner.map_or_else(String::new, |owner| owner.endpoint.to_string());
    format!(
        "{}\n{key:?} ({}) belongs to {owner}, found in {} ms",
        table.text(),
        short(found.key),
        milliseconds(found.took),
    )
}

fn row_text(row: Row) -> String {
    match row {
        Row::Door => "--at".into(),
        Row::Finger(level) => format!("finger {level}"),
        Row::Successor(0) => "successor".into(),
        Row::Successor(position) => format!("successor {position}"),
        Row::Predecessor => "predecessor".into(),
        Row::Itself => "itself".into(),
    }
}

/// A distance as a power of two, in which fingers are counted.
fn left_text(left: Id) -> String {
    if left.is_zero() {
        return "owner".into();
    }
    format!("2^{:.1}", log2(left))
}

/// The logarithm of a distance, which is not zero.
fn log2(distance: Id) -> f64 {
    let doublings = Id::BITS - 1 - distance.log2().unwrap_or(0);
    let normal = (0..doublings).fold(distance, |id, _| id.plus(id));
    super::share(normal).log2() + f64::from(Id::BITS - doublings)
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

fn members(hops: &[Hop], found: &Found) -> Value {
    let hop = |hop: &Hop| {
        json!({
            "id": hop.node.id.to_string(),
            "address": hop.node.endpoint.to_string(),
            "row": if hop.row == Row::Door { "door".into() } else { row_text(hop.row) },
            "left": hop.left.to_string(),
            "ms": hop.took.map(|took| took.as_secs_f64() * 1e3),
        })
    };
    let owners = found.owners.iter().map(|owner| {
        json!({
            "id": owner.id.to_string(),
            "address": owner.endpoint.to_string(),
        })
    });
    json!({
        "key": found.key.to_string(),
        "owners": owners.collect::<Vec<_>>(),
        "hops": hops.iter().map(hop).collect::<Vec<_>>(),
        "timeouts": found.timeouts,
        "ms": found.took.as_secs_f64() * 1e3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_powers_of_two() {
        assert_eq!(left_text(Id::ZERO), "owner");
        assert_eq!(left_text(Id::power_of_two(0)), "2^0.0");
        assert_eq!(left_text(Id::power_of_two(158)), "2^158.0");
        let three = Id::power_of_two(0).plus(Id::power_of_two(1));
        assert_eq!(left_text(three), "2^1.6");
        assert_eq!(left_text(Id::MAX), "2^160.0");
    }

    #[test]
    fn rows_are_named_as_in_the_papers() {
        assert_eq!(row_text(Row::Finger(157)), "finger 157");
        assert_eq!(row_text(Row::Successor(3)), "successor 3");
        assert_eq!(row_text(Row::Successor(0)), "successor");
    }
}
