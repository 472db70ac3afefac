//! A stream buffer does what a plain vector of bytes would, however the stream was cut.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use wire::StreamBuffer;

#[derive(Debug, Clone)]
enum Step {
    Push(Vec<u8>),
    Take(usize),
    TakeFront(usize),
    Skip(usize),
    Peek(usize),
    Find { needle: Vec<u8>, limit: usize },
    Compact,
}

fn step() -> impl Strategy<Value = Step> {
    // Few different bytes, so that needles are found.
    let bytes = |len| vec(0u8..3, len);
    prop_oneof![
        4 => bytes(0..12).prop_map(Step::Push),
        2 => (0usize..20).prop_map(Step::Take),
        1 => (0usize..8).prop_map(Step::TakeFront),
        1 => (0usize..8).prop_map(Step::Skip),
        1 => (0usize..20).prop_map(Step::Peek),
        3 => (bytes(0..4), 0usize..40).prop_map(|(needle, limit)| Step::Find { needle, limit }),
        1 => Just(Step::Compact),
    ]
}

fn find(model: &[u8], needle: &[u8], limit: usize) -> Option<usize> {
    let within = &model[..limit.min(model.len())];
    (0..=within.len()).find(|start| within[*start..].starts_with(needle))
}

proptest! {
    #[test]
    fn equals_a_vector(steps in vec(step(), 0..60)) {
        let mut buffer = StreamBuffer::new();
        let mut model: Vec<u8> = Vec::new();
        for step in steps {
            match step {
                Step::Push(bytes) => {
                    model.extend_from_slice(&bytes);
                    buffer.push(Bytes::from(bytes));
                }
                Step::Take(count) => {
                    let taken = buffer.take(count).map(|bytes| bytes.to_vec());
                    let expected = (count <= model.len()).then(|| model.drain(..count).collect());
                    prop_assert_eq!(taken, expected);
                }
                Step::TakeFront(max) => {
                    let taken = buffer.take_front(max);
                    prop_assert_eq!(taken.is_some(), max > 0 && !model.is_empty());
                    let taken = taken.unwrap_or_default();
                    prop_assert!(taken.len() <= max);
                    let expected: Vec<u8> = model.drain(..taken.len()).collect();
                    prop_assert_eq!(&taken[..], expected);
                }
                Step::Skip(count) => {
                    let expected = count.min(model.len());
                    model.drain(..expected);
                    prop_assert_eq!(buffer.skip(count), expected);
                }
                Step::Peek(count) => {
                    prop_assert_eq!(&buffer.peek(count)[..], &model[..count.min(model.len())]);
                    prop_assert_eq!(buffer.peek_array(), model.first_chunk::<5>().copied());
                }
                Step::Find { needle, limit } => {
                    let expected = find(&model, &needle, limit);
                    prop_assert_eq!(buffer.find(&needle, limit), expected);
                }
                Step::Compact => buffer.compact(),
            }
            prop_assert_eq!((buffer.len(), buffer.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(buffer.front().is_empty(), model.is_empty());
            prop_assert!(model.starts_with(buffer.front()));
        }
        prop_assert_eq!(&buffer.peek(usize::MAX)[..], &model[..]);
    }
}
