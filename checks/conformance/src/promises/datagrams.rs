//! Datagrams arrive as values, with the sender's address; what is none is reported.

use core::time::Duration;

use crate::{Command, Message, Part, Puppet, Seen, Stage};

/// A datagram comes back from an echo, and each side sees the other's endpoint.
pub fn a_datagram_comes_and_goes(stage: &mut impl Stage) {
    let echo = stage.start(Part::of(Puppet::echo()));
    let caller = stage.start(Part::of(Puppet::idle()));
    let (there, here) = (stage.endpoint(echo), stage.endpoint(caller));
    let message = Message::new("hello");
    let sent = message.clone();
    stage.tell(caller, Command::new(move |_, io| io.send_to(there, sent)));
    let answer = Seen::Message {
        from: there,
        message: message.clone(),
    };
    stage.wait(caller, &mut |sights| {
        sights.iter().any(|sight| sight.seen == answer)
    });
    let question = Seen::Message {
        from: here,
        message,
    };
    stage.wait(echo, &mut |sights| !sights.is_empty());
    assert_eq!(stage.seen(echo)[0].seen, question);
}

/// Bytes that are no message are dropped and reported with the field and the offset; what comes
/// afterwards is heard.
pub fn a_garbled_datagram_is_reported(stage: &mut impl Stage) {
    let listener = stage.start(Part::of(Puppet::idle()));
    for nonsense in [b"nonsense".as_slice(), b"wor"] {
        stage.throw(listener, nonsense);
    }
    stage.throw(listener, b"wordy");
    stage.wait(listener, &mut |sights| sights.len() == 3);
    stage.linger(Duration::from_millis(50));
    let sights = stage.seen(listener);
    assert_eq!(sights.len(), 3);
    for sight in &sights[..2] {
        let Seen::Garbled { error, .. } = &sight.seen else {
            panic!("nonsense taken for a message: {sight:?}");
        };
        assert_eq!((error.field, error.offset), ("magic", 0));
    }
    let Seen::Message { message, .. } = &sights[2].seen else {
        panic!("a message taken for nonsense: {:?}", sights[2]);
    };
    assert_eq!(*message, Message::new("y"));
}

/// A datagram to nobody is lost, and its sender goes on.
pub fn a_datagram_to_nobody_is_lost(stage: &mut impl Stage) {
    let nowhere = stage.deserted();
    let echo = stage.start(Part::of(Puppet::echo()));
    let caller = stage.start(Part::of(Puppet::idle()));
    let there = stage.endpoint(echo);
    for to in [nowhere, nowhere, there] {
        stage.tell(
            caller,
            Command::new(move |_, io| io.send_to(to, Message::new("hello"))),
        );
        stage.linger(Duration::from_millis(20));
    }
    stage.wait(caller, &mut |sights| !sights.is_empty());
    assert_eq!(stage.seen(caller).len(), 1);
}
