//! The clock runs forward, and a deadline wakes the node that named it.

use core::time::Duration;

use machine::Instant;

use crate::{Actor, Command, Message, Part, Puppet, Seen, Stage};

/// A deadline this far off leaves time to say something else before.
const SOON: Duration = Duration::from_millis(50);
/// Long enough for everything that was to come by [`SOON`].
const AFTERWARDS: Duration = Duration::from_millis(250);

/// [`Io::now`](machine::Io::now) never runs backwards.
pub fn now_never_runs_backwards(stage: &mut impl Stage) {
    let echo = stage.start(Part::of(Puppet::echo()));
    let caller = stage.start(Part::of(Puppet::idle()));
    let to = stage.endpoint(echo);
    for round in 1..=20 {
        stage.tell(
            caller,
            Command::new(move |puppet, io| {
                puppet.deadline = Some(io.now() + Duration::from_millis(1));
                io.send_to(to, Message::new("tick"));
            }),
        );
        let answers = |seen: &Seen| matches!(seen, Seen::Message { .. });
        stage.wait(caller, &mut |sights| {
            sights.iter().filter(|sight| answers(&sight.seen)).count() == round
        });
    }
    for actor in [echo, caller] {
        let sights = stage.seen(actor);
        assert!(sights.is_sorted_by_key(|sight| sight.at), "{sights:?}");
    }
}

/// A wake comes, and not before it is due.
pub fn a_wake_comes_when_it_is_due(stage: &mut impl Stage) {
    let sleeper = stage.start(Part::of(Puppet::idle()));
    wake_in(stage, sleeper, SOON);
    assert_wakes_on_time(stage, sleeper, 1);
}

/// A deadline that has passed already wakes at once.
pub fn a_past_deadline_wakes_too(stage: &mut impl Stage) {
    let sleeper = stage.start(Part::of(Puppet::idle()));
    wake_in(stage, sleeper, Duration::ZERO);
    assert_wakes_on_time(stage, sleeper, 1);
}

/// A node may change its mind: only the last deadline counts, earlier or later than the first.
pub fn a_moved_deadline_wakes_once(stage: &mut impl Stage) {
    for (first, second) in [(SOON, 2 * SOON), (Duration::from_secs(3600), SOON)] {
        let sleeper = stage.start(Part::of(Puppet::idle()));
        wake_in(stage, sleeper, first);
        wake_in(stage, sleeper, second);
        stage.linger(AFTERWARDS);
        assert_wakes_on_time(stage, sleeper, 2);
    }
}

/// A deadline taken back wakes nobody.
pub fn a_withdrawn_deadline_is_silent(stage: &mut impl Stage) {
    let sleeper = stage.start(Part::of(Puppet::idle()));
    wake_in(stage, sleeper, SOON);
    stage.tell(sleeper, Command::new(|puppet, _| puppet.deadline = None));
    stage.linger(AFTERWARDS);
    let sights = stage.seen(sleeper);
    assert!(
        !sights.iter().any(|sight| sight.seen == Seen::Wake),
        "{sights:?}"
    );
}

/// A node that does not move its deadline on after a wake would spin; the driver says so.
pub fn a_deadline_that_stays_is_caught(stage: &mut impl Stage) {
    let sleeper = stage.start(Part::of(Puppet::stubborn()));
    wake_in(stage, sleeper, Duration::ZERO);
    stage.wait(sleeper, &mut |sights| {
        sights
            .iter()
            .filter(|sight| sight.seen == Seen::Wake)
            .count()
            > 1
    });
}

/// Sets the deadline and notes it, in nanoseconds.
fn wake_in(stage: &mut impl Stage, sleeper: Actor, delay: Duration) {
    stage.tell(
        sleeper,
        Command::new(move |puppet, io| {
            let deadline = io.now() + delay;
            puppet.deadline = Some(deadline);
            io.emit(crate::Sight {
                at: io.now(),
                seen: Seen::Noted(deadline.as_nanos()),
            });
        }),
    );
}

/// Waits for the wake and checks that it is the only one and kept the last of the `noted`
/// deadlines.
fn assert_wakes_on_time(stage: &mut impl Stage, sleeper: Actor, noted: usize) {
    stage.wait(sleeper, &mut |sights| {
        sights.iter().any(|sight| sight.seen == Seen::Wake)
    });
    stage.linger(SOON);
    let sights = stage.seen(sleeper);
    let deadlines: Vec<Instant> = sights
        .iter()
        .filter_map(|sight| match sight.seen {
            Seen::Noted(nanos) => Some(Instant::from_nanos(nanos)),
            _ => None,
        })
        .collect();
    assert_eq!(deadlines.len(), noted);
    let wakes: Vec<Instant> = sights
        .iter()
        .filter(|sight| sight.seen == Seen::Wake)
        .map(|sight| sight.at)
        .collect();
    let last = deadlines.last().expect("one at least");
    assert!(matches!(wakes[..], [wake] if wake >= *last), "{sights:?}");
}
