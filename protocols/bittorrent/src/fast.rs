//! The allowed-fast set of the Fast extension (BEP 6, spec section 9).
//!
//! A newcomer has nothing to give, so nobody owes it anything. Both sides therefore compute a few
//! pieces that it may fetch even while choked. They follow from its address and the torrent, so
//! asking again from the same network yields no more pieces.

use core::net::Ipv4Addr;

use sha1::{Digest, Sha1};
use smallvec::SmallVec;

use crate::numbers::{InfoHash, PieceIndex};

/// How many pieces a newcomer may fetch while choked, and the number of pieces from which it no
/// longer may (BEP 6).
pub const ALLOWED_FAST_COUNT: usize = 10;

/// Rounds of five candidates after which the search ends in any case. Ten different pieces out of
/// ten take eight rounds on average; so many are never needed, but a loop that a stranger's hash
/// steers has to have an end.
const ROUNDS_MAX: usize = 256;

/// Computes the allowed-fast set of a peer at `ip`: at most `count` pieces out of `pieces`, in the
/// order of the BEP.
///
/// The BEP omits that there may be fewer pieces than `count`, and defines no set for IPv6: send
/// none there.
pub fn allowed_fast_set(
    ip: Ipv4Addr,
    info_hash: &InfoHash,
    pieces: u32,
    count: usize,
) -> SmallVec<[PieceIndex; ALLOWED_FAST_COUNT]> {
    let mut set = SmallVec::new();
    let count = count.min(pieces as usize);
    let [a, b, c, _] = ip.octets();
    let mut hash = Sha1::new()
        .chain_update([a, b, c, 0])
        .chain_update(info_hash.0)
        .finalize();
    for _ in 0..ROUNDS_MAX {
        for candidate in hash.as_chunks::<4>().0 {
            if set.len() == count {
                return set;
            }
            let piece = PieceIndex(u32::from_be_bytes(*candidate) % pieces);
            if !set.contains(&piece) {
                set.push(piece);
            }
        }
        hash = Sha1::digest(hash);
    }
    set
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn set(pieces: u32, count: usize) -> Vec<u32> {
        let ip = Ipv4Addr::new(80, 4, 4, 200);
        let set = allowed_fast_set(ip, &InfoHash([0xaa; 20]), pieces, count);
        set.iter().map(|piece| piece.0).collect()
    }

    #[test]
    fn computes_the_sets_of_the_specification() {
        assert_eq!(set(1313, 7), [1059, 431, 808, 1217, 287, 376, 1188]);
        assert_eq!(
            set(1313, 9),
            [1059, 431, 808, 1217, 287, 376, 1188, 353, 508]
        );
    }

    #[test]
    fn ends_when_there_are_fewer_pieces_than_asked_for() {
        let mut all = set(6, ALLOWED_FAST_COUNT);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5]);
        assert_eq!(set(1, ALLOWED_FAST_COUNT), [0]);
        assert_eq!(set(0, ALLOWED_FAST_COUNT), []);
    }

    #[test]
    fn depends_on_the_network_and_not_on_the_host() {
        let hash = InfoHash([7; 20]);
        let of = |ip| allowed_fast_set(ip, &hash, 5000, ALLOWED_FAST_COUNT);
        assert_eq!(
            of(Ipv4Addr::new(192, 0, 2, 1)),
            of(Ipv4Addr::new(192, 0, 2, 254))
        );
        assert_ne!(
            of(Ipv4Addr::new(192, 0, 2, 1)),
            of(Ipv4Addr::new(192, 0, 3, 1))
        );
    }
}
