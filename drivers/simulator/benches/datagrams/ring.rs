//! A node shaped like Chord's, without its difficulties: the ring stands and nobody leaves. It
//! keeps what Chord keeps and says what Chord says (Stoica et al. 2003), so the engine has the same
//! work with it.

use core::time::Duration;

use machine::{Coming, Endpoint, Input, Instant, Io, Protocol, Rng, Seed, Wire, prefetch};
use simulator::endpoint;
use wire::Malformed;

/// Successors a node knows: 2 log2 N would be 40 at a million; 16 is what MIT's Chord had.
const SUCCESSORS: usize = 16;
/// Distinct fingers: about log2 N.
const FINGERS: usize = 20;
/// How often each node checks its successor, and looks one finger up.
const PERIOD: Duration = Duration::from_secs(30);
/// When a question counts as lost.
const TIMEOUT: Duration = Duration::from_millis(500);

/// A node by its number, which is also that of its endpoint: 4 bytes instead of an id and an
/// address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contact(u32);

/// The ids of all contacts, by their numbers.
#[derive(Debug)]
pub(crate) struct Ids(Vec<u64>);

/// What nodes say to each other.
#[derive(Debug)]
pub(crate) enum Message {
    /// Who comes next on the way to this key?
    FindNext { nonce: u32, key: u64 },
    /// That one: it is the owner, or it knows more.
    Next {
        nonce: u32,
        contact: Contact,
        found: bool,
    },
    /// Who is before and who behind you?
    Neighbours { nonce: u32 },
    /// These.
    AreNeighbours {
        nonce: u32,
        list: Box<[Contact; SUCCESSORS + 1]>,
    },
    /// I believe to be before you.
    Notify,
}

/// A node. What each turn touches comes first.
#[derive(Debug)]
pub(crate) struct Node {
    id: u64,
    predecessor: Contact,
    wakeup: Instant,
    stabilise_at: Instant,
    fix_at: Instant,
    stabilise: Question,
    lookup: Question,
    key: u64,
    nonce: u32,
    pub(crate) lookups: u32,
    pub(crate) hops: u32,
    hops_of_this: u32,
    lost: u32,
    successors: [Contact; SUCCESSORS],
    fingers: [Contact; FINGERS],
}

/// A question under way, if `nonce` is not 0.
#[derive(Debug, Clone, Copy)]
struct Question {
    nonce: u32,
    until: Instant,
}

impl Question {
    const NONE: Self = Self {
        nonce: 0,
        until: NEVER,
    };
}

const NEVER: Instant = Instant::from_nanos(u64::MAX);

impl Contact {
    fn endpoint(self) -> Endpoint {
        endpoint(self.0)
    }
}

impl Ids {
    fn of(&self, contact: Contact) -> u64 {
        self.0[contact.0 as usize]
    }
}

/// A ring of so many nodes, and the ids of all. Numbers are dealt out by chance, so that
/// neighbours on the ring are none in memory.
pub(crate) fn ring(seed: Seed, nodes: u32) -> (Ids, impl Iterator<Item = Node>) {
    let mut rng = Rng::new(seed, u64::MAX, 1);
    let ids: Vec<u64> = (0..nodes).map(|_| rng.next_u64()).collect();
    let mut order: Vec<(u64, u32)> = ids.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut places = vec![0; nodes as usize];
    for (place, &(_, number)) in order.iter().enumerate() {
        places[number as usize] = place;
    }
    let all = Ids(ids.clone());
    let build = move |number: u32| {
        let (id, place) = (ids[number as usize], places[number as usize]);
        let at = |place: usize| Contact(order[place % order.len()].1);
        let owner = |key: u64| at(order.partition_point(|&(id, _)| id < key));
        let mut node = Node {
            id,
            predecessor: at(place + order.len() - 1),
            wakeup: NEVER,
            stabilise_at: Instant::ZERO + PERIOD.mul_f64(rng.below(1 << 20) as f64 / 1_048_576.0),
            fix_at: Instant::ZERO + PERIOD.mul_f64(rng.below(1 << 20) as f64 / 1_048_576.0),
            stabilise: Question::NONE,
            lookup: Question::NONE,
            key: 0,
            nonce: 0,
            lookups: 0,
            hops: 0,
            hops_of_this: 0,
            lost: 0,
            successors: core::array::from_fn(|index| at(place + 1 + index)),
            fingers: core::array::from_fn(|row| owner(id.wrapping_add(1 << (63 - row)))),
        };
        node.reckon();
        node
    };
    (all, (0..nodes).map(build))
}

impl Protocol for Node {
    type Message = Message;
    type Command = ();
    type Event = ();
    type Shared = Ids;

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        match input {
            Input::Message { from, message } => self.hear(from, message, io),
            Input::Wake => self.wake(io),
            Input::Command(()) | Input::Garbled { .. } | Input::Stream { .. } => {}
            Input::Disk { .. } | Input::Resolved { .. } => {}
        }
        self.reckon();
    }

    fn next_wakeup(&self) -> Option<Instant> {
        Some(self.wakeup)
    }

    fn expect(&self, coming: Coming<'_, Self>, ids: &Ids) {
        // The ids of the fingers that this key may be compared with.
        if let Coming::Message(Message::FindNext { key, .. }) = coming {
            let row = key.wrapping_sub(self.id).leading_zeros() as usize;
            for finger in self.fingers.iter().skip(row).take(2) {
                prefetch(&ids.0[finger.0 as usize]);
            }
        } else if let Coming::Message(Message::AreNeighbours { list, .. }) = coming {
            prefetch(list.as_ref());
        }
    }
}

impl Node {
    fn hear(&mut self, from: Endpoint, message: Message, io: &mut Io<'_, Self>) {
        match message {
            Message::FindNext { nonce, key } => {
                let (contact, found) = self.next(key, io.shared());
                let answer = Message::Next {
                    nonce,
                    contact,
                    found,
                };
                io.send_to(from, answer);
            }
            Message::Next {
                nonce,
                contact,
                found,
            } if nonce == self.lookup.nonce => {
                self.hops_of_this += 1;
                if found {
                    self.lookups += 1;
                    self.hops += self.hops_of_this;
                    self.lookup = Question::NONE;
                } else {
                    self.ask_next(contact, io);
                }
            }
            Message::Neighbours { nonce } => {
                let list = core::array::from_fn(|index| match index {
                    0 => self.predecessor,
                    _ => self.successors[index - 1],
                });
                let list = Box::new(list);
                io.send_to(from, Message::AreNeighbours { nonce, list });
            }
            Message::AreNeighbours { nonce, list } if nonce == self.stabilise.nonce => {
                self.stabilise = Question::NONE;
                // The first is its predecessor: this node.
                self.successors[1..].copy_from_slice(&list[1..SUCCESSORS]);
                io.send_to(self.successors[0].endpoint(), Message::Notify);
            }
            Message::Notify | Message::Next { .. } | Message::AreNeighbours { .. } => {}
        }
    }

    fn wake(&mut self, io: &mut Io<'_, Self>) {
        let now = io.now();
        for question in [&mut self.stabilise, &mut self.lookup] {
            if question.until <= now {
                *question = Question::NONE;
                self.lost += 1;
            }
        }
        if self.stabilise_at <= now {
            self.stabilise_at = now + PERIOD;
            self.nonce += 1;
            let (nonce, asked) = (self.nonce, self.successors[0]);
            let until = now + TIMEOUT;
            self.stabilise = Question { nonce, until };
            io.send_to(asked.endpoint(), Message::Neighbours { nonce });
        }
        if self.fix_at <= now {
            self.fix_at = now + PERIOD;
            // Not a finger's own place, but a longer way: that of any key.
            self.key = io.rng().next_u64();
            self.hops_of_this = 0;
            let (contact, found) = self.next(self.key, io.shared());
            if !found {
                self.ask_next(contact, io);
            }
        }
    }

    fn ask_next(&mut self, asked: Contact, io: &mut Io<'_, Self>) {
        self.nonce += 1;
        let (nonce, key) = (self.nonce, self.key);
        let until = io.now() + TIMEOUT;
        self.lookup = Question { nonce, until };
        io.send_to(asked.endpoint(), Message::FindNext { nonce, key });
    }

    /// The owner of a key, or the closest finger before it.
    fn next(&self, key: u64, ids: &Ids) -> (Contact, bool) {
        let way = key.wrapping_sub(self.id);
        let before = |contact: Contact| ids.of(contact).wrapping_sub(self.id);
        // Row n lies at least half the ring, halved n times, ahead: only those that are not
        // further than the key are looked at.
        let row = (way.leading_zeros() as usize).min(FINGERS);
        for &finger in &self.fingers[row..] {
            if before(finger) < way {
                return (finger, false);
            }
        }
        let owner = self.successors.iter().find(|&&next| before(next) >= way);
        match owner {
            Some(&owner) => (owner, true),
            None => (self.successors[SUCCESSORS - 1], false),
        }
    }

    fn reckon(&mut self) {
        let questions = self.stabilise.until.min(self.lookup.until);
        self.wakeup = questions.min(self.stabilise_at).min(self.fix_at);
    }
}

/// Its length is charged; no byte is ever made of it here.
impl Wire<Ids> for Message {
    fn encode(&self, ids: &Ids, out: &mut Vec<u8>) {
        out.resize(out.len() + self.encoded_len(ids), 0);
    }

    fn decode(_bytes: &[u8], _ids: &mut Ids) -> Result<Self, Malformed> {
        Err(Malformed::invalid("message", 0, "never sent as bytes"))
    }

    fn encoded_len(&self, _ids: &Ids) -> usize {
        const CONTACT_LEN: usize = 26;
        match self {
            Self::FindNext { .. } => 25,
            Self::Next { .. } => 6 + CONTACT_LEN,
            Self::Neighbours { .. } => 5,
            Self::AreNeighbours { list, .. } => 5 + list.len() * CONTACT_LEN,
            Self::Notify => 1,
        }
    }
}
