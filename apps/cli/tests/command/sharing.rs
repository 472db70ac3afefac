//! Our own processes fetch from and give to each other, over loopback.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Ended, Running, manyhop, word};

/// The two files of the album, and their bytes.
const LONG: usize = 3 << 20;
const SHORT: usize = 70_001;

/// A folder with an album and its torrent.
struct World {
    folder: TempDir,
    torrent: PathBuf,
}

impl World {
    fn new(tracker: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let album = folder.path().join("original/Album");
        fs::create_dir_all(&album).expect("made");
        fs::write(album.join("long.bin"), bytes(LONG)).expect("written");
        fs::write(album.join("short.bin"), bytes(SHORT)).expect("written");
        let torrent = folder.path().join("album.torrent");
        let mut words = vec![
            "create",
            word(&album),
            "-o",
            word(&torrent),
            "--piece-size",
            "64K",
        ];
        words.extend(
            tracker
                .into_iter()
                .flat_map(|tracker| ["--tracker", tracker]),
        );
        assert_eq!(manyhop(words).code, Some(0));
        Self { folder, torrent }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn seed(&self, more: &[&str]) -> (Running, String) {
        let original = self.path("original");
        let words = [
            "seed",
            word(&self.torrent),
            word(&original),
            "--bind",
            "127.0.0.1",
        ];
        let seed = Running::start(words.iter().chain(more));
        let port = seed.hears("seeding")["port"].clone();
        (seed, format!("127.0.0.1:{port}"))
    }

    fn get(&self, source: &str, folder: &str, more: &[&str]) -> Ended {
        let folder = self.path(folder);
        let words = [
            "get",
            source,
            "-o",
            word(&folder),
            "--bind",
            "127.0.0.1",
            "--json",
        ];
        manyhop(words.iter().chain(more))
    }

    fn has(&self, folder: &str, name: &str) -> bool {
        let read = |folder| fs::read(self.path(folder).join("Album").join(name)).ok();
        read(folder) == read("original")
    }
}

/// Bytes that are not all the same: the low bytes of a linear congruential generator.
fn bytes(len: usize) -> Vec<u8> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let states = std::iter::successors(Some(1_u32), next);
    states.take(len).map(|state| (state >> 24) as u8).collect()
}

fn fetched(ended: &Ended) -> u64 {
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    let result = ended.last();
    assert_eq!(
        (&result["event"], &result["complete"]),
        (&"result".into(), &true.into())
    );
    result["downloaded_bytes"].as_u64().expect("a number")
}

#[test]
fn a_torrent_is_fetched_once() {
    let world = World::new(None);
    let (_seed, peer) = world.seed(&[]);
    let first = world.get(word(&world.torrent), "copy", &["--peer", &peer]);
    assert_eq!(fetched(&first), (LONG + SHORT) as u64);
    assert!(world.has("copy", "long.bin") && world.has("copy", "short.bin"));
    let again = world.get(word(&world.torrent), "copy", &[]);
    assert_eq!(fetched(&again), 0);
}

#[test]
fn people_read_what_became_of_it() {
    let world = World::new(None);
    let original = world.path("original");
    let ended = manyhop(["get", word(&world.torrent), "-o", word(&original)]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert_eq!(
        ended.out,
        format!("complete: {}/Album (3.1 MiB)\n", original.display())
    );
}

#[test]
fn only_the_chosen_files_are_fetched_and_the_others_later() {
    let world = World::new(None);
    let (_seed, peer) = world.seed(&[]);
    let peer = ["--peer", &peer, "--sequential"];
    let torrent = word(&world.torrent);
    let chosen = world.get(torrent, "copy", &[&peer[..], &["--files", "2"]].concat());
    let first = fetched(&chosen);
    assert!(world.has("copy", "short.bin") && !world.path("copy/Album/long.bin").exists());
    let rest = fetched(&world.get(torrent, "copy", &peer));
    assert_eq!(first + rest, (LONG + SHORT) as u64);
    assert!(world.has("copy", "long.bin") && world.has("copy", "short.bin"));
    let beyond = world.get(torrent, "copy", &["--files", "3"]);
    assert_eq!(beyond.code, Some(1));
    assert_eq!(
        beyond.last()["error"],
        "there is no file 3: the torrent has 2"
    );
}

#[test]
fn a_magnet_link_and_a_tracker_are_enough() {
    let tracker = Running::start(["tracker", "--bind", "127.0.0.1:0"]);
    let urls = tracker.hears("listening");
    for url in ["http", "udp"] {
        let url = urls[url].as_str().expect("a URL");
        let world = World::new(Some(url));
        let (mut seed, _) = world.seed(&[]);
        assert_eq!(seed.hears("tracker")["url"], url);
        let shown = manyhop(["show", word(&world.torrent), "--json"]).last();
        let magnet = shown["magnet"].as_str().expect("a link");
        assert_eq!(
            fetched(&world.get(magnet, "copy", &[])),
            (LONG + SHORT) as u64
        );
        assert!(world.has("copy", "long.bin") && world.has("copy", "short.bin"));
        assert_eq!(fetched(&world.get(magnet, "copy", &[])), 0);
        seed.signal("TERM");
        assert_eq!(
            seed.hears("result")["uploaded_bytes"],
            (LONG + SHORT) as u64
        );
        assert_eq!(seed.code(), Some(0));
    }
}

#[test]
fn a_download_that_is_stopped_goes_on() {
    let world = World::new(None);
    let (_seed, peer) = world.seed(&["--limit-up", "2M"]);
    let copy = world.path("copy");
    for signal in ["INT", "KILL"] {
        let words = [
            "get",
            word(&world.torrent),
            "-o",
            word(&copy),
            "--bind",
            "127.0.0.1",
        ];
        let mut get = Running::start(words.iter().chain(&["--peer", &peer]));
        while get.hears("progress")["done_bytes"] == 0 {}
        get.signal(signal);
        if signal == "INT" {
            let error = get.hears("error");
            assert_eq!(error["hint"], "run the same command again to go on");
            assert_eq!(get.code(), Some(1));
        } else {
            assert_eq!(get.code(), None);
        }
    }
    let rest = fetched(&world.get(word(&world.torrent), "copy", &["--peer", &peer]));
    assert!(rest < (LONG + SHORT) as u64, "{rest} bytes came again");
    assert!(world.has("copy", "long.bin") && world.has("copy", "short.bin"));
}

#[test]
fn who_has_all_may_go_on_giving() {
    let world = World::new(None);
    let (seed, peer) = world.seed(&[]);
    let first = world.path("first");
    let words = [
        "get",
        word(&world.torrent),
        "-o",
        word(&first),
        "--bind",
        "127.0.0.1",
    ];
    let mut giver = Running::start(words.iter().chain(&["--seed-after", "--peer", &peer]));
    let port = giver.hears("start")["port"].clone();
    giver.hears("complete");
    drop(seed);
    let peer = format!("127.0.0.1:{port}");
    let second = world.get(word(&world.torrent), "second", &["--peer", &peer]);
    assert_eq!(fetched(&second), (LONG + SHORT) as u64);
    giver.signal("INT");
    assert_eq!(
        giver.hears("result")["uploaded_bytes"],
        (LONG + SHORT) as u64
    );
    assert_eq!(giver.code(), Some(0));
}

#[test]
fn a_torrent_may_lie_on_the_web() {
    let world = World::new(None);
    let (_seed, peer) = world.seed(&[]);
    let url = serve(&world.torrent);
    let ended = world.get(&format!("{url}/moved"), "copy", &["--peer", &peer]);
    assert_eq!(fetched(&ended), (LONG + SHORT) as u64);
    let nothing = world.get(&format!("{url}/nothing"), "copy", &[]);
    assert_eq!(nothing.code, Some(1));
    let message = nothing.last()["error"].to_string();
    assert!(message.contains("404"), "{message}");
}

#[test]
fn what_is_not_whole_is_not_seeded_but_the_rest_is() {
    let world = World::new(None);
    let other = World::new(None);
    let original = world.path("original");
    fs::write(original.join("Album/short.bin"), bytes(SHORT - 1)).expect("written");
    let none = manyhop(["--json", "seed", word(&world.torrent), word(&original)]);
    assert_eq!(none.code, Some(1));
    let [warning, error] = &none.objects()[..] else {
        panic!("{}", none.out);
    };
    assert_eq!(
        (&warning["event"], &error["event"]),
        (&"warning".into(), &"error".into())
    );
    assert!(
        warning["error"].to_string().contains("album.torrent"),
        "{warning}"
    );

    let broken = world.path("broken.torrent");
    fs::write(&broken, "d4:infodee").expect("written");
    let whole = other.path("original");
    let words = ["seed", word(&broken), word(&other.torrent), word(&whole)];
    let seed = Running::start(words.iter().chain(&["--bind", "127.0.0.1"]));
    assert_eq!(seed.hears("warning")["field"], Value::from("name"));
    assert_eq!(seed.hears("seeding")["torrents"], 1);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let world = World::new(None);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port().to_string();
    let ended = world.get(word(&world.torrent), "copy", &["--port", &port]);
    assert_eq!(ended.code, Some(1));
    let error = ended.last();
    assert!(error["error"].to_string().contains(&port), "{error}");
    assert!(error["hint"].to_string().contains("--port"), "{error}");
}

/// Serves a file at `/file`, sends who asks for `/moved` there, and knows nothing else.
fn serve(file: &Path) -> String {
    let body = fs::read(file).expect("read");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a whole head");
                head.extend(byte);
            }
            let (status, location, body) = match &head {
                head if head.starts_with(b"GET /file ") => ("200 OK", "", &body[..]),
                head if head.starts_with(b"GET /moved ") => {
                    ("302 Found", "Location: /file\r\n", &[][..])
                }
                _ => ("404 Not Found", "", &[][..]),
            };
            let len = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\n{location}Content-Length: {len}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).expect("taken");
            stream.write_all(body).expect("taken");
        }
    });
    url
}
