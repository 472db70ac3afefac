//! Replays what fuzzers are fed with and what they found, and holds `fuzz/` to the list of targets.

use fuzzing::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// Lists the paths in a folder that is part of the repository, in order.
fn paths(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("the folder is readable").path())
        .collect();
    paths.sort();
    paths
}

fn stems(paths: &[PathBuf]) -> BTreeSet<&str> {
    paths
        .iter()
        .filter_map(|path| path.file_stem()?.to_str())
        .collect()
}

#[test]
fn every_input_of_the_corpus_is_harmless() {
    let mut guilty = Vec::new();
    for target in TARGETS {
        let inputs = paths(&fuzz().join("corpus").join(target.name));
        assert!(!inputs.is_empty(), "the corpus of {} is empty", target.name);
        for input in inputs {
            let data = fs::read(&input).unwrap_or_else(|error| panic!("{input:?}: {error}"));
            if catch_unwind(|| (target.run)(&data)).is_err() {
                guilty.push(input);
            }
        }
    }
    assert!(
        guilty.is_empty(),
        "these inputs break a promise: {guilty:#?}"
    );
}

#[test]
fn each_corpus_has_a_target() {
    let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(stems(&paths(&fuzz().join("corpus"))), names);
}

#[test]
fn the_fuzzer_knows_each_target_and_no_other() {
    let sources = paths(&fuzz().join("fuzz_targets"));
    let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    let strange: Vec<_> = stems(&sources).difference(&names).copied().collect();
    assert!(
        strange.is_empty(),
        "fuzz/fuzz_targets has files without a target: {strange:?}"
    );
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("fuzz has a manifest");
    for name in names {
        let source = format!(
            "//! Fuzzes the target of this name.\n\n#![no_main]\n\n\
             libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::{name}(data));\n"
        );
        let path = fuzz().join(format!("fuzz_targets/{name}.rs"));
        let found = fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            found, source,
            "fuzz/fuzz_targets/{name}.rs should be:\n{source}"
        );
        let binary = format!(
            "[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\ntest = false\n"
        );
        assert!(
            manifest.contains(&binary),
            "fuzz/Cargo.toml lacks:\n{binary}"
        );
    }
}
