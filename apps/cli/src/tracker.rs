//! `manyhop tracker`: introduces the peers of any torrents to each other.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bittorrent::tracker_server::{Change, Config, Event, Tracker};
use machine::Rng;
use runtime::{Builder, Handle, Limits};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::TrackerArgs;
use crate::error::Failure;
use crate::output::{Format, Output};
use crate::session::{draw_seed, free_port};
use crate::signals::{self, Stop};

/// How many announcements a second people are shown, lest a busy tracker drown in its own words.
const NOTES_PER_SECOND: u32 = 20;

/// What the main thread hears.
enum News {
    Tracker(Event),
    Stop,
}

pub(crate) fn run(args: TrackerArgs, output: &Output) -> Result<Outcome, Failure> {
    let (sender, news) = mpsc::channel();
    let _stop = Stop::watch({
        let sender = sender.clone();
        move || drop(sender.send(News::Stop))
    })?;
    if args.until_input_ends {
        signals::stop_when_input_ends();
    }
    raise_open_files();
    let handle = start(&args, &sender)?;
    let address = handle.listeners().first().copied().unwrap_or(args.bind);
    let urls = Urls::of(address);
    output.news("listening", urls.text(), urls.to_json())?;
    let totals = follow(&news, output);
    handle.stop();
    handle.join();
    let Totals { joined, completed } = totals;
    output.result(
        format!("introduced {joined} peers, {completed} of them finished a download"),
        json!({ "joined": joined, "completed": completed }),
    )?;
    Ok(Outcome::Done)
}

/// What happened in all.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    joined: u64,
    completed: u64,
}

fn follow(news: &mpsc::Receiver<News>, output: &Output) -> Totals {
    let mut totals = Totals::default();
    let mut quota = Quota::new();
    while let Ok(News::Tracker(event)) = news.recv() {
        match &event {
            Event::Peer { change, .. } => match change {
                Change::Joined => totals.joined += 1,
                Change::Completed => totals.completed += 1,
                Change::Left => (),
            },
            Event::Refused { .. } | Event::Totals(_) => (),
        }
        if output.format() == Format::Json || quota.takes_one() {
            tell(&event, output);
        }
    }
    totals
}

fn tell(event: &Event, output: &Output) {
    match event {
        Event::Peer {
            info_hash,
            peer,
            change,
            counts,
        } => {
            let change = match change {
                Change::Joined => "joined",
                Change::Completed => "completed",
                Change::Left => "left",
            };
            let (seeds, leechers) = (counts.seeds, counts.leechers);
            output.note(
                "peer",
                format!("{peer} {change} {info_hash}: {seeds} seeds, {leechers} leechers"),
                json!({
                    "peer": peer.to_string(), "change": change, "info_hash": info_hash.to_string(),
                    "seeds": seeds, "leechers": leechers,
                }),
            );
        }
        Event::Refused { from, reason } => output.note(
            "refused",
            format!("{from} was turned away: {reason}"),
            json!({ "from": from.to_string(), "reason": reason }),
        ),
        Event::Totals(_) => (),
    }
}

fn start(args: &TrackerArgs, sender: &mpsc::Sender<News>) -> Result<Handle<Tracker>, Failure> {
    let launch = |port| {
        let address = SocketAddr::new(args.bind.ip(), port);
        let mut config = Config::default();
        if let Some(seconds) = args.interval {
            config.interval = Duration::from_secs(seconds.into());
        }
        let limits = Limits {
            connections: config.connections_max,
            ..Limits::default()
        };
        let tracker = Tracker::new(config, &mut Rng::new(draw_seed(), 0, 0));
        let sender = sender.clone();
        Builder::new(tracker, ())
            .listen(address)
            .datagrams(address)
            .limits(limits)
            // It fails when the main thread has gone; then nobody wants to know.
            .start(move |event| drop(sender.send(News::Tracker(event))))
    };
    let port = match args.bind.port() {
        0 => free_port(&[args.bind.ip()])?,
        port => port,
    };
    launch(port).map_err(|error| {
        Failure::from(error)
            .hint("name another address or port with --bind; port 0 is any free one")
    })
}

/// Asks the system for as many descriptors as it gives: each client that waits holds one. With
/// fewer, clients wait longer, so a refusal is no failure.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let _ = setrlimit(Resource::Nofile, raised);
}

/// Where the tracker is reached, as torrents name it.
struct Urls {
    http: String,
    udp: String,
}

impl Urls {
    fn of(address: SocketAddr) -> Self {
        Self {
            http: format!("http://{address}/announce"),
            udp: format!("udp://{address}/announce"),
        }
    }

    fn text(&self) -> String {
        format!("{}\n{}", self.http, self.udp)
    }

    fn to_json(&self) -> Value {
        json!({ "http": self.http, "udp": self.udp })
    }
}

/// Lets so many notes pass in each second.
struct Quota {
    left: u32,
    until: Instant,
}

impl Quota {
    fn new() -> Self {
        Self {
            left: NOTES_PER_SECOND,
            until: Instant::now() + Duration::from_secs(1),
        }
    }

    fn takes_one(&mut self) -> bool {
        if Instant::now() >= self.until {
            *self = Self::new();
        }
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_what_torrents_name() {
        let urls = Urls::of("[::1]:6969".parse().expect("an address"));
        assert_eq!(
            urls.text(),
            "http://[::1]:6969/announce\nudp://[::1]:6969/announce"
        );
    }

    #[test]
    fn a_quota_is_used_up() {
        let mut quota = Quota::new();
        let passed = (0..2 * NOTES_PER_SECOND).filter(|_| quota.takes_one());
        assert!(passed.count() >= NOTES_PER_SECOND as usize);
        quota.left = 0;
        quota.until = Instant::now() + Duration::from_secs(3600);
        assert!(!quota.takes_one());
    }
}
