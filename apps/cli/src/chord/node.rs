//! `manyhop chord node`: a node of a ring, until it is stopped.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use chord::api::NotJoined;
use chord::identity::{self, PublicKey};
use chord::{Command, Contact, Event, Node, Reference};
use keyspace::Space;
use machine::{Endpoint, Rng};
use runtime::{Builder, Handle};
use serde_json::json;

use super::args::NodeArgs;
use super::{short, visit};
use crate::Outcome;
use crate::error::Failure;
use crate::output::Output;
use crate::session::{draw_seed, free_port};
use crate::signals::{self, Stop};

/// What the main thread hears.
enum News {
    Node(Event),
    Stop,
}

/// How long it may take to hand over what a node keeps, and to see that nobody asks it any more.
const LEAVE_MAX: Duration = Duration::from_secs(10);

/// How many of its places a node names to people.
const PLACES_SHOWN: usize = 4;

pub(super) fn run(args: &NodeArgs, output: &Output) -> Result<Outcome, Failure> {
    let (sender, news) = mpsc::channel();
    let _stop = Stop::watch({
        let sender = sender.clone();
        move || drop(sender.send(News::Stop))
    })?;
    if args.until_input_ends {
        signals::stop_when_input_ends();
    }
    let address = address(args)?;
    let places = places(args, address);
    let handle = start(args, &places, address, sender)?;
    tell_places(&places, address, output)?;
    match args.join {
        Some(door) => handle.command(Command::Join(door)),
        None => handle.command(Command::Create),
    }
    let ended = follow(&news, args, output);
    if ended.is_ok() {
        leave(&handle, &news, args);
    }
    handle.stop();
    handle.join();
    ended?;
    output.result("left the ring", json!({}))?;
    Ok(Outcome::Done)
}

/// Hands over what we keep, and takes leave of the neighbours, as long as that does not take too
/// long: they get on without, too.
fn leave(handle: &Handle<Node>, news: &mpsc::Receiver<News>, args: &NodeArgs) {
    handle.command(Command::Leave);
    let until = Instant::now() + LEAVE_MAX;
    let mut staying = args.vnodes;
    while staying > 0 {
        match news.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(News::Node(Event::Left)) => staying -= 1,
            Ok(News::Node(_) | News::Stop) => {}
            Err(_) => return,
        }
    }
}

/// Tells what happens, until the user stops us or we cannot join.
fn follow(news: &mpsc::Receiver<News>, args: &NodeArgs, output: &Output) -> Result<(), Failure> {
    let mut outside = args.vnodes;
    while let Ok(News::Node(event)) = news.recv() {
        match event {
            // A small ring that grows is joined once more.
            Event::Joined if outside == 0 => {}
            Event::Joined => {
                outside -= 1;
                if outside == 0 {
                    output.news("joined", "joined", json!({}))?;
                }
            }
            Event::Adrift => {
                outside += 1;
                output.note(
                    "adrift",
                    "all successors are gone: looking for the ring",
                    json!({}),
                );
            }
            Event::NotJoined(why) => return Err(not_joined(why)),
            _ => {}
        }
    }
    Ok(())
}

/// Where we are: others are told of it, so it must be one place.
fn address(args: &NodeArgs) -> Result<SocketAddr, Failure> {
    let ip = args.bind.ip();
    if ip.is_unspecified() {
        return Err(
            Failure::usage(format!("{ip} is no address that others could reach"))
                .field("--bind")
                .hint("name the address of this machine in the network of the ring"),
        );
    }
    let port = match args.bind.port() {
        0 => free_port(&[ip])?,
        port => port,
    };
    Ok(SocketAddr::new(ip, port))
}

/// Our places on the ring. The key is drawn anew each time, so nobody has our ids.
fn places(args: &NodeArgs, address: SocketAddr) -> Vec<Reference> {
    let key: PublicKey = Rng::new(draw_seed(), 0, 0).bytes();
    let place = |number| Reference {
        id: identity::of_node(&key, number, 0, Space::FULL),
        endpoint: Endpoint::from(address),
        incarnation: 0,
    };
    (0..u32::from(args.vnodes)).map(place).collect()
}

fn start(
    args: &NodeArgs,
    places: &[Reference],
    address: SocketAddr,
    sender: mpsc::Sender<News>,
) -> Result<Handle<Node>, Failure> {
    let mut shared = visit::shared(visit::config(&args.replicas));
    let contacts: Result<Vec<Contact>, _> = places
        .iter()
        .map(|place| shared.contacts.intern(*place))
        .collect();
    let contacts = contacts.map_err(|full| Failure::new(full.to_string()))?;
    let node = Node::new(&contacts, &shared.contacts);
    let started = Builder::new(node, shared)
        .datagrams(address)
        .listen(address)
        .connect_from(address.ip())
        // It fails when the main thread has gone; then nobody wants to know.
        .start(move |event| drop(sender.send(News::Node(event))));
    started.map_err(|error| {
        Failure::from(error)
            .hint("name another address or port with --bind; port 0 is any free one")
    })
}

fn tell_places(places: &[Reference], address: SocketAddr, output: &Output) -> Result<(), Failure> {
    let ids = places.iter().map(|place| place.id);
    let mut shown: Vec<String> = ids.clone().take(PLACES_SHOWN).map(short).collect();
    if places.len() > PLACES_SHOWN {
        shown.push(format!("and {} more", places.len() - PLACES_SHOWN));
    }
    output.news(
        "node",
        format!("node {} at {address}", shown.join(", ")),
        json!({
            "ids": ids.map(|id| id.to_string()).collect::<Vec<_>>(),
            "address": address.to_string(),
        }),
    )
}

fn not_joined(why: NotJoined) -> Failure {
    let failure = Failure::new(format!("cannot join: {why}"));
    match why {
        NotJoined::NoAnswer(_) => failure
            .field("--join")
            .hint("check that a node runs there; the first node of a ring starts without --join"),
        NotJoined::NoRing => failure
            .field("--join")
            .hint("the ring may just be changing: try again, or through another node"),
        NotJoined::IdTaken => failure.hint("start it again: ids are drawn anew each time"),
    }
}
