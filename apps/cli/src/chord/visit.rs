//! Somebody outside who asks a ring through one of its nodes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc;

use chord::visitor::{Command, Event, Failure as Why, Visitor};
use chord::{Config, Contacts, Shared};
use machine::Endpoint;
use runtime::Builder;

use super::args::{DoorArgs, ReplicaArgs};
use crate::error::Failure;
use crate::session::draw_seed;
use crate::signals::Stop;

/// What the main thread hears.
enum News {
    Visitor(Event),
    Stop,
}

/// Asks for one thing; what is told on the way goes to `on_way`, and the last of it is the result.
///
/// # Errors
/// When the ring cannot be asked, or the user stops us.
pub(super) fn ask(
    door: &DoorArgs,
    config: Config,
    command: Command,
    mut on_way: impl FnMut(Event),
) -> Result<Event, Failure> {
    let (sender, news) = mpsc::channel();
    let _stop = Stop::watch({
        let sender = sender.clone();
        move || drop(sender.send(News::Stop))
    })?;
    let handle = Builder::new(Visitor::new(door.at), shared(config))
        .datagrams(any_address(door.at))
        // It fails when the main thread has gone; then nobody wants to know.
        .start(move |event| drop(sender.send(News::Visitor(event))))?;
    handle.command(command);
    let ended = loop {
        match news.recv() {
            Ok(News::Visitor(event @ (Event::Hop(_) | Event::Visited(_)))) => on_way(event),
            Ok(News::Visitor(Event::Failed(why))) => break Err(failure(why)),
            Ok(News::Visitor(event)) => break Ok(event),
            Ok(News::Stop) | Err(_) => break Err(Failure::new("stopped before it was done")),
        }
    };
    handle.stop();
    handle.join();
    ended
}

/// What the nodes of this process share: they are one, so strangers alone fill the table.
pub(super) fn shared(config: Config) -> Shared {
    Shared {
        contacts: Contacts::sweeping(draw_seed().0),
        config,
    }
}

/// A ring whose values so many nodes keep.
pub(super) fn config(replicas: &ReplicaArgs) -> Config {
    Config {
        replicas: replicas.replicas.into(),
        ..Config::new()
    }
}

/// Any port of this machine from which `door` can be reached.
fn any_address(door: Endpoint) -> SocketAddr {
    let any = match door.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(any, 0)
}

fn failure(why: Why) -> Failure {
    let failure = Failure::new(why.to_string());
    match why {
        Why::NoAnswer(_) => failure
            .field("--at")
            .hint("check that a node runs there: manyhop chord node prints its address"),
        Why::NotMember(_) => failure
            .field("--at")
            .hint("wait until it prints `joined`, or ask another node"),
        Why::NoWay(_) | Why::TooLate(_) => {
            failure.hint("the ring heals within a minute when nodes have died: try again")
        }
        Why::NoMajority => failure.hint(
            "the ring heals within a minute when nodes have died: try again, and check with get \
             what is there",
        ),
        Why::TooLong(_) => failure.hint("cut it into parts, and put each under a key of its own"),
        Why::Busy => failure,
    }
}
