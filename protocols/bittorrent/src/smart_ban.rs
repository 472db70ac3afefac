//! Smart ban: who sent the bad block? (spec section 21; after Azureus and libtorrent)
//!
//! The hash covers a piece, but its blocks may come from several peers. If one peer sent them all,
//! it is guilty. Else the digest of each block is kept with its sender, and all senders are *on
//! parole*: they get whole pieces exclusively, so that whoever lies again is caught at once. When
//! the piece comes again and is right, the digests are compared: who sent a block that differs
//! lied. Nobody is punished for being in bad company.
//!
//! A piece too long to be held has no digests of blocks. Then parole must do: who had a part in the
//! bad piece stays on it until a piece with a part of theirs is right.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use machine::{Digest, Endpoint};

use crate::numbers::{BLOCK_LEN, Block, PieceIndex};

/// Blocks whose digests are kept, all cases together: 200 KiB of memory. Liars can make cases only
/// as fast as they send payload; beyond this the oldest case is dropped unsolved.
const EVIDENCE_MAX: usize = 4096;

/// What a bad piece proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This peer sent all of it.
    Guilty(Endpoint),
    /// One of several; they are on parole until the piece is right.
    Open,
}

/// The unsolved cases of a torrent.
#[derive(Debug, Default)]
pub struct SmartBan {
    /// The oldest first.
    cases: Vec<Case>,
}

/// A piece that was wrong, once or more, and was not right since.
#[derive(Debug)]
struct Case {
    piece: PieceIndex,
    evidence: Vec<Evidence>,
}

#[derive(Debug, Clone, Copy)]
struct Evidence {
    block: usize,
    sender: Endpoint,
    /// `None` if the driver could not tell.
    digest: Option<Digest>,
}

impl SmartBan {
    /// Takes up the case of a piece whose hash was wrong: the `digests` of its blocks in order
    /// (none if they are unknown), and who sent each block; `None` for who is gone.
    pub fn failed(
        &mut self,
        piece: PieceIndex,
        digests: &[Digest],
        senders: impl IntoIterator<Item = (Block, Option<Endpoint>)>,
    ) -> Verdict {
        let mut gone = 0;
        let note = |(block, sender): (Block, Option<Endpoint>)| {
            let block = (block.begin / BLOCK_LEN) as usize;
            gone += usize::from(sender.is_none());
            Some(Evidence {
                block,
                sender: sender?,
                digest: digests.get(block).copied(),
            })
        };
        let mut evidence: Vec<Evidence> = senders.into_iter().filter_map(note).collect();
        if let Some((first, others)) = evidence.split_first()
            && gone == 0
            && others.iter().all(|other| other.sender == first.sender)
        {
            return Verdict::Guilty(first.sender);
        }
        if digests.is_empty() {
            // Only the names are of use.
            evidence.sort_unstable_by_key(|evidence| evidence.sender);
            evidence.dedup_by_key(|evidence| evidence.sender);
        }
        match self.cases.iter_mut().find(|case| case.piece == piece) {
            Some(case) => case.evidence.extend(evidence),
            None => self.cases.push(Case { piece, evidence }),
        }
        self.drop_oldest();
        Verdict::Open
    }

    /// Tells whether the digests of a piece's blocks are worth having when it is right: whether it
    /// was wrong before.
    #[must_use]
    pub fn was_wrong(&self, piece: PieceIndex) -> bool {
        self.cases.iter().any(|case| case.piece == piece)
    }

    /// Closes the case of a piece that is right now: names those who lied, each once. The `digests`
    /// of its blocks are in order, or none if they are unknown; `senders` are who had a part in it.
    pub fn passed(
        &mut self,
        piece: PieceIndex,
        digests: &[Digest],
        senders: impl IntoIterator<Item = Endpoint>,
    ) -> Vec<Endpoint> {
        if self.cases.is_empty() {
            return Vec::new();
        }
        let mut liars = Vec::new();
        if let Some(case) = self.cases.iter_mut().find(|case| case.piece == piece) {
            let lies = case.evidence.iter().filter(|evidence| {
                let truth = digests.get(evidence.block);
                truth
                    .zip(evidence.digest.as_ref())
                    .is_some_and(|(truth, digest)| truth != digest)
            });
            liars.extend(lies.map(|evidence| evidence.sender));
            let is_solved = |evidence: &Evidence| evidence.digest.is_some();
            case.evidence.retain(|evidence| !is_solved(evidence));
        }
        self.acquit(&senders.into_iter().collect());
        liars.sort_unstable();
        liars.dedup();
        liars
    }

    /// Drops the suspicion that rests on no digest against those who had a part in a right piece.
    fn acquit(&mut self, honest: &BTreeSet<Endpoint>) {
        for case in &mut self.cases {
            case.evidence
                .retain(|evidence| evidence.digest.is_some() || !honest.contains(&evidence.sender));
        }
        self.cases.retain(|case| !case.evidence.is_empty());
    }

    /// Tells whether a peer had a part in a case that is not solved: it should get whole pieces
    /// exclusively.
    #[must_use]
    pub fn is_on_parole(&self, peer: Endpoint) -> bool {
        let mut evidence = self.cases.iter().flat_map(|case| &case.evidence);
        evidence.any(|evidence| evidence.sender == peer)
    }

    fn drop_oldest(&mut self) {
        let mut kept: usize = self.cases.iter().map(|case| case.evidence.len()).sum();
        while kept > EVIDENCE_MAX && !self.cases.is_empty() {
            kept -= self.cases.remove(0).evidence.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    const PIECE: PieceIndex = PieceIndex(7);

    fn peer(number: u8) -> Endpoint {
        Endpoint::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)), 6881)
    }

    fn block(number: u32) -> Block {
        Block {
            piece: PIECE,
            begin: number * BLOCK_LEN,
            len: BLOCK_LEN,
        }
    }

    fn senders(numbers: &[u8]) -> Vec<(Block, Option<Endpoint>)> {
        (0..)
            .map(block)
            .zip(numbers.iter().map(|number| Some(peer(*number))))
            .collect()
    }

    fn digests(bytes: &[u8]) -> Vec<Digest> {
        bytes.iter().map(|byte| [*byte; 20]).collect()
    }

    #[test]
    fn who_sent_all_of_a_bad_piece_is_guilty() {
        let mut smart_ban = SmartBan::default();
        let verdict = smart_ban.failed(PIECE, &digests(&[1, 2, 3]), senders(&[1, 1, 1]));
        assert_eq!(verdict, Verdict::Guilty(peer(1)));
        assert!(!smart_ban.was_wrong(PIECE));
    }

    #[test]
    fn who_lied_is_known_when_the_truth_comes() {
        let mut smart_ban = SmartBan::default();
        let verdict = smart_ban.failed(PIECE, &digests(&[1, 66, 3, 4]), senders(&[1, 2, 3, 1]));
        assert_eq!(verdict, Verdict::Open);
        assert!(smart_ban.was_wrong(PIECE));
        assert!((1..=3).all(|number| smart_ban.is_on_parole(peer(number))));
        assert!(!smart_ban.is_on_parole(peer(4)));
        // The second time another lies.
        smart_ban.failed(PIECE, &digests(&[1, 2, 3, 77]), senders(&[1, 3, 1, 4]));
        assert_eq!(
            smart_ban.passed(PIECE, &digests(&[1, 2, 3, 4]), []),
            [peer(2), peer(4)]
        );
        assert!(!smart_ban.was_wrong(PIECE));
        assert!(!smart_ban.is_on_parole(peer(1)));
        assert_eq!(smart_ban.passed(PIECE, &digests(&[1, 2, 3, 4]), []), []);
    }

    #[test]
    fn without_digests_nobody_is_accused() {
        let mut smart_ban = SmartBan::default();
        smart_ban.failed(PIECE, &[], senders(&[1, 2]));
        assert!(smart_ban.is_on_parole(peer(1)));
        assert_eq!(smart_ban.passed(PIECE, &digests(&[1, 2]), []), []);
        smart_ban.failed(PIECE, &digests(&[1, 2]), senders(&[1, 2]));
        assert_eq!(smart_ban.passed(PIECE, &[], []), []);
    }

    #[test]
    fn without_digests_parole_ends_with_a_right_piece() {
        let mut smart_ban = SmartBan::default();
        assert_eq!(
            smart_ban.failed(PIECE, &[], senders(&[1, 2, 3, 1, 2])),
            Verdict::Open
        );
        // The first has a part in the right one. That says nothing of the others.
        assert_eq!(smart_ban.passed(PIECE, &[], [peer(1)]), []);
        let on_parole = [1, 2, 3].map(|number| smart_ban.is_on_parole(peer(number)));
        assert_eq!(on_parole, [false, true, true]);
        // The second sends another right piece, the third another bad one, alone.
        smart_ban.passed(PieceIndex(8), &[], [peer(2)]);
        assert!(!smart_ban.is_on_parole(peer(2)) && smart_ban.is_on_parole(peer(3)));
        let verdict = smart_ban.failed(PieceIndex(9), &[], senders(&[3, 3]));
        assert_eq!(verdict, Verdict::Guilty(peer(3)));
    }

    #[test]
    fn who_is_left_need_not_have_sent_all() {
        let mut smart_ban = SmartBan::default();
        let mut senders = senders(&[1, 1]);
        senders[1].1 = None;
        assert_eq!(
            smart_ban.failed(PIECE, &digests(&[1, 2]), senders),
            Verdict::Open
        );
        assert_eq!(smart_ban.passed(PIECE, &digests(&[1, 3]), []), []);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut smart_ban = SmartBan::default();
        for piece in 0..10_000 {
            smart_ban.failed(PieceIndex(piece), &digests(&[1, 2]), senders(&[1, 2]));
        }
        assert_eq!(smart_ban.cases.len(), EVIDENCE_MAX / 2);
        assert!(smart_ban.was_wrong(PieceIndex(9_999)));
        assert!(!smart_ban.was_wrong(PieceIndex(0)));
    }

    proptest! {
        /// Whoever sends wrong blocks, and however often: liars are named and nobody else.
        #[test]
        fn exactly_the_liars_are_named(
            rounds in proptest::collection::vec(proptest::collection::vec((0u8..4, 0u8..3), 4), 1..5),
        ) {
            let mut smart_ban = SmartBan::default();
            let truth = digests(&[1, 1, 1, 1]);
            let mut expected = Vec::new();
            for round in rounds {
                let sent: Vec<u8> = round.iter().map(|(_, lie)| 1 + lie).collect();
                let by: Vec<u8> = round.iter().map(|(peer, _)| *peer).collect();
                let verdict = smart_ban.failed(PIECE, &digests(&sent), senders(&by));
                match verdict {
                    Verdict::Guilty(guilty) => {
                        prop_assert!(by.iter().all(|number| peer(*number) == guilty));
                    }
                    Verdict::Open => expected.extend(
                        round.iter().filter(|(_, lie)| *lie > 0).map(|(number, _)| peer(*number)),
                    ),
                }
            }
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(smart_ban.passed(PIECE, &truth, []), expected);
        }
    }
}
