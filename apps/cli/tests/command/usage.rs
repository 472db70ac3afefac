//! What the command answers to who asks wrongly.

use crate::process::manyhop;

#[test]
fn wrong_words_end_with_2_and_a_way_to_help() {
    for words in [
        &[][..],
        &["frobnicate"],
        &["get"],
        &["get", "x.torrent", "--port", "0"],
        &["get", "x.torrent", "--peer", "nowhere"],
        &["get", "x.torrent", "--limit-down", "5X"],
        &["get", "x.torrent", "--limit-up", "0"],
        &["get", "x.torrent", "--files", "3-1"],
        &["seed", "x.torrent"],
        &["tracker", "--bind", "6969"],
        &["tracker", "--interval", "0"],
        &["chord"],
        &["chord", "node", "--vnodes", "0"],
        &["chord", "put", "key"],
        &["chord", "put", "key", "value", "--file", "too"],
        &["chord", "get", "key", "--at", "nowhere"],
    ] {
        let ended = manyhop(words);
        assert_eq!(ended.code, Some(2), "{words:?}");
        assert!(ended.out.is_empty(), "{words:?}: {}", ended.out);
        assert!(ended.err.contains("help"), "{words:?}: {}", ended.err);
    }
}

#[test]
fn wrong_words_are_an_object_for_programs() {
    let ended = manyhop(["get", "x.torrent", "--json", "--limit-down", "5X"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.is_empty(), "{}", ended.err);
    let [error] = &ended.objects()[..] else {
        panic!("{}", ended.out);
    };
    assert_eq!(error["event"], "error");
    assert_eq!(error["field"], "--limit-down");
    let message = error["error"].as_str().expect("a message");
    assert!(message.contains("K, M or G"), "{message}");
}

#[test]
fn help_is_a_result() {
    for words in [&["--help"][..], &["get", "--help"], &["help", "seed"]] {
        let ended = manyhop(words);
        assert_eq!(ended.code, Some(0), "{words:?}");
        assert!(ended.out.contains("Examples:"), "{words:?}: {}", ended.out);
    }
    let version = manyhop(["--version"]).out;
    assert_eq!(
        version,
        concat!("manyhop ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn errors_say_what_to_try_next() {
    let ended = manyhop(["get", "no such.torrent"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert_eq!(
        ended.err,
        "error: cannot read no such.torrent: No such file or directory (os error 2)\n\
         hint: check the path of the torrent file\n"
    );
}

#[test]
fn errors_point_at_the_field() {
    let ended = manyhop(["get", "magnet:?xt=urn:btih:BADHASH", "--json"]);
    assert_eq!(ended.code, Some(1));
    let error = ended.last();
    assert_eq!(error["field"], "xt");
    assert_eq!(error["offset"], 8);
    assert!(error["hint"].is_string());
    let message = error["error"].as_str().expect("a message");
    assert!(
        message.ends_with("this one has 7 (xt=urn:btih:BADHASH)"),
        "{message}"
    );
}
