//! The network thread: it owns the node, and the node's turns happen here, one at a time.
//!
//! Each round of the loop waits for something to happen, gives it to the node, and then writes to
//! the sockets what all turns of the round have sent, so that messages of one round share packets
//! and system calls. When nothing is due, the thread sleeps: an idle node costs nothing.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use machine::{
    ConnId, Effect, Effects, Endpoint, Input, Instant, ListenerId, Protocol, SlotPlan, StreamInput,
    Turns, Wire,
};
use mio::event::Event;
use mio::{Events, Poll, Token, Waker};

use crate::builder::Limits;
use crate::clock::Clock;
use crate::datagrams::Datagrams;
use crate::deadline::Deadline;
use crate::disk::{Caching, Disk};
use crate::files::Files;
use crate::listener::{Knock, Listener};
use crate::network::{Answer, Asker, FIRST_CONNECTION, Network, Outgoing, Resolver};
use crate::scratch::Scratch;
use crate::seed;

/// The token of the other threads' knock.
pub(crate) const WAKER: usize = 0;

/// The token of the first listener; the others follow.
const FIRST_LISTENER: usize = 1;

/// The token of the first socket for datagrams; the others follow.
const FIRST_DATAGRAMS: usize = FIRST_CONNECTION / 2;

/// How many events one round takes.
const EVENTS_MAX: usize = 1024;

/// How often one connection is read in a round before the others have their turn.
const READS_MAX: usize = 4;

/// How many strangers one listener lets in, and how many datagrams are taken, in a round.
const ARRIVALS_MAX: usize = 256;

/// How long to wait for descriptors when there are none left.
const NO_ROOM_PAUSE: Duration = Duration::from_secs(1);

/// How long memory for pieces is kept when it is not needed.
const MEMORY_PAUSE: Duration = Duration::from_secs(5);

/// How long the other sides may take to receive what they are owed when the runtime stops.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// What the app wants of the network thread.
pub(crate) enum Order<P: Protocol> {
    Command(P::Command),
    Stop,
}

/// What a reactor is made of.
pub(crate) struct Parts<P: Protocol> {
    pub(crate) node: P,
    pub(crate) shared: P::Shared,
    pub(crate) poll: Poll,
    pub(crate) waker: Arc<Waker>,
    pub(crate) orders: Receiver<Order<P>>,
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) datagrams: Vec<UdpSocket>,
    pub(crate) outgoing: Outgoing,
    pub(crate) slots: SlotPlan,
    pub(crate) limits: Limits,
    pub(crate) files: Files,
    pub(crate) caching: Caching,
    pub(crate) on_event: Box<dyn FnMut(P::Event) + Send>,
}

/// The network thread's all.
pub(crate) struct Reactor<P: Protocol> {
    node: P,
    shared: P::Shared,
    turns: Turns,
    effects: Effects<P>,
    on_event: Box<dyn FnMut(P::Event) + Send>,
    orders: Receiver<Order<P>>,
    answers: Receiver<Answer>,
    poll: Poll,
    clock: Clock,
    network: Network,
    listeners: Vec<Listener>,
    /// Set while there are no descriptors for strangers.
    no_room: bool,
    datagrams: Datagrams,
    disk: Disk,
    scratch: Scratch,
    /// When the runtime ends at the latest, once it has been stopped.
    stop_by: Option<Instant>,
}

impl<P: Protocol> Reactor<P> {
    /// Puts the parts together and starts the disk thread.
    pub(crate) fn new(parts: Parts<P>) -> io::Result<Self> {
        let clock = Clock::start();
        let registry = parts.poll.registry();
        let mut listeners = Vec::new();
        for (at, socket) in parts.listeners.into_iter().enumerate() {
            let id = ListenerId(u16::try_from(at).map_err(io::Error::other)?);
            let token = Token(FIRST_LISTENER + at);
            listeners.push(Listener::new(id, socket, token, registry)?);
        }
        let mut datagrams = Datagrams::default();
        for (at, socket) in parts.datagrams.into_iter().enumerate() {
            datagrams.add(socket, Token(FIRST_DATAGRAMS + at), registry)?;
        }
        let (answer, answers) = mpsc::channel();
        let network = Network::new(
            registry.try_clone()?,
            clock,
            parts.files.clone(),
            Resolver::new(answer, Arc::clone(&parts.waker)),
            parts.limits,
            parts.outgoing,
        );
        Ok(Self {
            node: parts.node,
            shared: parts.shared,
            turns: Turns::new(seed::draw(), 0),
            effects: Effects::new(),
            on_event: parts.on_event,
            orders: parts.orders,
            answers,
            poll: parts.poll,
            clock,
            network,
            listeners,
            no_room: false,
            datagrams,
            disk: Disk::start(parts.slots, &parts.files, parts.caching, &parts.waker)?,
            scratch: Scratch::default(),
            stop_by: None,
        })
    }

    /// Runs until it is stopped.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !self.is_finished() {
            match self.poll.poll(&mut events, self.patience()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => panic!("waiting for events cannot fail, but did: {error}"),
            }
            for event in &events {
                self.note(event);
            }
            self.tell_news();
            self.receive_datagrams();
            self.read_streams();
            self.accept_strangers();
            self.meet_deadlines();
            self.wake_node();
            self.network.flush();
        }
    }

    /// How long nothing will be due; `None` for ever.
    fn patience(&self) -> Option<Duration> {
        let knocking = !self.no_room
            && !self.network.is_full()
            && self.listeners.iter().any(|listener| listener.ready);
        if self.network.is_busy() || self.datagrams.is_ready() || knocking {
            return Some(Duration::ZERO);
        }
        let due = [
            self.node.next_wakeup(),
            self.network.deadlines.next(),
            self.stop_by.filter(|_| self.network.is_in_debt()),
        ];
        let due = due.into_iter().flatten().min()?;
        Some(due.since(self.clock.now()))
    }

    /// Looks where an event comes from.
    fn note(&mut self, event: &Event) {
        match event.token().0 {
            WAKER => self.hear_threads(),
            token if token >= FIRST_CONNECTION => {
                if let Some((conn, input)) = self.network.event(event) {
                    self.turn(Input::Stream { conn, input });
                }
            }
            token if token >= FIRST_DATAGRAMS => self.datagrams.arrived(token - FIRST_DATAGRAMS),
            token => {
                if let Some(listener) = self.listeners.get_mut(token - FIRST_LISTENER) {
                    listener.ready = true;
                }
            }
        }
    }

    /// Takes in what the other threads have to say: the app, the resolver, the disk.
    fn hear_threads(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Command(_) if self.is_stopping() => {}
                Order::Command(command) => self.turn(Input::Command(command)),
                Order::Stop => self.stop(),
            }
        }
        while let Ok(answer) = self.answers.try_recv() {
            match answer.asker {
                Asker::Conn(conn) => self.network.named(conn, answer),
                Asker::Job(job) => {
                    let endpoints = |found: Vec<_>| found.into_iter().map(Endpoint::from).collect();
                    let result = answer.addresses.map(endpoints);
                    self.turn(Input::Resolved { job, result });
                }
            }
        }
        while let Some((job, result)) = self.disk.next_reply() {
            self.turn(Input::Disk { job, result });
        }
        if self.disk.is_memory_spare() {
            let deadline = self.clock.now() + MEMORY_PAUSE;
            self.network.deadlines.set(Deadline::Memory, deadline);
        }
    }

    /// Tells the node what could not be told at once; what comes of it waits for the next round.
    fn tell_news(&mut self) {
        for _ in 0..self.network.news_len() {
            if let Some((conn, input)) = self.network.next_news() {
                self.turn(Input::Stream { conn, input });
            }
        }
    }

    fn receive_datagrams(&mut self) {
        for _ in 0..ARRIVALS_MAX {
            let Some((from, bytes)) = self.datagrams.receive() else {
                return;
            };
            let input = match P::Message::decode(bytes, &mut self.shared) {
                Ok(message) => Input::Message { from, message },
                Err(error) => Input::Garbled { from, error },
            };
            self.turn(input);
        }
    }

    fn read_streams(&mut self) {
        for _ in 0..self.network.readers() {
            if let Some(conn) = self.network.next_reader() {
                self.read_stream(conn);
            }
        }
    }

    /// Reads what has come on one connection; a turn for each read.
    fn read_stream(&mut self, conn: ConnId) {
        for _ in 0..READS_MAX {
            let mut buffer = self.scratch.take();
            let Some(count) = self.network.read(conn, &mut buffer) else {
                self.scratch.put_back(buffer);
                return;
            };
            let input = StreamInput::Received(self.scratch.lend(buffer, count));
            self.turn(Input::Stream { conn, input });
        }
        self.network.read_later(conn);
    }

    fn accept_strangers(&mut self) {
        for at in 0..self.listeners.len() {
            for _ in 0..ARRIVALS_MAX {
                if self.no_room || self.network.is_full() || !self.accept_stranger(at) {
                    break;
                }
            }
        }
    }

    /// Lets one stranger in; tells whether there may be more.
    fn accept_stranger(&mut self, at: usize) -> bool {
        let Some(listener) = self.listeners.get_mut(at).filter(|l| l.ready) else {
            return false;
        };
        match listener.accept() {
            Knock::Nobody => false,
            Knock::NoRoom => {
                tracing::warn!("no descriptors are left: strangers must wait");
                self.no_room = true;
                let deadline = self.clock.now() + NO_ROOM_PAUSE;
                self.network.deadlines.set(Deadline::Accept, deadline);
                false
            }
            Knock::Stranger(socket, from) => {
                let listener = listener.id;
                let conn = self.turns.accept();
                if self.network.accept(conn, socket).is_ok() {
                    let from = from.into();
                    let input = StreamInput::Accepted { from, listener };
                    self.turn(Input::Stream { conn, input });
                }
                true
            }
        }
    }

    fn meet_deadlines(&mut self) {
        let now = self.clock.now();
        while let Some(deadline) = self.network.deadlines.pop_due(now) {
            match deadline {
                Deadline::Dial(conn) => self.network.dial_timed_out(conn),
                Deadline::Farewell(conn) => self.network.forget(conn),
                Deadline::Accept => self.no_room = false,
                Deadline::Memory => {
                    if self.disk.is_memory_spare() {
                        self.disk.release_memory();
                        self.scratch.release();
                    }
                }
            }
        }
    }

    fn wake_node(&mut self) {
        let now = self.clock.now();
        if self.node.next_wakeup().is_some_and(|due| due <= now) {
            self.turn(Input::Wake);
            assert!(
                self.node.next_wakeup().is_none_or(|due| due > now),
                "the node's deadline must lie in the future after a wake, or it would spin"
            );
        }
    }

    /// Gives the node one input and carries out what it asks for.
    fn turn(&mut self, input: Input<P>) {
        self.turns.take(
            &mut self.node,
            input,
            self.clock.now(),
            &self.shared,
            &self.network,
            &mut self.effects,
        );
        let mut wishes = self.effects.take();
        for effect in wishes.drain(..) {
            self.carry_out(effect);
        }
        self.effects.restore(wishes);
    }

    fn carry_out(&mut self, effect: Effect<P>) {
        match effect {
            Effect::SendTo { to, message } => {
                let shared = &self.shared;
                self.datagrams.send(to, |out| message.encode(shared, out));
            }
            Effect::Connect { conn, to } => {
                if !self.is_stopping() {
                    self.network.connect(conn, to);
                }
            }
            Effect::Write { conn, written } => {
                self.network.write(conn, self.effects.written(written));
            }
            Effect::SendBytes { conn, bytes } => self.network.send_bytes(conn, bytes),
            Effect::SendSpan { conn, span } => self.network.send_span(conn, span),
            Effect::Close { conn } => self.network.close(conn),
            Effect::Pause { conn } => self.network.pause(conn),
            Effect::Resume { conn } => self.network.resume(conn),
            Effect::Put { slot, at, bytes } => self.disk.put(slot, at, &bytes),
            Effect::Free { slot } => self.disk.free(slot),
            Effect::Disk { job, work } => self.disk.begin(job, *work),
            Effect::HurryDisk => self.disk.hurry(),
            Effect::Resolve { job, name, port } => self.network.resolve(job, name, port),
            Effect::Emit(event) => (self.on_event)(event),
        }
    }

    /// Begins to end: nothing new, but what was begun is brought to its end.
    fn stop(&mut self) {
        if self.is_stopping() {
            return;
        }
        self.stop_by = Some(self.clock.now() + STOP_PATIENCE);
        self.listeners.clear();
        self.datagrams.close();
        self.network.close_all();
        self.disk.stop();
    }

    fn is_stopping(&self) -> bool {
        self.stop_by.is_some()
    }

    /// Whether all has been brought to its end: what is owed to the disk, however long it takes,
    /// and what is owed to others, as long as patience lasts.
    fn is_finished(&mut self) -> bool {
        let Some(stop_by) = self.stop_by else {
            return false;
        };
        if self.network.is_in_debt() && stop_by <= self.clock.now() {
            self.network.forget_all();
        }
        self.disk.is_idle() && !self.network.is_in_debt()
    }
}
