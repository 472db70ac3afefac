//! A ring of three nodes, from the command line.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use crate::process::{Running, manyhop, word};

/// Starts a node; gives its address too.
fn node(door: Option<&str>) -> (Running, String) {
    let mut words = vec!["chord", "node", "--bind", "127.0.0.1:0"];
    words.extend(door.iter().flat_map(|door| ["--join", door]));
    let node = Running::start(words);
    let address = node.hears("node")["address"].clone();
    node.hears("joined");
    let address = address.as_str().expect("an address").to_owned();
    (node, address)
}

/// Asks the ring for something that it can do.
fn ask(words: &[&str], at: &str) -> Value {
    let ended = manyhop(["--json", "chord"].iter().chain(words).chain(&["--at", at]));
    assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.out);
    ended.last()
}

#[test]
fn three_nodes_keep_what_they_are_given() {
    let (mut first, one) = node(None);
    let (_second, two) = node(Some(&one));
    let (_third, three) = node(Some(&two));
    let stored = ask(&["put", "hello", "Good morning"], &two);
    assert!(stored["copies"].as_u64() >= Some(2), "{stored}");
    assert_eq!(ask(&["get", "hello"], &three)["value"], "Good morning");
    let plain = manyhop(["chord", "get", "hello", "--at", &one]);
    assert_eq!((plain.code, plain.out.as_str()), (Some(0), "Good morning"));

    let folder = tempdir().expect("a folder");
    let (file, copy) = (folder.path().join("file"), folder.path().join("copy"));
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at % 253) as u8).collect();
    fs::write(&file, &bytes).expect("room");
    ask(&["put", "file", "--file", word(&file)], &three);
    ask(&["get", "file", "--file", word(&copy)], &one);
    assert!(fs::read(&copy).expect("it is there") == bytes);

    // Leaving hands all over.
    first.signal("TERM");
    assert_eq!(first.code(), Some(0));
    assert_eq!(ask(&["get", "hello"], &three)["value"], "Good morning");
    ask(&["delete", "hello"], &two);
    let gone = manyhop(["--json", "chord", "get", "hello", "--at", &three]);
    assert_eq!(gone.code, Some(1));
    let error = gone.last();
    assert_eq!(error["error"], "there is no value under \"hello\"");
    assert!(error["hint"].is_string());
}

#[test]
fn a_ring_can_be_looked_at() {
    let (_first, one) = node(None);
    let (_second, two) = node(Some(&one));
    let ring = ask(&["ring"], &two);
    assert_eq!(ring["closed"], true);
    let nodes = ring["nodes"].as_array().expect("nodes");
    let shares: f64 = nodes.iter().filter_map(|node| node["share"].as_f64()).sum();
    assert_eq!(nodes.len(), 2);
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");

    let from_one = ask(&["lookup", "hello"], &one);
    let from_two = ask(&["lookup", "hello"], &two);
    assert_eq!(from_one["key"], "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d");
    assert_eq!(from_one["owners"][0], from_two["owners"][0]);
    let table = manyhop(["chord", "lookup", "hello", "--at", &one]).out;
    let head = table.lines().next().expect("a head");
    assert_eq!(
        head.split_whitespace().collect::<Vec<_>>(),
        ["node", "reached", "by", "left", "ms"]
    );
    assert!(table.contains("\"hello\" (aaf4c61ddc) belongs to 127.0.0.1:"));
}

#[test]
fn who_is_not_there_is_told() {
    let ended = manyhop(["chord", "ring", "--at", "127.0.0.1:9"]);
    assert_eq!(ended.code, Some(1));
    let expected = "error: nobody answers at 127.0.0.1:9\n\
                    hint: check that a node runs there: manyhop chord node prints its address\n";
    assert_eq!(ended.err, expected);
    let ended = manyhop(["chord", "node", "--bind", "0.0.0.0:4000"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.err.contains("hint: name the address"),
        "{}",
        ended.err
    );
}
