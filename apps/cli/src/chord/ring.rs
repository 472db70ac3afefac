//! `manyhop chord ring`: all nodes of a ring, in order.

use chord::Config;
use chord::visitor::{Command, Event, Visited, WALK_MAX, WalkEnd, Walked};
use keyspace::Id;
use serde_json::{Value, json};

use super::args::RingArgs;
use super::table::{Side, Table};
use super::{name, share, visit};
use crate::Outcome;
use crate::error::Failure;
use crate::output::Output;
use crate::units::count;

pub(super) fn run(args: &RingArgs, output: &Output) -> Result<Outcome, Failure> {
    let mut nodes = Vec::new();
    let last = visit::ask(&args.door, Config::new(), Command::Walk, |event| {
        if let Event::Visited(visited) = event {
            nodes.push(visited);
        }
    })?;
    let Event::Walked(walked) = last else {
        return Err(Failure::new("the walk did not end"));
    };
    output.result(text(&nodes, walked), members(&nodes, walked))?;
    Ok(match walked.end {
        WalkEnd::Closed => Outcome::Done,
        WalkEnd::Passed | WalkEnd::Broken | WalkEnd::TooLong => Outcome::NotDone,
    })
}

fn text(nodes: &[Visited], walked: Walked) -> String {
    let mut table = Table::new([
        ("node", Side::Left),
        ("share of keys", Side::Right),
        ("successors", Side::Right),
        ("ms", Side::Right),
    ]);
    for (visited, share) in nodes.iter().zip(shares(nodes)) {
        table.row([
            name(&visited.node),
            share.map_or_else(String::new, |share| format!("{:.2} %", share * 100.0)),
            visited
                .took
                .map_or_else(String::new, |_| visited.successors.to_string()),
            visited.took.map_or("no answer".into(), |took| {
                format!("{:.1}", took.as_secs_f64() * 1e3)
            }),
        ]);
    }
    format!("{}\n{}", table.text(), summary(walked))
}

fn summary(walked: Walked) -> String {
    let nodes = count(walked.nodes, "node");
    let end = match walked.end {
        WalkEnd::Closed => format!("one ring of {nodes}"),
        WalkEnd::Passed => {
            format!("no ring: {nodes} lead past the first, which the last does not know")
        }
        WalkEnd::Broken => format!("no ring: nobody who follows the last of {nodes} answers"),
        WalkEnd::TooLong => format!("no end after {WALK_MAX} nodes"),
    };
    match walked.silent {
        0 => end,
        silent => format!(
            "{end}; {} not answer",
            match silent {
                1 => "1 more does".to_owned(),
                _ => format!("{silent} more do"),
            }
        ),
    }
}

/// Which share of all keys each node owns: those from the node before it that answered.
fn shares(nodes: &[Visited]) -> Vec<Option<f64>> {
    let answered: Vec<Id> = nodes
        .iter()
        .filter(|visited| visited.took.is_some())
        .map(|visited| visited.node.id)
        .collect();
    let mut before = answered.last().copied();
    let owned = |visited: &Visited| {
        visited.took?;
        let from = before.replace(visited.node.id)?;
        if answered.len() == 1 {
            return Some(1.0);
        }
        Some(share(from.distance_to(visited.node.id)))
    };
    nodes.iter().map(owned).collect()
}

fn members(nodes: &[Visited], walked: Walked) -> Value {
    let listed = nodes.iter().zip(shares(nodes)).map(|(visited, share)| {
        let predecessor = visited.predecessor.as_ref();
        json!({
            "id": visited.node.id.to_string(),
            "address": visited.node.endpoint.to_string(),
            "share": share,
            "predecessor": predecessor.map(|node| node.id.to_string()),
            "successors": visited.successors,
            "ms": visited.took.map(|took| took.as_secs_f64() * 1e3),
        })
    });
    json!({
        "closed": walked.end == WalkEnd::Closed,
        "nodes": listed.collect::<Vec<_>>(),
        "answered": walked.nodes,
        "silent": walked.silent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chord::Reference;
    use machine::Endpoint;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    fn visited(id: Id, took: Option<Duration>) -> Visited {
        Visited {
            node: Reference {
                id,
                endpoint: Endpoint::new(Ipv4Addr::LOCALHOST.into(), 4000),
                incarnation: 0,
            },
            predecessor: None,
            successors: 1,
            took,
        }
    }

    #[test]
    fn shares_reach_back_to_who_answered_before() {
        let (quarter, half) = (Id::power_of_two(158), Id::power_of_two(159));
        let lives = Some(Duration::from_millis(1));
        let nodes = [
            visited(Id::ZERO, lives),
            visited(quarter, None),
            visited(half, lives),
        ];
        assert_eq!(shares(&nodes), [Some(0.5), None, Some(0.5)]);
        assert_eq!(shares(&nodes[..1]), [Some(1.0)]);
        assert_eq!(shares(&[]), []);
    }

    #[test]
    fn the_end_is_told_in_words() {
        let walked = |nodes, silent, end| summary(Walked { nodes, silent, end });
        assert_eq!(walked(1, 0, WalkEnd::Closed), "one ring of 1 node");
        assert_eq!(
            walked(9, 1, WalkEnd::Closed),
            "one ring of 9 nodes; 1 more does not answer"
        );
    }
}
