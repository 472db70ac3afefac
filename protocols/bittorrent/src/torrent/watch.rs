//! What the passing of time brings: late blocks, silent peers, a word to the user.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use machine::{ConnId, Instant};

use super::{Core, Link, Stage, Torrent};
use crate::api::{Event, Exchange, Progress};
use crate::misbehaviour::Misbehaviour;
use crate::peer::Peer;
use crate::pipeline::Verdict;
use crate::session::{Timer, Turn};
use crate::torrent::links::HANDSHAKE_MAX;
use crate::wire::Message;

/// How often a torrent with peers looks at them.
const LOOK: Duration = Duration::from_secs(1);

/// So long after our last word we send a keep-alive (spec section 8).
const KEEP_ALIVE: Duration = Duration::from_secs(110);

/// A peer that says nothing for this long is gone (spec section 8: 120 s and some slack).
const SILENCE_MAX: Duration = Duration::from_secs(150);

/// How often places are checked for connections without use (spec section 21).
const TURNOVER: Duration = Duration::from_secs(30);

impl Torrent {
    /// Sees to it that the torrent looks at its peers and ranks them.
    pub(super) fn look_soon(&self, turn: &mut Turn<'_, '_>) {
        let (now, id) = (turn.now(), self.core.id);
        turn.session.timers.set_earlier(Timer::Look(id), now + LOOK);
        turn.session
            .timers
            .set_earlier(Timer::Choke(id), now + crate::choker::ROUND);
    }

    /// Looks at all peers: who is late, who is silent, who could do more.
    pub(crate) fn look(&mut self, turn: &mut Turn<'_, '_>) {
        let now = turn.now();
        let mut guilty: Vec<(ConnId, Misbehaviour)> = Vec::new();
        let slow = self.links.iter().filter_map(|(&conn, link)| match link {
            Link::Greeting(greeting) if now.since(greeting.since) >= HANDSHAKE_MAX => {
                Some((conn, Misbehaviour::Silence))
            }
            Link::Dialing(_) | Link::Greeting(_) | Link::Open(_) => None,
        });
        guilty.extend(slow);
        let (peers, core) = self.peers_mut();
        for (conn, peer) in peers {
            if let Err(fault) = core.look_at(conn, peer, turn) {
                guilty.push((conn, fault));
            }
        }
        for (conn, fault) in guilty {
            self.close(conn, &fault, turn);
        }
        self.turn_over(turn);
        self.run_errands(turn);
        if !self.links.is_empty() {
            turn.set(Timer::Look(self.core.id), LOOK);
        }
    }

    /// When places are short, now and then one without use is given up.
    fn turn_over(&mut self, turn: &mut Turn<'_, '_>) {
        let now = turn.now();
        let is_full = self.links.len() >= turn.session.config.connections_per_torrent;
        if !is_full || now.since(self.core.turned_over_at) < TURNOVER {
            return;
        }
        self.core.turned_over_at = now;
        if let Some(conn) = self.useless(now) {
            turn.io.close(conn);
            self.forget(conn, turn);
            self.dial(turn);
        }
    }

    /// Tells the user how the torrent stands, if that is wanted, and notes when it will again.
    pub(crate) fn report(&self, turn: &mut Turn<'_, '_>) {
        let Some(every) = turn.session.config.report_every else {
            return;
        };
        let now = turn.now();
        let (done_bytes, wanted_bytes) = self
            .core
            .assembly()
            .map_or((0, 0), |assembly| assembly.done_and_wanted());
        let totals = &self.core.totals;
        let exchanges = self.peers().map(|(_, peer)| Exchange {
            peer: peer.endpoint,
            downloaded_bytes: peer.down.total(),
            uploaded_bytes: peer.up.total(),
        });
        turn.io.emit(Event::Progress(Box::new(Progress {
            torrent: self.core.id,
            done_bytes,
            wanted_bytes,
            downloaded_bytes: totals.down.total(),
            uploaded_bytes: totals.up.total(),
            wasted_bytes: totals.wasted,
            down_rate: totals.down.recent(now),
            up_rate: totals.up.recent(now),
            peers: self.peers().count(),
            seeds: self.peers().filter(|(_, peer)| peer.is_seed()).count(),
            copies: self.copies(),
            exchanges: exchanges.collect(),
        })));
        turn.set(Timer::Report(self.core.id), every);
    }

    /// Full copies in our sight: as the picker counts them, or, when we have all, ours and those
    /// of other seeds.
    fn copies(&self) -> f64 {
        let Some(assembly) = self.core.assembly() else {
            return 0.0;
        };
        match assembly.picker_ref() {
            Some(picker) => {
                let copies = picker.copies();
                f64::from(copies.whole) + f64::from(copies.thousandths) / 1000.0
            }
            None => {
                let seeds = self.peers().filter(|(_, peer)| peer.is_seed()).count();
                1.0 + f64::from(u32::try_from(seeds).unwrap_or(u32::MAX))
            }
        }
    }
}

impl Core {
    fn look_at(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Misbehaviour> {
        let now = turn.now();
        if !peer.is_paused && now.since(peer.heard_at) >= SILENCE_MAX {
            return Err(Misbehaviour::Silence);
        }
        if now.since(peer.spoke_at) >= KEEP_ALIVE {
            turn.io.send(conn, &Message::KeepAlive);
            peer.spoke_at = now;
        }
        self.look_at_debts(conn, peer, now)?;
        self.ask_metadata(conn, peer, turn);
        self.ask(conn, peer, turn);
        Ok(())
    }

    /// A peer that does not pay: others are asked instead, and in the end it has to go.
    fn look_at_debts(
        &mut self,
        conn: ConnId,
        peer: &mut Peer,
        now: Instant,
    ) -> Result<(), Misbehaviour> {
        if peer.is_paused {
            return Ok(());
        }
        match peer.pipeline.check(now) {
            Verdict::Fine | Verdict::Snubbing => Ok(()),
            Verdict::Overdue => {
                let Stage::Begun(assembly) = &mut self.stage else {
                    return Ok(());
                };
                if let Some(picker) = assembly.picker() {
                    peer.pipeline
                        .owed()
                        .for_each(|block| picker.released(conn, block));
                }
                Ok(())
            }
            Verdict::Hopeless => Err(Misbehaviour::Stalled),
        }
    }
}
