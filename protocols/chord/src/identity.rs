//! What is where on the ring: nodes by their keys, keys by their bytes (spec section 1).

use keyspace::{Id, Space};
use sha1::{Digest, Sha1};

/// The public key of a host.
pub type PublicKey = [u8; 32];

/// The place of a key: the SHA-1 of its bytes.
#[must_use]
pub fn of_key(key: &[u8], space: Space) -> Id {
    space.of_digest(Sha1::digest(key).into())
}

/// The place of a virtual node: the SHA-1 of its host's public key, its number and its
/// incarnation. Nobody can choose it, and who comes back comes back elsewhere, so that nobody's
/// old tables name a node that has forgotten what it knew.
#[must_use]
pub fn of_node(key: &PublicKey, number: u32, incarnation: u32, space: Space) -> Id {
    let digest = Sha1::new()
        .chain_update(key)
        .chain_update(number.to_be_bytes())
        .chain_update(incarnation.to_be_bytes())
        .finalize();
    space.of_digest(digest.into())
}
