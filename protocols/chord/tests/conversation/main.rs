//! What nodes say to each other, word by word.

mod strangers;
mod talk;

use chord::api::LookupId;
use chord::{Command, Event};
use simulator::endpoint;
use talk::Talk;

/// Spec section 13.2, in a ring of 8, 21, 32 and 51: node 26 joins through 51.
#[test]
fn a_node_joins() {
    let mut talk = Talk::new(&[8, 21, 32, 51]);
    talk.add(26);
    talk.command(26, Command::Join(endpoint(51)));
    assert_eq!(
        talk.said,
        [
            "26 -> 51  Ping",
            "51 -> 26  Pong 51",
            "26 -> 51  FindNext 26",
            "51 -> 26  Next [21, 8]",
            "26 -> 21  FindNext 26",
            "21 -> 26  Owner [32, 51], before it Some(21)",
            "26 -> 32  AskList",
            "32 -> 26  List [51, 8]",
            // It is a member, makes sure of its place at once, and asks for fingers as hints.
            "26 -> 32  AskNeighbours",
            "26 -> 32  AskFingers",
            "32 -> 26  Neighbours Some(21) [51, 8]",
            "32 -> 26  Fingers [8]",
            "26 -> 32  Notify 26",
            "32 -> 26  Notified",
        ]
    );
    assert!(talk.events.contains(&(26, Event::Joined)));
    assert_eq!(
        (talk.successors(26), talk.predecessor(26)),
        (vec![32, 51], None)
    );
    assert_eq!(talk.predecessor(32), Some(26));

    // With its next round, 21 learns of 26, makes sure that it lives, and tells it.
    talk.said.clear();
    talk.stabilise(21);
    assert_eq!(
        talk.said[talk.said.len() - 10..],
        [
            "21 -> 32  AskNeighbours",
            "32 -> 21  Neighbours Some(26) [51, 8]",
            "21 -> 26  AskList",
            "26 -> 21  List [32, 51]",
            "21 -> 26  Notify 21",
            // From now on 26 owns what lies between 21 and itself: it compares that range with
            // its successor, who kept it so far, and names its replicas.
            "26 -> 32  Compare",
            "26 -> 32  Offer",
            "26 -> 51  Offer",
            "26 -> 21  Notified",
            "32 -> 26  Listing",
        ]
    );
    assert_eq!(
        (talk.successors(21), talk.predecessor(26)),
        (vec![26, 32], Some(21))
    );
}

#[test]
fn a_dead_successor_is_passed_over_in_the_same_round() {
    let mut talk = Talk::new(&[8, 21, 32, 51]);
    talk.kill(32);
    talk.stabilise(21);
    talk.said.clear();
    // Twice more, then the next one in the list is asked.
    for _ in 0..3 {
        talk.wake(21);
    }
    talk.deliver_all();
    let told: Vec<&str> = talk.said.iter().map(String::as_str).collect();
    let upkeep = |line: &&&str| {
        !line.contains("FindNext") && !line.contains("Owner") && !line.contains("Next [")
    };
    let told: Vec<&&str> = told.iter().filter(upkeep).collect();
    assert_eq!(
        told,
        [
            &"21 -> 32  AskNeighbours",
            &"21 -> 32  AskNeighbours",
            &"21 -> 51  AskNeighbours",
            &"51 -> 21  Neighbours Some(32) [8, 21]",
            // The dead one is still 51's predecessor; 21 knows better than to ask him.
            &"21 -> 51  Notify 21",
            // So 51 makes sure of its predecessor.
            &"51 -> 32  Ping",
            &"51 -> 21  Notified",
        ]
    );
    assert_eq!(talk.successors(21), [51, 8]);
}

#[test]
fn a_lookup_goes_hop_by_hop() {
    let mut talk = Talk::new(&[1, 8, 14, 21, 32, 38, 42, 48, 51, 56]);
    let (lookup, key) = (LookupId(1), Talk::id(54));
    talk.command(8, Command::Lookup { lookup, key });
    assert_eq!(
        talk.said,
        [
            "8 -> 42  FindNext 54",
            "42 -> 8  Next [51, 48]",
            "8 -> 51  FindNext 54",
            "51 -> 8  Owner [56, 1]",
        ]
    );
    let [(8, Event::Found(found))] = &talk.events[..] else {
        panic!("{:?}", talk.events);
    };
    assert_eq!(
        (found.hops, found.timeouts, found.owners[0]),
        (2, 0, talk.contact(56))
    );
}
