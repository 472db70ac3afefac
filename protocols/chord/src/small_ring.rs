//! Rings of so few that all know all (spec section 7, bootstrap of a small network).
//!
//! The rules of larger rings are proven for r + 1 members and more. Until there are so many, the
//! eldest member *coordinates*: who joins tells it so, all others report to it each second, and it
//! answers with the list of all, by seniority. Should it fall silent, the next in that list takes
//! its place. When the list has r + 1 names, each member takes its neighbours from it and from
//! then on keeps them itself.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use machine::{Endpoint, Instant, Io};

use crate::api::{Event, Shared};
use crate::contacts::Contact;
use crate::member::{Member, NEVER, Standing};
use crate::node::Node;
use crate::rpc::{Rpc, answer, refuse, send};
use crate::wire::{Body, Error, LIST_FITTING, Message, Page, Stand, Transaction};

/// How often members report.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Who has not reported for this long is struck off: three reports, and some time on the way.
const SILENCE_MAX: Duration = Duration::from_secs(4);

/// What a member knows of a small ring.
#[derive(Debug)]
pub(crate) struct SmallRing {
    /// By seniority; the first coordinates. We are among them, once we were heard.
    members: Vec<Contact>,
    /// When each was last heard, as far as the coordinator knows.
    heard: Vec<Instant>,
    report_at: Instant,
    report: Option<Rpc>,
}

impl SmallRing {
    /// Whom it holds by name.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact> {
        let report = self.report.as_ref().map(|rpc| rpc.to);
        self.members.iter().copied().chain(report)
    }

    pub(crate) fn members(&self) -> &[Contact] {
        &self.members
    }

    pub(crate) fn deadline(&self) -> Instant {
        let report = self.report.map_or(NEVER, |rpc| rpc.deadline);
        report.min(self.report_at)
    }

    fn of(members: &[Contact], now: Instant) -> Self {
        Self {
            members: members.to_vec(),
            heard: alloc::vec![now; members.len()],
            report_at: now,
            report: None,
        }
    }

    fn page(&self, stand: Stand) -> Box<Page> {
        let members = self.members.iter().copied().take(LIST_FITTING).collect();
        Box::new(Page { stand, members })
    }
}

impl Member {
    /// Begins a ring of our own, in which we are alone.
    pub(crate) fn found_ring(&mut self, io: &mut Io<'_, Node>) {
        if matches!(self.standing, Standing::Small | Standing::Member) && self.near.head().is_some()
        {
            return;
        }
        let me = self.near.me();
        let aside = self.aside();
        aside.join = None;
        aside.small = Some(SmallRing::of(&[me], io.now() + REPORT_EVERY));
        self.standing = Standing::Small;
        self.take_members(io);
        io.emit(Event::Joined);
    }

    /// Somebody of a small ring speaks to us.
    pub(crate) fn small_ring_asked(
        &mut self,
        from: Endpoint,
        question: &Message,
        page: &Page,
        io: &mut Io<'_, Node>,
    ) {
        let speaker = page.members.first().copied();
        match (self.standing, page.stand, speaker) {
            (Standing::Small, Stand::Here, Some(speaker)) => {
                if io.shared().contacts.endpoint(speaker) == from {
                    self.report_came(from, question, speaker, io);
                }
            }
            (Standing::Small, Stand::Small | Stand::Grown, Some(_)) => {
                if self.is_coordinator(from, io) {
                    self.page_came(page, io);
                }
            }
            // It grew while the speaker was not heard: he has to join like everybody.
            (Standing::Member, Stand::Here, _) => {
                let grown = Page {
                    stand: Stand::Grown,
                    members: Box::new([]),
                };
                answer(from, question, Body::SmallRingAnswer(Box::new(grown)), io);
            }
            _ => refuse(from, question, Error::NotMember, io),
        }
    }

    /// As coordinator: a member reports, or joins.
    fn report_came(
        &mut self,
        from: Endpoint,
        question: &Message,
        speaker: Contact,
        io: &mut Io<'_, Node>,
    ) {
        let (me, now) = (self.near.me(), io.now());
        let Some(small) = self.small() else {
            return;
        };
        let mut is_new = false;
        if small.members.first() == Some(&me) {
            match small.members.iter().position(|&member| member == speaker) {
                Some(at) => small.heard[at] = now,
                None if small.members.len() < LIST_FITTING => {
                    small.members.push(speaker);
                    small.heard.push(now);
                    is_new = true;
                }
                None => {}
            }
        }
        // Who does not coordinate names the one who does.
        let page = small.page(Stand::Small);
        answer(from, question, Body::SmallRingAnswer(page), io);
        if is_new {
            self.take_members(io);
            self.tell_all(io);
        }
    }

    /// An answer to our report, or to our wish to join.
    pub(crate) fn small_ring_answered(
        &mut self,
        transaction: Transaction,
        page: &Page,
        io: &mut Io<'_, Node>,
    ) -> bool {
        if self.join_awaits_list(transaction).is_some() {
            self.join_small_ring(page, io);
            return true;
        }
        let is_meant = self.small().is_some_and(|small| {
            let awaited = small
                .report
                .is_some_and(|rpc| rpc.transaction == transaction);
            if awaited {
                small.report = None;
            }
            awaited
        });
        if is_meant {
            self.page_came(page, io);
        }
        is_meant || self.probe_answered(transaction, Some(page), io)
    }

    /// The ring that we found is a small one: we report to its coordinator.
    pub(crate) fn join_small_ring(&mut self, page: &Page, io: &mut Io<'_, Node>) {
        let now = io.now();
        let aside = self.aside();
        aside.join = None;
        aside.small = Some(SmallRing::of(&page.members, now));
        self.standing = Standing::Small;
        self.report(io);
    }

    /// The coordinator told who is in the ring.
    fn page_came(&mut self, page: &Page, io: &mut Io<'_, Node>) {
        let me = self.near.me();
        if page.members.is_empty() && page.stand == Stand::Grown {
            // We were forgotten.
            return self.rejoin_through_coordinator(io);
        }
        let is_in = page.members.contains(&me);
        let was_in = self.near.head().is_some();
        if let Some(small) = self.small() {
            small.members = page.members.to_vec();
            small.heard = alloc::vec![io.now(); page.members.len()];
        }
        if !is_in {
            return;
        }
        self.take_members(io);
        if page.stand == Stand::Grown {
            return self.grow(io);
        }
        if !was_in && self.near.head().is_some() {
            io.emit(Event::Joined);
        }
    }

    fn rejoin_through_coordinator(&mut self, io: &mut Io<'_, Node>) {
        let coordinator = self
            .small()
            .and_then(|small| small.members.first().copied());
        self.aside().small = None;
        self.standing = Standing::Outside;
        if let Some(coordinator) = coordinator {
            let door = io.shared().contacts.endpoint(coordinator);
            self.begin_join(door, io);
        }
    }

    /// Takes our neighbours from the list of all.
    fn take_members(&mut self, io: &mut Io<'_, Node>) {
        let Shared { contacts, .. } = io.shared();
        let (id, me) = (self.near.id(), self.near.me());
        let Some(small) = self.small() else {
            return;
        };
        let others = small.members.iter().copied().filter(|&other| other != me);
        let mut others: Vec<Contact> = others.collect();
        others.sort_by_key(|&other| id.distance_to(contacts.id(other)));
        self.near.set_predecessor(others.last().copied(), contacts);
        match others.split_first() {
            Some((&head, rest)) => {
                self.near.adopt(head, rest, others.len(), contacts);
            }
            None => {
                if let Some(head) = self.near.head() {
                    let gone: Vec<Contact> = self.near.successors().to_vec();
                    tracing::debug!(?head, "alone");
                    gone.iter()
                        .for_each(|&other| self.near.remove(other, contacts));
                }
            }
        }
    }

    /// As coordinator: tells all members who is in, or that the ring has grown.
    fn tell_all(&mut self, io: &mut Io<'_, Node>) {
        // Longer lists, as some experiments have them, could not be told in one datagram.
        let enough = (io.shared().config.successors + 1).min(LIST_FITTING);
        let me = self.near.me();
        let Some(small) = self.small() else {
            return;
        };
        let has_grown = small.members.len() >= enough;
        let stand = if has_grown {
            Stand::Grown
        } else {
            Stand::Small
        };
        let (page, members) = (small.page(stand), small.members.clone());
        for &member in members.iter().filter(|&&member| member != me) {
            let transaction = Transaction(io.rng().next_u64());
            send(transaction, member, Body::SmallRing(page.clone()), io);
        }
        if has_grown {
            self.grow(io);
        }
    }

    /// The ring is large enough for the usual rules.
    fn grow(&mut self, io: &mut Io<'_, Node>) {
        let Shared { contacts, config } = io.shared();
        if let Some((&head, rest)) = self.near.successors().to_vec().split_first() {
            self.near.adopt(head, rest, config.successors, contacts);
        }
        self.aside().small = None;
        self.become_member(io);
    }

    fn report(&mut self, io: &mut Io<'_, Node>) {
        let me = self.near.me();
        let (number, trips) = (self.number, self.trips);
        let Some(small) = self.small() else {
            return;
        };
        small.report_at = io.now() + REPORT_EVERY;
        if small.report.is_some() {
            return;
        }
        if let Some(&coordinator) = small.members.first().filter(|&&first| first != me) {
            let page = Page {
                stand: Stand::Here,
                members: Box::new([me]),
            };
            let body = Body::SmallRing(Box::new(page));
            small.report = Some(Rpc::ask(coordinator, body, number, trips, io));
        }
    }

    pub(crate) fn small_ring_timed_out(&mut self, io: &mut Io<'_, Node>) {
        let (me, now, attempts) = (self.near.me(), io.now(), io.shared().config.attempts);
        let trips = self.trips;
        let Some(small) = self.small() else {
            return;
        };
        if let Some(rpc) = &mut small.report
            && rpc.deadline <= now
        {
            if rpc.attempts < attempts {
                let page = Page {
                    stand: Stand::Here,
                    members: Box::new([me]),
                };
                rpc.repeat(Body::SmallRing(Box::new(page)), trips, io);
            } else {
                // The eldest is dead: the next one coordinates.
                let dead = rpc.to;
                small.report = None;
                small.strike(dead, now);
                self.bury(dead, io);
                self.take_members(io);
            }
        }
        self.report_if_due(io);
    }

    fn report_if_due(&mut self, io: &mut Io<'_, Node>) {
        let (me, now) = (self.near.me(), io.now());
        let Some(small) = self.small() else {
            return;
        };
        if small.report_at > now {
            return;
        }
        if small.members.first() == Some(&me) {
            let silent = small.strike_silent(me, now);
            if !silent.is_empty() {
                silent.into_iter().for_each(|silent| self.bury(silent, io));
                self.take_members(io);
                self.tell_all(io);
            }
        }
        self.report(io);
    }

    /// A member of our small ring leaves.
    pub(crate) fn left_small_ring(&mut self, leaver: Contact, io: &mut Io<'_, Node>) {
        let now = io.now();
        if let Some(small) = self.small() {
            small.strike(leaver, now);
        }
        self.take_members(io);
        if self.coordinates() {
            self.tell_all(io);
        }
    }

    /// Whether we are the eldest of a small ring.
    pub(crate) fn coordinates(&mut self) -> bool {
        let me = self.near.me();
        self.small()
            .is_some_and(|small| small.members.first() == Some(&me))
    }

    fn is_coordinator(&mut self, from: Endpoint, io: &Io<'_, Node>) -> bool {
        let contacts = &io.shared().contacts;
        self.small()
            .and_then(|small| small.members.first())
            .is_some_and(|&first| contacts.endpoint(first) == from)
    }

    fn small(&mut self) -> Option<&mut SmallRing> {
        self.aside.as_mut()?.small.as_mut()
    }
}

impl SmallRing {
    fn strike(&mut self, dead: Contact, now: Instant) {
        self.members.retain(|&member| member != dead);
        // Whoever coordinates from now on has not listened so far.
        self.heard = alloc::vec![now; self.members.len()];
    }

    /// Strikes off who has not reported for long.
    fn strike_silent(&mut self, me: Contact, now: Instant) -> Vec<Contact> {
        let reports = self.members.iter().copied().zip(self.heard.iter().copied());
        let is_silent =
            |&(member, heard): &(Contact, Instant)| member != me && now.since(heard) >= SILENCE_MAX;
        let (silent, alive): (Vec<_>, Vec<_>) = reports.partition(is_silent);
        (self.members, self.heard) = alive.into_iter().unzip();
        silent.into_iter().map(|(member, _)| member).collect()
    }
}
