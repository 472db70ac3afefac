//! Announces over UDP: looks the tracker up, fetches a connection id, asks, asks again.
//!
//! ```text
//!  Down ──▶ Resolving ──▶ Connecting ──▶ Up, for 60 s: up to 32 announces under way
//!   ▲            └──────────────┴──────────┘
//!   └── an announce goes unanswered: the id may have been forgotten, so fetch a new one
//! ```
//!
//! All torrents of a tracker share its look-up and its connection id, so a thousand announces cost
//! a thousand and one round trips and no state at the tracker. Whatever goes unanswered three
//! times, with patience doubling from 5 s, has failed: the letter of BEP 15 (15 s doubling eight
//! times, an hour in all) would keep a torrent from its next tracker.

use super::announce::{AnnounceOutcome, PEERS_MAX};
use super::compact::Family;
use super::failure::{Failure, Retry};
use super::trackers::{Ask, Finished};
use super::udp::{AnnounceRequest, ConnectionId, Datagram, Request, Response, TransactionId};
use super::url::UdpHost;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;
use machine::{Endpoint, Instant, Io, JobId, Protocol, ResolveError, Timers};

/// How long a connection id may be used (BEP 15).
const CONNECTION_LIFE: Duration = Duration::from_secs(60);

/// How long the first answer is waited for; each next one twice as long (spec section 6).
const FIRST_PATIENCE: Duration = Duration::from_secs(5);

/// How often one thing is asked before the tracker counts as silent (spec section 6).
const TRIES_MAX: u32 = 3;

/// The announces that may be under way to one tracker: more at once could overflow its socket.
const WINDOW: usize = 32;

/// The announces over UDP of a node.
#[derive(Debug, Default)]
pub(super) struct UdpClient {
    hosts: BTreeMap<UdpHost, Host>,
    lookups: BTreeMap<JobId, UdpHost>,
    transactions: BTreeMap<TransactionId, Transaction>,
    timers: Timers<TransactionId>,
}

#[derive(Debug)]
struct Host {
    link: Link,
    /// Its addresses, of which each try takes the next: one family may not get through.
    endpoints: Vec<Endpoint>,
    /// What is to be asked, and how often it has been.
    waiting: VecDeque<(Ask, u32)>,
    /// Announces under way.
    asked: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    Resolving,
    Connecting,
    Up {
        endpoint: Endpoint,
        id: ConnectionId,
        until: Instant,
    },
}

/// A request without its response yet.
#[derive(Debug)]
struct Transaction {
    host: UdpHost,
    to: Endpoint,
    tries: u32,
    wants: Wants,
}

#[derive(Debug)]
enum Wants {
    Connection,
    Peers { ask: Ask, shown: ConnectionId },
}

impl UdpClient {
    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Takes an announce upon itself.
    pub(super) fn announce<P: Protocol>(&mut self, host: &UdpHost, ask: Ask, io: &mut Io<'_, P>)
    where
        P::Message: From<Datagram>,
    {
        if !self.hosts.contains_key(host) {
            let now = io.now();
            self.hosts.retain(|_, host| host.is_useful(now));
            self.hosts.insert(host.clone(), Host::new(host));
        }
        if let Some(entry) = self.hosts.get_mut(host) {
            entry.waiting.push_back((ask, 0));
        }
        self.proceed(host, io);
    }

    /// Takes the answer to a look-up; others' look-ups are passed over.
    pub(super) fn resolved<P: Protocol>(
        &mut self,
        job: JobId,
        result: &Result<Vec<Endpoint>, ResolveError>,
        io: &mut Io<'_, P>,
        finished: &mut VecDeque<Finished>,
    ) where
        P::Message: From<Datagram>,
    {
        let Some(key) = self.lookups.remove(&job) else {
            return;
        };
        let Some(host) = self.hosts.get_mut(&key) else {
            return;
        };
        host.link = Link::Down;
        match result {
            Ok(endpoints) => {
                host.endpoints.clone_from(endpoints);
                self.proceed(&key, io);
            }
            Err(error) => host.fail_waiting(&Failure::Unresolved(*error), finished),
        }
    }

    /// Takes a response; what nobody asked for, or another sender answers, is passed over.
    pub(super) fn response<P: Protocol>(
        &mut self,
        from: Endpoint,
        response: Response,
        io: &mut Io<'_, P>,
        finished: &mut VecDeque<Finished>,
    ) where
        P::Message: From<Datagram>,
    {
        let number = response.transaction();
        let Some(transaction) = self.transactions.get(&number) else {
            return;
        };
        if transaction.to != from || !transaction.wants.is_answered_by(&response) {
            return;
        }
        let Some(Transaction {
            host: key, wants, ..
        }) = self.close(number)
        else {
            return;
        };
        let Some(host) = self.hosts.get_mut(&key) else {
            return;
        };
        match (wants, response) {
            (Wants::Connection, Response::Connect { connection: id, .. }) => {
                let until = io.now() + CONNECTION_LIFE;
                host.link = Link::Up {
                    endpoint: from,
                    id,
                    until,
                };
            }
            (Wants::Peers { ask, .. }, Response::Announce(response)) => {
                let peers = response.peers(Family::of(from)).take(PEERS_MAX).collect();
                finished.push_back(ask.finished(Ok(AnnounceOutcome {
                    interval: Some(Duration::from_secs(response.interval.into())),
                    seeds: Some(response.seeds),
                    leechers: Some(response.leechers),
                    ..AnnounceOutcome::of(peers)
                })));
            }
            (Wants::Connection, Response::Error { message, .. }) => {
                host.link = Link::Down;
                host.fail_waiting(&Failure::refused(&message, Retry::Usual), finished);
            }
            (Wants::Peers { ask, .. }, Response::Error { message, .. }) => {
                host.link = Link::Down; // Perhaps it was the connection id that displeased.
                finished.push_back(ask.finished(Err(Failure::refused(&message, Retry::Usual))));
            }
            (Wants::Connection | Wants::Peers { .. }, _) => {}
        }
        self.proceed(&key, io);
    }

    /// Asks again, or gives up, what has not been answered in time.
    pub(super) fn wake<P: Protocol>(
        &mut self,
        io: &mut Io<'_, P>,
        finished: &mut VecDeque<Finished>,
    ) where
        P::Message: From<Datagram>,
    {
        while let Some(number) = self.timers.pop_due(io.now()) {
            let Some(Transaction {
                host: key,
                tries,
                wants,
                ..
            }) = self.close(number)
            else {
                continue;
            };
            let Some(host) = self.hosts.get_mut(&key) else {
                continue;
            };
            let tries = tries + 1;
            match wants {
                Wants::Connection if tries < TRIES_MAX => {
                    self.connect(&key, tries, io);
                    continue;
                }
                Wants::Connection => {
                    host.link = Link::Down;
                    host.endpoints.clear(); // They may have changed: look them up anew.
                    host.fail_waiting(&Failure::TimedOut, finished);
                }
                Wants::Peers { ask, shown } => {
                    if matches!(host.link, Link::Up { id, .. } if id == shown) {
                        host.link = Link::Down;
                    }
                    if tries < TRIES_MAX {
                        host.waiting.push_front((ask, tries));
                    } else {
                        finished.push_back(ask.finished(Err(Failure::TimedOut)));
                    }
                }
            }
            self.proceed(&key, io);
        }
    }

    /// Calls off the announces that `matches` picks and returns them.
    pub(super) fn cancel(&mut self, matches: impl Fn(&Ask) -> bool) -> Vec<Ask> {
        let mut cancelled = Vec::new();
        for host in self.hosts.values_mut() {
            let (gone, kept) = host.waiting.drain(..).partition(|(ask, _)| matches(ask));
            host.waiting = kept;
            cancelled.extend(VecDeque::into_iter(gone).map(|(ask, _)| ask));
        }
        let picked = |transaction: &Transaction| match &transaction.wants {
            Wants::Peers { ask, .. } => matches(ask),
            Wants::Connection => false,
        };
        let numbers: Vec<_> = self
            .transactions
            .iter()
            .filter(|(_, t)| picked(t))
            .map(|(&number, _)| number)
            .collect();
        for number in numbers {
            if let Some(Transaction {
                wants: Wants::Peers { ask, .. },
                ..
            }) = self.close(number)
            {
                cancelled.push(ask);
            }
        }
        cancelled
    }

    /// Does what can be done next for a tracker with announces waiting.
    fn proceed<P: Protocol>(&mut self, key: &UdpHost, io: &mut Io<'_, P>)
    where
        P::Message: From<Datagram>,
    {
        let Some(host) = self
            .hosts
            .get_mut(key)
            .filter(|host| !host.waiting.is_empty())
        else {
            return;
        };
        match host.link {
            Link::Resolving | Link::Connecting => {}
            Link::Down if host.endpoints.is_empty() => {
                host.link = Link::Resolving;
                self.lookups
                    .insert(io.resolve(&key.name, key.port), key.clone());
            }
            Link::Up {
                endpoint,
                id,
                until,
            } if io.now() < until => {
                self.ask(key, endpoint, id, io);
            }
            Link::Down | Link::Up { .. } => self.connect(key, 0, io),
        }
    }

    fn connect<P: Protocol>(&mut self, key: &UdpHost, tries: u32, io: &mut Io<'_, P>)
    where
        P::Message: From<Datagram>,
    {
        let Some(host) = self.hosts.get_mut(key) else {
            return;
        };
        let Some(&to) = host.endpoints.iter().cycle().nth(tries as usize) else {
            return;
        };
        host.link = Link::Connecting;
        let wants = Wants::Connection;
        let transaction = self.open(
            Transaction {
                host: key.clone(),
                to,
                tries,
                wants,
            },
            io,
        );
        io.send_to(
            to,
            Datagram::Request(Request::Connect { transaction }).into(),
        );
    }

    /// Sends the waiting announces as far as the window allows.
    fn ask<P: Protocol>(
        &mut self,
        key: &UdpHost,
        to: Endpoint,
        connection: ConnectionId,
        io: &mut Io<'_, P>,
    ) where
        P::Message: From<Datagram>,
    {
        while let Some(host) = self.hosts.get_mut(key).filter(|host| host.asked < WINDOW)
            && let Some((ask, tries)) = host.waiting.pop_front()
        {
            host.asked += 1;
            let announce = ask.order.announce.clone();
            let url_data = ask.order.tracker.url_data().into();
            let wants = Wants::Peers {
                ask,
                shown: connection,
            };
            let transaction = self.open(
                Transaction {
                    host: key.clone(),
                    to,
                    tries,
                    wants,
                },
                io,
            );
            let request = AnnounceRequest {
                connection,
                transaction,
                announce,
                url_data,
            };
            let request = Request::Announce(Box::new(request));
            io.send_to(to, Datagram::Request(request).into());
        }
    }

    /// Notes a transaction under a random number, and how long its answer is waited for.
    fn open<P: Protocol>(&mut self, transaction: Transaction, io: &mut Io<'_, P>) -> TransactionId {
        let mut number = random_number(io);
        while self.transactions.contains_key(&number) {
            number = random_number(io);
        }
        self.timers.set(
            number,
            io.now() + FIRST_PATIENCE * 2u32.pow(transaction.tries),
        );
        self.transactions.insert(number, transaction);
        number
    }

    fn close(&mut self, number: TransactionId) -> Option<Transaction> {
        self.timers.stop(number);
        let transaction = self.transactions.remove(&number)?;
        if matches!(transaction.wants, Wants::Peers { .. })
            && let Some(host) = self.hosts.get_mut(&transaction.host)
        {
            host.asked = host.asked.saturating_sub(1);
        }
        Some(transaction)
    }
}

impl Host {
    /// A tracker that is not known yet, unless its name is an address already.
    fn new(key: &UdpHost) -> Self {
        let literal = key
            .name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse();
        let endpoints = literal.map(|address| Vec::from([Endpoint::new(address, key.port)]));
        let endpoints = endpoints.unwrap_or_default();
        Self {
            link: Link::Down,
            endpoints,
            waiting: VecDeque::new(),
            asked: 0,
        }
    }

    /// Tells whether anything would be lost if the tracker were forgotten.
    fn is_useful(&self, now: Instant) -> bool {
        let linked = match self.link {
            Link::Down => false,
            Link::Resolving | Link::Connecting => true,
            Link::Up { until, .. } => now < until,
        };
        linked || self.asked > 0 || !self.waiting.is_empty()
    }

    fn fail_waiting(&mut self, failure: &Failure, finished: &mut VecDeque<Finished>) {
        let failed = |(ask, _): (Ask, u32)| ask.finished(Err(failure.clone()));
        finished.extend(self.waiting.drain(..).map(failed));
    }
}

impl Wants {
    const fn is_answered_by(&self, response: &Response) -> bool {
        matches!(
            (self, response),
            (Self::Connection, Response::Connect { .. })
                | (Self::Peers { .. }, Response::Announce(_))
                | (_, Response::Error { .. })
        )
    }
}

fn random_number<P: Protocol>(io: &mut Io<'_, P>) -> TransactionId {
    TransactionId(u32::from_be_bytes(io.rng().bytes()))
}
