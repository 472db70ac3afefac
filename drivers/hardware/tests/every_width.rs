//! Every width of this CPU gives the digests of the plain one: the crate `sha1`, one message after
//! the other.

use hardware::{LANES_MAX, Sha1Lanes, Sha1Stream, Width, sha1_many};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use sha1::Digest as _;

/// Lengths about the borders of a block and of its padding, and some of many blocks.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        prop::sample::select(vec![
            0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 16_384
        ]),
        0usize..300,
        0usize..20_000,
    ]
}

/// A message whose bytes differ from word to word and from message to message.
fn message(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn messages(lengths: &[usize], seed: u64) -> Vec<Vec<u8>> {
    lengths
        .iter()
        .zip(seed..)
        .map(|(&length, seed)| message(seed, length))
        .collect()
}

fn plain(message: &[u8]) -> [u8; 20] {
    sha1::Sha1::digest(message).into()
}

/// Feeds the messages in chunks, whose lengths `steps` gives over and over, and checks the digests.
fn check_lanes(width: Width, messages: &[Vec<u8>], steps: &[usize]) -> Result<(), TestCaseError> {
    let mut lanes = Sha1Lanes::new(width, messages.len());
    let mut rest: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    // Each message goes through all the steps, so none is fed empty chunks for ever.
    let mut row = 0;
    while rest.iter().any(|left| !left.is_empty()) {
        let mut lane = row;
        let chunks: Vec<&[u8]> = rest
            .iter_mut()
            .map(|left| {
                let step = steps[lane % steps.len()].min(left.len());
                lane += 1;
                left.split_off(..step).unwrap_or(&[])
            })
            .collect();
        row += 1;
        lanes.update(&chunks);
    }
    let expected: Vec<[u8; 20]> = messages.iter().map(|message| plain(message)).collect();
    prop_assert_eq!(lanes.finish(), expected, "{}", width);
    Ok(())
}

proptest! {
    // A failing case is kept beside this file and tried first from then on.
    #![proptest_config(ProptestConfig::with_failure_persistence(
        FileFailurePersistence::WithSource("regressions")
    ))]

    #[test]
    fn lanes_of_any_lengths_in_any_chunks(
        lengths in vec(length(), 0..=LANES_MAX),
        steps in vec(prop_oneof![0usize..200, 1usize..5_000], 1..40),
        seed: u64,
    ) {
        // A row of nothing but empty chunks would never end the message.
        prop_assume!(steps.iter().any(|&step| step > 0));
        let messages = messages(&lengths, seed);
        for width in Width::available() {
            check_lanes(width, &messages, &steps)?;
        }
    }

    #[test]
    fn lanes_of_one_length_in_whole_blocks(
        count in 0..=LANES_MAX,
        length in length(),
        blocks in 1usize..100,
        seed: u64,
    ) {
        let messages = messages(&vec![length; count], seed);
        for width in Width::available() {
            check_lanes(width, &messages, &[blocks * 64])?;
        }
    }

    #[test]
    fn many_messages(lengths in vec(length(), 0..40), seed: u64) {
        let messages = messages(&lengths, seed);
        let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let expected: Vec<[u8; 20]> = messages.iter().map(|message| plain(message)).collect();
        prop_assert_eq!(sha1_many(&slices), expected);
    }

    #[test]
    fn one_stream(chunks in vec(vec(any::<u8>(), 0..200), 0..10)) {
        let mut stream = Sha1Stream::new();
        for chunk in &chunks {
            stream.update(chunk);
        }
        prop_assert_eq!(stream.finish(), plain(&chunks.concat()));
    }
}

/// FIPS 180-2, appendix A: one block, two blocks, a million letters.
#[test]
fn vectors_of_the_standard_at_every_width_and_count() {
    let vectors: [(&[u8], &str); 4] = [
        (b"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
        ),
        (
            &[b'a'; 1_000_000],
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
        ),
    ];
    for width in Width::available() {
        println!("this CPU has: {width}");
        for count in 1..=LANES_MAX {
            for (message, expected) in vectors {
                let mut lanes = Sha1Lanes::new(width, count);
                lanes.update(&vec![message; count]);
                for digest in lanes.finish() {
                    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                    assert_eq!(hex, expected, "{width}, {count} messages");
                }
            }
        }
    }
    for missing in ["avx2 x 8", "avx512 x 16"] {
        if Width::available().all(|width| width.to_string() != missing) {
            println!("this CPU lacks, so not tested: {missing}");
        }
    }
}

#[test]
#[should_panic(expected = "17 messages for 16 lanes")]
fn more_messages_than_lanes() {
    let _ = Sha1Lanes::new(Width::SINGLE, LANES_MAX + 1);
}

#[test]
#[should_panic(expected = "one chunk for each message")]
fn fewer_chunks_than_messages() {
    Sha1Lanes::new(Width::SINGLE, 2).update(&[b"alone"]);
}
