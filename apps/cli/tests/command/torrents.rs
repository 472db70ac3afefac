//! Torrents made, shown and checked.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::process::{Ended, manyhop, word};

/// Makes a folder `Photos` and a torrent of it, in pieces of 16 KiB.
fn photos(folder: &Path) -> Ended {
    let photos = folder.join("Photos");
    fs::create_dir_all(photos.join("sea")).expect("made");
    fs::write(photos.join("a.jpg"), vec![1; 20_000]).expect("written");
    fs::write(photos.join("sea/b.jpg"), vec![2; 30_000]).expect("written");
    let torrent = folder.join("photos.torrent");
    manyhop([
        "create",
        word(&photos),
        "-o",
        word(&torrent),
        "--tracker",
        "http://192.0.2.1:6969/announce",
        "--tracker",
        "udp://192.0.2.2:6969",
        "--piece-size",
        "16K",
        "--private",
        "--comment",
        "from the sea",
        "--json",
    ])
}

#[test]
fn show_tells_what_create_was_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let created = photos(folder.path());
    assert_eq!(created.code, Some(0), "{}", created.err);
    let torrent = folder.path().join("photos.torrent");
    let shown = manyhop(["show", word(&torrent), "--json"]).last();
    for key in ["info_hash", "bytes", "pieces", "piece_length", "magnet"] {
        assert_eq!(shown[key], created.last()[key], "{key}");
    }
    assert_eq!(
        (&shown["bytes"], &shown["pieces"]),
        (&json!(50_000), &json!(4))
    );
    assert_eq!(
        (&shown["private"], &shown["comment"]),
        (&json!(true), &json!("from the sea"))
    );
    let tiers = json!([["http://192.0.2.1:6969/announce"], ["udp://192.0.2.2:6969"]]);
    assert_eq!(shown["trackers"], tiers);
    let paths = shown["files"].as_array().expect("a list");
    let paths: Vec<_> = paths
        .iter()
        .map(|file| (&file["number"], &file["path"]))
        .collect();
    let (first, second) = (json!("Photos/a.jpg"), json!("Photos/sea/b.jpg"));
    assert_eq!(paths, [(&json!(1), &first), (&json!(2), &second)]);

    let text = manyhop(["show", word(&torrent)]).out;
    let magnet = shown["magnet"].as_str().expect("a link");
    for told in [
        "Photos",
        "from the sea",
        "tier 2",
        "29.3 KiB  Photos/sea/b.jpg",
        magnet,
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let of_magnet = manyhop(["show", magnet, "--json"]).last();
    assert_eq!(of_magnet["info_hash"], shown["info_hash"]);
    assert_eq!(of_magnet["name"], "Photos");
}

#[test]
fn check_counts_good_bad_and_missing_pieces() {
    let folder = tempfile::tempdir().expect("a folder");
    photos(folder.path());
    let torrent = folder.path().join("photos.torrent");
    let check = |format: &[&str]| {
        let words = ["check", word(&torrent), word(folder.path())];
        manyhop(words.iter().chain(format))
    };
    let whole = check(&["--json"]);
    assert_eq!(
        (whole.code, &whole.last()["complete"]),
        (Some(0), &json!(true))
    );
    fs::write(folder.path().join("Photos/a.jpg"), vec![3; 20_000]).expect("written");
    fs::write(folder.path().join("Photos/sea/b.jpg"), vec![2; 15_000]).expect("written");
    let damaged = check(&["--json"]);
    assert_eq!(damaged.code, Some(1));
    let counts = ["good", "bad", "missing"].map(|key| damaged.last()[key].clone());
    assert_eq!(counts, [json!(0), json!(2), json!(2)]);
    assert_eq!(damaged.last()["bad_pieces"], json!([[0, 1]]));
    let text = check(&[]).out;
    assert!(text.contains("0 good, 2 bad, 2 missing of 4"), "{text}");
    assert!(text.contains("missing: 2-3"), "{text}");
}

#[test]
fn create_refuses_what_makes_no_torrent() {
    let folder = tempfile::tempdir().expect("a folder");
    let content = folder.path().join("content");
    fs::write(&content, "x").expect("written");
    let torrent = folder.path().join("x.torrent");
    let create = |path: &Path, output: &Path, more: &[&str]| {
        let words = ["create", word(path), "-o", word(output), "--json"];
        let ended = manyhop(words.iter().chain(more));
        (ended.code, ended.last())
    };
    let (code, error) = create(&content, &torrent, &["--piece-size", "8K"]);
    assert_eq!((code, &error["field"]), (Some(2), &json!("--piece-size")));
    let (code, error) = create(&content, &torrent, &["--tracker", "tracker"]);
    assert_eq!((code, &error["field"]), (Some(2), &json!("--tracker")));
    let missing = folder.path().join("missing");
    let (code, error) = create(&missing, &torrent, &[]);
    assert_eq!(code, Some(1));
    assert!(
        error["error"]
            .as_str()
            .is_some_and(|text| text.contains("missing")),
        "{error}"
    );
    let (code, error) = create(&content, &missing.join("x.torrent"), &[]);
    assert_eq!(code, Some(1));
    assert!(
        error["error"]
            .as_str()
            .is_some_and(|text| text.contains("missing")),
        "{error}"
    );
    assert!(!torrent.exists());
}
