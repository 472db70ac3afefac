//! Who lies, or talks nonsense (spec section 17).

use chord::api::LookupId;
use chord::wire::{Body, Message, Neighbourhood, Transaction};
use chord::{Command, Event};

use crate::talk::Talk;

fn message(transaction: Transaction, body: Body) -> Message {
    Message {
        transaction,
        to: 0,
        body,
    }
}

#[test]
fn answers_that_nobody_asked_for_are_dropped_and_counted() {
    let mut talk = Talk::new(&[8, 21, 32, 51]);
    let around = Box::new(Neighbourhood {
        predecessor: Some(talk.contact(9)),
        successors: Box::new([talk.contact(10)]),
    });
    let guessed = Transaction(0);
    let before = talk.successors(8);
    for body in [
        Body::Neighbours(around),
        Body::Successors(Box::new([talk.contact(10)])),
        Body::Owner([Some(talk.contact(10)), None, None]),
        Body::Pong(talk.contact(10)),
    ] {
        talk.say(9, 8, message(guessed, body));
    }
    assert_eq!((talk.dropped(8), talk.successors(8)), (4, before));
    assert_eq!(talk.said, [""; 0]);
}

#[test]
fn a_list_out_of_order_ends_where_it_goes_wrong() {
    for (list, kept) in [
        (&[38, 42][..], vec![21, 38]),
        // Not clockwise, twice the same, and ourselves.
        (&[14, 42], vec![21]),
        (&[21, 42], vec![21]),
        (&[8, 42], vec![21]),
        (&[], vec![21]),
    ] {
        let mut talk = Talk::new(&[8, 21, 32, 51]);
        talk.wake_until_asked(8, 21);
        let question = talk.take_message(8, 21).expect("a question");
        let around = Box::new(Neighbourhood {
            predecessor: Some(talk.contact(8)),
            successors: list.iter().map(|&number| talk.contact(number)).collect(),
        });
        talk.say(
            21,
            8,
            message(question.transaction, Body::Neighbours(around)),
        );
        assert_eq!(talk.successors(8), kept, "{list:?}");
    }
}

#[test]
fn whoever_claims_to_stand_between_must_answer() {
    let mut talk = Talk::new(&[8, 21, 32, 51]);
    talk.wake_until_asked(8, 21);
    let question = talk.take_message(8, 21).expect("a question");
    let around = Box::new(Neighbourhood {
        predecessor: Some(talk.contact(9)),
        successors: Box::new([talk.contact(32), talk.contact(51)]),
    });
    let lie = message(question.transaction, Body::Neighbours(around));
    talk.say(21, 8, lie);
    // Nobody is at 9: it is asked, never adopted, and not asked again for a minute.
    let asked = |talk: &Talk| {
        talk.said
            .iter()
            .filter(|line| line.starts_with("8 -> 9 "))
            .count()
    };
    assert_eq!(asked(&talk), 1);
    for _ in 0..6 {
        talk.wake(8);
    }
    assert_eq!(talk.successors(8), [21, 32]);
    assert!(asked(&talk) <= 3, "{:?}", talk.said);
}

#[test]
fn notifications_in_the_name_of_others_are_ignored() {
    let mut talk = Talk::new(&[8, 21, 32, 51]);
    let notify = message(Transaction(7), Body::Notify(talk.contact(15)));
    talk.say(16, 21, notify.clone());
    assert_eq!((talk.predecessor(21), &talk.said[..]), (Some(8), &[][..]));
    talk.say(15, 21, notify);
    assert_eq!(talk.predecessor(21), Some(15));
}

#[test]
fn who_names_nobody_nearer_is_asked_no_more() {
    let mut talk = Talk::new(&[1, 8, 14, 21, 32, 38, 42, 48, 51, 56]);
    let (lookup, key) = (LookupId(1), Talk::id(54));
    talk.begin(8, Command::Lookup { lookup, key });
    let question = talk.take_message(8, 42).expect("the first hop");
    // 42 sends us back, to ourselves, and in a circle.
    let named = [talk.contact(38), talk.contact(8), talk.contact(42)];
    let lie = Body::Next(named.map(Some));
    talk.say(42, 8, message(question.transaction, lie));
    talk.deliver_all();
    let asked_again = talk.said[1..]
        .iter()
        .filter(|line| line.starts_with("8 -> 42"));
    assert_eq!(asked_again.count(), 0, "{:?}", talk.said);
    let [(8, Event::Found(found))] = &talk.events[..] else {
        panic!("{:?}", talk.events);
    };
    assert_eq!(found.owners[0], talk.contact(56));
}
