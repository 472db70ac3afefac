//! Bencode against random values and against another implementation.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;
use wire::bencode::{self, DictEncoder, Kind, Limits, ListEncoder, Mode, Value};

#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Integer(i64),
    String(Vec<u8>),
    List(Vec<Self>),
    Dict(BTreeMap<Vec<u8>, Self>),
}

impl Tree {
    fn write_into_list(&self, list: &mut ListEncoder<'_>) {
        match self {
            Self::Integer(value) => list.int(*value),
            Self::String(bytes) => list.bytes(bytes),
            Self::List(items) => list.list(|inner| write_items(items, inner)),
            Self::Dict(entries) => list.dict(|inner| write_entries(entries.iter(), inner)),
        }
    }

    fn write_into_dict(&self, key: &[u8], dict: &mut DictEncoder<'_>) {
        match self {
            Self::Integer(value) => dict.int(key, *value),
            Self::String(bytes) => dict.bytes(key, bytes),
            Self::List(items) => dict.list(key, |inner| write_items(items, inner)),
            Self::Dict(entries) => dict.dict(key, |inner| write_entries(entries.iter(), inner)),
        }
    }

    fn read(value: Value<'_>) -> Self {
        match value.kind() {
            Kind::Integer => Self::Integer(value.as_int().expect("an integer")),
            Kind::String => Self::String(value.as_bytes().expect("a string").to_vec()),
            Kind::List => Self::List(value.as_list().expect("a list").map(Self::read).collect()),
            Kind::Dict => {
                let entries = value.entries().expect("a dictionary");
                Self::Dict(
                    entries
                        .map(|(key, value)| (key.to_vec(), Self::read(value)))
                        .collect(),
                )
            }
        }
    }
}

fn write_items(items: &[Tree], list: &mut ListEncoder<'_>) {
    items.iter().for_each(|item| item.write_into_list(list));
}

fn write_entries<'t>(
    entries: impl Iterator<Item = (&'t Vec<u8>, &'t Tree)>,
    dict: &mut DictEncoder<'_>,
) {
    entries.for_each(|(key, value)| value.write_into_dict(key, dict));
}

fn encode(tree: &Tree) -> Vec<u8> {
    let list = bencode::encode_list(|list| tree.write_into_list(list));
    list[1..list.len() - 1].to_vec()
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Tree::Integer),
        vec(any::<u8>(), 0..12).prop_map(Tree::String),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Tree::List),
            btree_map(vec(any::<u8>(), 0..4), inner, 0..6).prop_map(Tree::Dict),
        ]
    })
}

/// Bytes that often are bencode, or nearly so: values, some of them damaged, and random texts of
/// its alphabet.
fn near_bencode() -> impl Strategy<Value = Vec<u8>> {
    let damaged =
        (tree(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(tree, at, byte)| {
            let mut bytes = encode(&tree);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        });
    let alphabet = prop::sample::select(b"deli0123:-a".to_vec());
    prop_oneof![
        tree().prop_map(|tree| encode(&tree)),
        damaged,
        vec(alphabet, 0..16)
    ]
}

proptest! {
    #[test]
    fn a_value_survives(tree in tree()) {
        let bytes = encode(&tree);
        let value = bencode::parse(&bytes, Mode::Strict, Limits::FILE).expect("canonical");
        prop_assert_eq!(value.raw(), &bytes);
        prop_assert_eq!(Tree::read(value), tree);
    }

    #[test]
    fn keys_in_any_order_are_written_sorted(
        entries in btree_map(vec(any::<u8>(), 0..4), tree(), 0..6),
        seed in any::<u64>(),
    ) {
        let mut shuffled: Vec<_> = entries.iter().collect();
        shuffled.sort_by_key(|(key, _)| key.iter().fold(seed, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        }));
        let bytes = bencode::encode_dict(|dict| write_entries(shuffled.into_iter(), dict));
        prop_assert_eq!(bytes, encode(&Tree::Dict(entries)));
    }

    /// Strict is what another decoder reads and then encodes to the same bytes.
    #[test]
    fn strict_agrees_with_the_oracle(bytes in near_bencode()) {
        let oracle = bt_bencode::from_slice::<bt_bencode::Value>(&bytes).ok();
        let canonical = oracle.and_then(|value| bt_bencode::to_vec(&value).ok());
        let strict = bencode::parse(&bytes, Mode::Strict, Limits::FILE);
        prop_assert_eq!(strict.is_ok(), canonical.as_ref() == Some(&bytes), "{:?}", strict);
    }

    /// Lenient takes all that strict takes, with the same spans; and what strict refuses of it,
    /// the check of the value refuses too.
    #[test]
    fn lenient_contains_strict(bytes in near_bencode()) {
        let strict = bencode::parse(&bytes, Mode::Strict, Limits::FILE);
        match bencode::parse(&bytes, Mode::Lenient, Limits::FILE) {
            Ok(value) => prop_assert_eq!(value.check_strict(), strict.map(drop)),
            Err(_) => prop_assert!(strict.is_err()),
        }
    }

    /// Every value of a lenient parse is bencode by itself, and the spans lie within one another.
    #[test]
    fn spans_are_values(bytes in near_bencode()) {
        fn check(value: Value<'_>) {
            let alone = bencode::parse(value.raw(), Mode::Lenient, Limits::FILE).expect("a value");
            assert_eq!(alone.raw(), value.raw());
            let items = value.as_list().into_iter().flatten();
            let values = value.entries().into_iter().flatten().map(|(_, value)| value);
            for inner in items.chain(values) {
                assert!(value.span().start < inner.span().start);
                assert!(inner.span().end < value.span().end);
                check(inner);
            }
        }
        if let Ok(value) = bencode::parse(&bytes, Mode::Lenient, Limits::FILE) {
            check(value);
        }
    }
}
