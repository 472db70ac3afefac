//! The worked examples of spec section 15, which are those of the papers with a few more nodes.

mod ring;

use chord::{Config, Converged, identity};
use keyspace::Space;
use ring::{Ring, config};

#[test]
fn keys_and_fingers_of_the_ring_of_six_bits() {
    let ring = Ring::new(6, 1, &[1, 8, 14, 21, 32, 38, 42, 48, 51, 56]);
    for (key, owner) in [(10, 14), (24, 32), (30, 32), (38, 38), (54, 56), (60, 1)] {
        assert_eq!(ring.owner(key), owner, "key {key}");
    }
    // The starts of 8 are 40, 24 and 16; those of 42 are 10, 58 and 50. The lower levels, which
    // name the first successor, have no row of their own.
    assert_eq!(ring.fingers(8), [42, 32, 21]);
    assert_eq!(ring.successors(8), [14]);
    assert_eq!(ring.fingers(42), [14, 1, 51]);
    assert_eq!(ring.successors(42), [48]);
}

#[test]
fn keys_and_fingers_of_the_ring_of_three_bits() {
    let ring = Ring::new(3, 1, &[0, 1, 3]);
    assert_eq!((ring.owner(6), ring.owner(2), ring.owner(1)), (0, 3, 1));
    assert_eq!((ring.fingers(0), ring.successors(0)), (vec![0, 3], vec![1]));
    assert_eq!((ring.fingers(1), ring.successors(1)), (vec![0], vec![3]));
    assert_eq!((ring.fingers(3), ring.successors(3)), (vec![], vec![0]));
}

#[test]
fn the_lookup_of_54_goes_over_42_and_51() {
    let mut ring = Ring::new(6, 1, &[1, 8, 14, 21, 32, 38, 42, 48, 51, 56]);
    assert_eq!(ring.look_up(8, 54), (56, 2));
    let mut knowing = Ring::new(6, 4, &[1, 8, 14, 21, 32, 38, 42, 48, 51, 56]);
    assert_eq!(knowing.look_up(8, 54), (56, 1), "42 has 56 in its list");
}

#[test]
fn node_26_joins() {
    let mut ring = Ring::new(6, 4, &[1, 8, 14, 21, 32, 38, 42, 48, 51, 56]);
    ring.join(26, 1);
    ring.run(60);
    assert_eq!(ring.successors(26), [32, 38, 42, 48]);
    assert_eq!(ring.successors(21), [26, 32, 38, 42]);
    assert_eq!((ring.predecessor(26), ring.predecessor(32)), (21, 26));
    assert_eq!((ring.look_up(56, 24).0, ring.look_up(56, 30).0), (26, 32));
}

#[test]
fn nodes_32_and_38_fail_together() {
    let mut ring = Ring::new(6, 4, &[1, 8, 14, 21, 26, 32, 38, 42, 48, 51, 56]);
    ring.kill(32);
    ring.kill(38);
    ring.run(60);
    assert_eq!(ring.successors(26), [42, 48, 51, 56]);
    assert_eq!(ring.predecessor(42), 26);
    assert_eq!(ring.look_up(1, 30).0, 42);
}

#[test]
fn addresses_and_keys_by_their_digests() {
    let id = |text: &str| identity::of_key(text.as_bytes(), Space::FULL);
    for (text, digest) in [
        ("127.0.0.1:4000", "caf8d9b85e7fa9a124cb44cb28ad5289faa44668"),
        ("127.0.0.1:4001", "b282acfdff5442254f3a1ea52773da3afcecfea2"),
        ("127.0.0.1:4002", "623121e1c507d5edc5ebaa1a925c1fd54abc84bc"),
        ("hello", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
    ] {
        assert_eq!(id(text).to_string(), digest);
    }
    let (shared, contacts) = ring::shared_of(
        Config::new(),
        ["127.0.0.1:4000", "127.0.0.1:4001", "127.0.0.1:4002"].map(id),
    );
    let owner = Converged::new(&contacts, &shared).owner(id("hello"));
    assert_eq!(owner, Some(contacts[1]));
}

#[test]
fn the_id_of_a_node_follows_from_its_key() {
    // sha1(32 times 0x07, 0000 0001, 0000 0002)
    let id = identity::of_node(&[7; 32], 1, 2, Space::FULL);
    assert_ne!(id, identity::of_node(&[7; 32], 2, 1, Space::FULL));
    assert_eq!(id.to_string(), "b9e9d2be902481c2c2d6e6ef38e089acf696aadd");
    assert_eq!(config(6, 1).space.bits(), 6);
}
