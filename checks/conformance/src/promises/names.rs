//! Hosts are found by their names.

use machine::{CloseReason, Io, Security, Target};

use crate::{Command, Part, Puppet, Seen, Sight, Stage};

/// No such name exists anywhere (RFC 2606 keeps `.invalid` free).
const NO_HOST: &str = "no-such-host.invalid";

/// A name is answered with addresses that have the port asked for.
pub fn a_name_is_resolved(stage: &mut impl Stage) {
    let host = stage.start(Part::of(Puppet::idle()));
    let caller = stage.start(Part::of(Puppet::idle()));
    let (name, there) = (stage.host_name(host), stage.endpoint(host));
    let address = there.ip().to_string();
    for name in [name, address] {
        stage.tell(caller, resolve(name, there.port()));
    }
    stage.wait(caller, &mut |sights| answers(sights).count() == 2);
    for seen in answers(stage.seen(caller)) {
        let Seen::Resolved {
            result: Ok(found), ..
        } = seen
        else {
            panic!("not found: {seen:?}");
        };
        assert!(found.contains(&there), "{found:?} without {there}");
    }
}

/// A name that is not known is answered too, once.
pub fn an_unknown_name_is_an_error(stage: &mut impl Stage) {
    let caller = stage.start(Part::of(Puppet::idle()));
    stage.tell(caller, resolve(NO_HOST.into(), 1));
    stage.wait(caller, &mut |sights| answers(sights).count() == 1);
    for seen in answers(stage.seen(caller)) {
        assert!(
            matches!(seen, Seen::Resolved { result: Err(_), .. }),
            "{seen:?}"
        );
    }
}

/// A connection goes to a host by its name, or by its address as text.
pub fn a_connection_goes_to_a_name(stage: &mut impl Stage) {
    let host = stage.start(Part::of(Puppet::idle()));
    let there = stage.endpoint(host);
    for name in [stage.host_name(host), there.ip().to_string()] {
        let caller = stage.start(Part::of(Puppet::idle()));
        stage.tell(caller, connect(name, there.port()));
        stage.wait(caller, &mut |sights| {
            let connected =
                |seen: &Seen| matches!(seen, Seen::Connected { to, .. } if *to == there);
            sights.iter().any(|sight| connected(&sight.seen))
        });
    }
}

/// A connection to a name that is not known closes.
pub fn a_connection_to_an_unknown_name_closes(stage: &mut impl Stage) {
    let caller = stage.start(Part::of(Puppet::idle()));
    stage.tell(caller, connect(NO_HOST.into(), 1));
    stage.wait(caller, &mut |sights| !sights.is_empty());
    let seen = &stage.seen(caller)[0].seen;
    // Where no name server can be asked, the way to the host is what is missing.
    let expected = [CloseReason::NameNotFound, CloseReason::Unreachable];
    assert!(
        matches!(seen, Seen::Closed { reason, .. } if expected.contains(reason)),
        "{seen:?}"
    );
}

fn resolve(name: String, port: u16) -> Command {
    Command::new(move |_, io| {
        let job = io.resolve(&name, port);
        note(io, Seen::Asked(job));
    })
}

fn connect(name: String, port: u16) -> Command {
    Command::new(move |_, io| {
        io.connect(Target::Host {
            name,
            port,
            security: Security::Plain,
        });
    })
}

fn note(io: &mut Io<'_, Puppet>, seen: Seen) {
    io.emit(Sight { at: io.now(), seen });
}

fn answers(sights: &[Sight]) -> impl Iterator<Item = &Seen> {
    sights
        .iter()
        .map(|sight| &sight.seen)
        .filter(|seen| matches!(seen, Seen::Resolved { .. }))
}
