//! Announces over HTTP: few connections for many torrents.
//!
//! A thousand torrents of one tracker would be a thousand connections, all at once. Here at most
//! [`CONNECTIONS_MAX`] go to one server, and what they cannot take yet waits in a queue. A server
//! that keeps its connections open is asked again on the same one, several times ahead once it has
//! shown that it copes; one that closes after each answer gets a new connection at once.
//!
//! Announces can be repeated without harm, so what was asked on a connection that ended early is
//! asked again. To the next answer something is always gained: a connection that ends without any
//! answer costs the first of its announces its life.

use super::failure::Failure;
use super::http_connection::{Connection, Errand, Phase, Read, Then};
use super::trackers::{Ask, Finished};
use super::url::Origin;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;
use machine::{CloseReason, ConnId, Instant, Io, Protocol, StreamInput, Timers};

/// The connections to one server.
const CONNECTIONS_MAX: usize = 4;

/// The announces that are sent ahead on one connection of a server that copes with it.
const PIPELINE_MAX: usize = 16;

/// How long a connection may take to open (spec section 5).
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);

/// How long each answer may take (spec section 5).
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// How long a connection is kept that nobody uses.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// How often an announce follows a redirection (spec section 5).
const REDIRECTS_MAX: u8 = 5;

/// The announces over HTTP of a node.
#[derive(Debug, Default)]
pub(super) struct HttpClient {
    sites: BTreeMap<Origin, Site>,
    connections: BTreeMap<ConnId, Connection>,
    /// One timer a connection: to open, to answer, or to be used.
    timers: Timers<ConnId>,
}

/// A server.
#[derive(Debug, Default)]
struct Site {
    waiting: VecDeque<Errand>,
    connections: Vec<ConnId>,
    habit: Habit,
}

/// What a server does with a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Habit {
    #[default]
    Unknown,
    /// It has answered twice on one connection.
    Keeps,
    /// It has closed one after its first answer.
    Closes,
}

impl Habit {
    /// What a server shows that closes a connection after so many answers.
    const fn of_closing_after(answers: u32) -> Self {
        if answers > 1 {
            Self::Unknown
        } else {
            Self::Closes
        }
    }
}

impl HttpClient {
    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.connections.contains_key(&conn)
    }

    /// Takes an announce upon itself.
    pub(super) fn announce<P: Protocol>(&mut self, origin: &Origin, ask: Ask, io: &mut Io<'_, P>) {
        self.wait(origin, Errand::new(ask));
        self.proceed(origin, io);
    }

    /// Takes what happened on a connection; others' connections are passed over.
    pub(super) fn stream<P: Protocol>(
        &mut self,
        conn: ConnId,
        input: StreamInput,
        io: &mut Io<'_, P>,
        finished: &mut VecDeque<Finished>,
    ) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        match input {
            StreamInput::Connected { .. } => {
                connection.phase = Phase::Open;
                self.timers.set(conn, io.now() + IDLE_MAX);
                let origin = connection.origin.clone();
                self.proceed(&origin, io);
            }
            StreamInput::Received(bytes) => {
                connection.received(bytes);
                self.answers(conn, io, finished);
            }
            StreamInput::Closed(reason) => self.closed(conn, reason, io, finished),
            StreamInput::Accepted { .. } | StreamInput::Flushed => {}
        }
    }

    /// Closes connections that took too long, or that nobody uses.
    pub(super) fn wake<P: Protocol>(
        &mut self,
        io: &mut Io<'_, P>,
        finished: &mut VecDeque<Finished>,
    ) {
        while let Some(conn) = self.timers.pop_due(io.now()) {
            let Some(connection) = self.end(conn, io) else {
                continue;
            };
            let is_idle = connection.phase == Phase::Open && connection.asked.is_empty();
            if !is_idle {
                // Who has not answered one will not answer the others sooner: the torrents shall
                // go on to their next trackers, and come back after a rest.
                fail(
                    connection.asked.into_iter().flatten(),
                    &Failure::TimedOut,
                    finished,
                );
                if let Some(site) = self.sites.get_mut(&connection.origin) {
                    fail(site.waiting.drain(..), &Failure::TimedOut, finished);
                }
            }
            self.proceed(&connection.origin, io);
        }
    }

    /// Calls off the announces that `matches` picks and returns them. Those that were sent will
    /// still be answered, to nobody.
    pub(super) fn cancel(&mut self, matches: impl Fn(&Ask) -> bool) -> Vec<Ask> {
        let mut cancelled = Vec::new();
        for site in self.sites.values_mut() {
            let waiting = site.waiting.drain(..);
            let (gone, kept): (VecDeque<_>, _) = waiting.partition(|e| matches(&e.ask));
            site.waiting = kept;
            cancelled.extend(gone.into_iter().map(|errand| errand.ask));
        }
        for connection in self.connections.values_mut() {
            for asked in &mut connection.asked {
                cancelled.extend(asked.take_if(|errand| matches(&errand.ask)).map(|e| e.ask));
            }
        }
        cancelled
    }

    /// Takes the answers that are whole, and asks what may now be asked.
    fn answers<P: Protocol>(
        &mut self,
        conn: ConnId,
        io: &mut Io<'_, P>,
        finished: &mut VecDeque<Finished>,
    ) {
        while let Some(connection) = self.connections.get_mut(&conn) {
            let answer = match connection.next_answer() {
                Ok(Some(answer)) => answer,
                Ok(None) => return,
                Err(malformed) => {
                    self.broken(conn, &Failure::Malformed(malformed), io, finished);
                    return;
                }
            };
            let origin = connection.origin.clone();
            let answered = connection.answered;
            let patience = if connection.asked.is_empty() {
                IDLE_MAX
            } else {
                ANSWER_PATIENCE
            };
            self.timers.set(conn, io.now() + patience);
            let then = answer.then;
            let (errand, read) = answer.read();
            self.settle(errand, read, io, finished);
            match then {
                Then::Stays if answered > 1 => self.learn(&origin, Habit::Keeps),
                Then::Stays => {}
                Then::Ends => {
                    self.learn(&origin, Habit::of_closing_after(answered));
                    self.repeat_rest(conn, io);
                }
            }
            self.proceed(&origin, io);
        }
    }

    /// Hands out what an answer brought, or follows where it points.
    fn settle<P: Protocol>(
        &mut self,
        errand: Option<Errand>,
        read: Read,
        io: &mut Io<'_, P>,
        finished: &mut VecDeque<Finished>,
    ) {
        let Some(mut errand) = errand else {
            return;
        };
        match read {
            Read::Result(result) => finished.push_back(errand.ask.finished(*result)),
            Read::Moved(location) => match errand.moved(location.as_deref(), REDIRECTS_MAX) {
                Ok(origin) => {
                    self.wait(&origin, errand);
                    self.proceed(&origin, io);
                }
                Err(failure) => finished.push_back(errand.ask.finished(Err(failure))),
            },
        }
    }

    /// Goes on after a connection is gone.
    fn closed<P: Protocol>(
        &mut self,
        conn: ConnId,
        reason: CloseReason,
        io: &mut Io<'_, P>,
        finished: &mut VecDeque<Finished>,
    ) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let origin = connection.origin.clone();
        if let Some(answer) = connection.last_answer() {
            let (errand, read) = answer.read();
            self.settle(errand, read, io, finished);
        } else if connection.answered > 0 && !connection.is_answering() {
            // A kept connection may end at any time, also just as one asks.
            if !connection.asked.is_empty() {
                let habit = Habit::of_closing_after(connection.answered);
                self.learn(&origin, habit);
            }
        } else {
            self.broken(conn, &Failure::Closed(reason), io, finished);
            return;
        }
        self.repeat_rest(conn, io);
        self.proceed(&origin, io);
    }

    /// Ends a connection by the server's fault: that is the end of its first announce too. If it
    /// never opened and there is no other, nobody can be asked at all.
    fn broken<P: Protocol>(
        &mut self,
        conn: ConnId,
        failure: &Failure,
        io: &mut Io<'_, P>,
        finished: &mut VecDeque<Finished>,
    ) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let first = connection.asked.pop_front().flatten();
        let (origin, phase) = (connection.origin.clone(), connection.phase);
        fail(first, failure, finished);
        self.repeat_rest(conn, io);
        if let Some(site) = self.sites.get_mut(&origin)
            && phase == Phase::Connecting
            && site.connections.is_empty()
        {
            fail(site.waiting.drain(..), failure, finished);
        }
        self.proceed(&origin, io);
    }

    /// Ends a connection; what was asked on it is asked again, first of all.
    fn repeat_rest<P: Protocol>(&mut self, conn: ConnId, io: &mut Io<'_, P>) {
        if let Some(connection) = self.end(conn, io)
            && let Some(site) = self.sites.get_mut(&connection.origin)
        {
            for errand in connection.asked.into_iter().flatten().rev() {
                site.waiting.push_front(errand);
            }
        }
    }

    /// Sends what waits for a server, as far as its connections take it, and opens more of them.
    fn proceed<P: Protocol>(&mut self, origin: &Origin, io: &mut Io<'_, P>) {
        self.end_spent(origin, io);
        let Some(site) = self.sites.get_mut(origin) else {
            return;
        };
        let pipeline = if site.habit == Habit::Keeps {
            PIPELINE_MAX
        } else {
            1
        };
        for &conn in &site.connections {
            let Some(connection) = self.connections.get_mut(&conn) else {
                continue;
            };
            let is_spent = site.habit == Habit::Closes && connection.answered > 0;
            if connection.phase == Phase::Connecting || is_spent {
                continue;
            }
            while connection.asked.len() < pipeline
                && let Some(errand) = site.waiting.pop_front()
            {
                if connection.asked.is_empty() {
                    self.timers.set(conn, io.now() + ANSWER_PATIENCE);
                }
                io.send(conn, &errand.request());
                connection.asked.push_back(Some(errand));
            }
        }
        let connections = &self.connections;
        let is_coming = |conn: &&ConnId| {
            connections
                .get(conn)
                .is_some_and(|c| c.phase == Phase::Connecting)
        };
        let coming = site.connections.iter().filter(is_coming).count();
        let room = CONNECTIONS_MAX.saturating_sub(site.connections.len());
        for _ in 0..room.min(site.waiting.len().saturating_sub(coming)) {
            let conn = io.connect(origin.target());
            self.timers.set(conn, io.now() + CONNECT_PATIENCE);
            self.connections
                .insert(conn, Connection::new(origin.clone()));
            site.connections.push(conn);
        }
        if site.connections.is_empty() {
            self.sites.remove(origin);
        }
    }

    /// Closes the connections that have had their one answer, if the server gives no more: they
    /// take the place of others.
    fn end_spent<P: Protocol>(&mut self, origin: &Origin, io: &mut Io<'_, P>) {
        let Some(site) = self.sites.get(origin) else {
            return;
        };
        if site.habit != Habit::Closes || site.waiting.is_empty() {
            return;
        }
        for conn in site.connections.clone() {
            let connection = self.connections.get(&conn);
            if connection.is_some_and(|c| c.answered > 0 && c.asked.is_empty()) {
                self.end(conn, io);
            }
        }
    }

    fn wait(&mut self, origin: &Origin, errand: Errand) {
        self.sites
            .entry(origin.clone())
            .or_default()
            .waiting
            .push_back(errand);
    }

    fn learn(&mut self, origin: &Origin, habit: Habit) {
        if let Some(site) = self.sites.get_mut(origin) {
            site.habit = habit;
        }
    }

    /// Closes and forgets a connection.
    fn end<P: Protocol>(&mut self, conn: ConnId, io: &mut Io<'_, P>) -> Option<Connection> {
        io.close(conn);
        self.timers.stop(conn);
        let connection = self.connections.remove(&conn)?;
        if let Some(site) = self.sites.get_mut(&connection.origin) {
            site.connections.retain(|&other| other != conn);
        }
        Some(connection)
    }
}

fn fail(
    errands: impl IntoIterator<Item = Errand>,
    failure: &Failure,
    finished: &mut VecDeque<Finished>,
) {
    let failed = |errand: Errand| errand.ask.finished(Err(failure.clone()));
    finished.extend(errands.into_iter().map(failed));
}
