//! A few nodes, called by their numbers, and every word between them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use chord::contacts::{Contact, Contacts, Few, Reference};
use chord::member::Member;
use chord::wire::{Body, Message};
use chord::{Command, Config, Converged, Event, Node, Shared};
use keyspace::{Id, Space};
use machine::{ConnId, Effect, Effects, Endpoint, Input, Instant, Protocol, Seed, Streams, Turns};
use simulator::endpoint;

pub(crate) struct Talk {
    pub(crate) shared: Shared,
    people: Vec<Contact>,
    nodes: BTreeMap<u64, (Node, Turns)>,
    under_way: VecDeque<(Endpoint, Endpoint, Message)>,
    pub(crate) now: Instant,
    /// What was said, a line each.
    pub(crate) said: Vec<String>,
    pub(crate) events: Vec<(u64, Event)>,
}

struct NoStreams;

impl Streams for NoStreams {
    fn backlog(&self, _conn: ConnId) -> usize {
        0
    }
}

const SEED: Seed = Seed(1);

impl Talk {
    /// A converged ring of six bits with lists of two.
    pub(crate) fn new(members: &[u64]) -> Self {
        let space = Space::of_bits(6);
        let config = Config {
            space,
            successors: 2,
            ..Config::new()
        };
        let mut contacts = Contacts::growing();
        let people = (0..64).map(|number| {
            let reference = Reference {
                id: space.id(u64::from(number)),
                endpoint: endpoint(number),
                incarnation: 0,
            };
            contacts.intern(reference).expect("a table that grows")
        });
        let people: Vec<Contact> = people.collect();
        let shared = Shared { contacts, config };
        let ring: Vec<Contact> = members
            .iter()
            .map(|&member| people[member as usize])
            .collect();
        let converged = Converged::new(&ring, &shared);
        let nodes = members.iter().zip(converged.nodes(SEED));
        let nodes = nodes.map(|(&member, node)| (member, (node, Turns::new(SEED, member))));
        let nodes = nodes.collect();
        Self {
            nodes,
            shared,
            people,
            under_way: VecDeque::new(),
            now: Instant::ZERO,
            said: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn id(number: u64) -> Id {
        Space::of_bits(6).id(number)
    }

    pub(crate) fn contact(&self, number: u64) -> Contact {
        self.people[number as usize]
    }

    pub(crate) fn member(&self, number: u64) -> &Member {
        &self.nodes[&number].0.members()[0]
    }

    pub(crate) fn dropped(&self, number: u64) -> u32 {
        self.nodes[&number].0.dropped()
    }

    pub(crate) fn successors(&self, number: u64) -> Vec<u64> {
        self.numbers(self.member(number).neighbours().successors())
    }

    pub(crate) fn predecessor(&self, number: u64) -> Option<u64> {
        let predecessor = self.member(number).neighbours().predecessor();
        predecessor.map(|predecessor| self.number(predecessor))
    }

    /// A node without a ring.
    pub(crate) fn add(&mut self, number: u64) {
        let node = Node::new(&[self.contact(number)], &self.shared.contacts);
        self.nodes.insert(number, (node, Turns::new(SEED, number)));
    }

    /// It falls silent.
    pub(crate) fn kill(&mut self, number: u64) {
        self.nodes.remove(&number);
    }

    pub(crate) fn command(&mut self, number: u64, command: Command) {
        self.turn(number, Input::Command(command));
        self.deliver_all();
    }

    /// Gives a command, and leaves what is said under way.
    pub(crate) fn begin(&mut self, number: u64, command: Command) {
        self.turn(number, Input::Command(command));
    }

    /// Lets a node begin its next round, and all hear each other.
    pub(crate) fn stabilise(&mut self, number: u64) {
        let head = self.successors(number)[0];
        self.wake_until_asked(number, head);
        self.deliver_all();
    }

    /// Wakes a node, and lets all hear each other, until it asks another for its neighbours.
    pub(crate) fn wake_until_asked(&mut self, number: u64, asked: u64) {
        let to = endpoint(asked as u32);
        loop {
            self.wake(number);
            let question = |(_, at, message): &(Endpoint, Endpoint, Message)| {
                *at == to && message.body == Body::AskNeighbours
            };
            if self.under_way.iter().any(question) {
                return;
            }
            self.deliver_all();
        }
    }

    /// Wakes a node at its next deadline.
    pub(crate) fn wake(&mut self, number: u64) {
        let wake = self.nodes[&number]
            .0
            .next_wakeup()
            .expect("it waits for something");
        self.now = self.now.max(wake);
        self.turn(number, Input::Wake);
    }

    /// Somebody says something, from wherever he pretends to be.
    pub(crate) fn say(&mut self, from: u64, to: u64, message: Message) {
        let from = endpoint(from as u32);
        self.turn(to, Input::Message { from, message });
    }

    /// What is under way from a node to another.
    pub(crate) fn take_message(&mut self, from: u64, to: u64) -> Option<Message> {
        let (from, to) = (endpoint(from as u32), endpoint(to as u32));
        let at = self
            .under_way
            .iter()
            .position(|&(a, b, _)| (a, b) == (from, to))?;
        self.under_way.remove(at).map(|(_, _, message)| message)
    }

    pub(crate) fn deliver_all(&mut self) {
        while let Some((from, to, message)) = self.under_way.pop_front() {
            self.now += Duration::from_millis(10);
            let known = self.nodes.keys().copied();
            let to = known
                .into_iter()
                .find(|&number| endpoint(number as u32) == to);
            if let Some(number) = to {
                self.turn(number, Input::Message { from, message });
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "nothing else is heard in these conversations"
    )]
    fn turn(&mut self, number: u64, input: Input<Node>) {
        let Some((node, turns)) = self.nodes.get_mut(&number) else {
            return;
        };
        let mut effects = Effects::new();
        turns.take(
            node,
            input,
            self.now,
            &self.shared,
            &NoStreams,
            &mut effects,
        );
        for effect in effects.take() {
            match effect {
                Effect::SendTo { to, message } => {
                    let line = self.line(number, to, &message.body);
                    self.said.push(line);
                    self.under_way
                        .push_back((endpoint(number as u32), to, message));
                }
                Effect::Emit(event) => self.events.push((number, event)),
                other => panic!("{other:?}"),
            }
        }
    }

    fn line(&self, from: u64, to: Endpoint, body: &Body) -> String {
        let known = (0..64).find(|&number| endpoint(number) == to);
        let to = known.map_or("?".into(), |number| number.to_string());
        format!("{from} -> {to}  {}", self.words(body))
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other messages are told by their names"
    )]
    fn words(&self, body: &Body) -> String {
        match body {
            Body::Pong(contact) => format!("Pong {}", self.number(*contact)),
            Body::Notify(contact) => format!("Notify {}", self.number(*contact)),
            Body::FindNext(wanted) => {
                format!("FindNext {}", self.shared.config.space.number(wanted.key))
            }
            Body::Owner(few) => format!("Owner {:?}", self.few(few)),
            Body::Next(few) => format!("Next {:?}", self.few(few)),
            Body::OwnerList(around) => {
                let before = around.predecessor.map(|before| self.number(before));
                let list = self.numbers(&around.successors);
                format!("Owner {list:?}, before it {before:?}")
            }
            Body::Successors(list) => format!("List {:?}", self.numbers(list)),
            Body::Fingers(list) => format!("Fingers {:?}", self.numbers(list)),
            Body::Neighbours(around) => {
                let before = around.predecessor.map(|before| self.number(before));
                format!(
                    "Neighbours {before:?} {:?}",
                    self.numbers(&around.successors)
                )
            }
            other => {
                let text = format!("{other:?}");
                text.split(['(', ' ']).next().unwrap_or_default().to_owned()
            }
        }
    }

    fn number(&self, contact: Contact) -> u64 {
        let id = self.shared.contacts.id(contact);
        self.shared.config.space.number(id)
    }

    fn numbers(&self, contacts: &[Contact]) -> Vec<u64> {
        contacts
            .iter()
            .map(|&contact| self.number(contact))
            .collect()
    }

    fn few(&self, few: &Few) -> Vec<u64> {
        few.iter()
            .flatten()
            .map(|&contact| self.number(contact))
            .collect()
    }
}
