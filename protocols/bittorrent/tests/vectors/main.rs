//! Torrents of the specification, of real programs, and of people with bad intentions.

use bittorrent::magnet::Magnet;
use bittorrent::metainfo::{
    Builder, Content, FileKind, Form, Info, Metainfo, MetainfoError, Privacy, Tier,
    default_piece_length,
};
use bittorrent::numbers::PieceIndex;
use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use sha1::{Digest, Sha1};
use wire::Encode;

/// `len` bytes of the pattern that the specification's example is made of.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index % 251) as u8).collect()
}

fn piece_hashes(bytes: &[u8], piece_length: usize) -> Vec<u8> {
    bytes.chunks(piece_length).flat_map(Sha1::digest).collect()
}

/// The paths of a torrent with the lengths of its files.
fn files(info: &Info) -> Vec<(String, u64)> {
    info.files()
        .map(|(index, file)| (info.display_path(file), info.layout().file_len(index)))
        .collect()
}

fn tier(urls: &[&str]) -> Tier {
    Tier(urls.iter().map(|url| (*url).into()).collect())
}

#[test]
fn the_example_of_the_specification() {
    let mut builder = Builder::new("a.bin".into(), Content::File(40_000));
    assert_eq!(builder.piece_length, 16_384);
    builder.trackers = vec![tier(&["http://t/a"])];
    let metainfo = builder
        .build(&piece_hashes(&pattern(40_000), 16_384))
        .expect("a torrent");
    let info = &metainfo.info;
    assert_eq!(info.raw().len(), 123);
    assert_eq!(
        info.hash().to_string(),
        "079742fa6bc8444fdf83825fd7ef8a922cf02d31"
    );
    let hash = |piece| {
        info.piece_hash(PieceIndex(piece))
            .map(|hash| wire::text::to_hex(&hash))
    };
    assert_eq!(
        hash(0).as_deref(),
        Some("68f3b81a11de1e1629e81555b4e70aed955d1140")
    );
    assert_eq!(
        hash(1).as_deref(),
        Some("de9ee0222cd528efc5e01227e4bf16cf6ac6836a")
    );
    assert_eq!(
        hash(2).as_deref(),
        Some("7b9d67e14ed5a5e1695fac5611004b00d76da5ae")
    );
    assert_eq!(hash(3), None);
    assert_eq!(info.layout().piece_len(PieceIndex(2)), 7232);
    assert_eq!(Metainfo::parse(&metainfo.encoded()), Ok(metainfo.clone()));
    assert_eq!(
        Magnet::from(&metainfo).to_string(),
        "magnet:?xt=urn:btih:079742fa6bc8444fdf83825fd7ef8a922cf02d31&dn=a.bin\
         &tr=http%3A%2F%2Ft%2Fa"
    );
}

#[test]
fn a_directory_by_mktorrent() {
    let metainfo = Metainfo::parse(include_bytes!("mktorrent_directory.torrent")).expect("v1");
    let info = &metainfo.info;
    assert_eq!(
        info.hash().to_string(),
        "d558f930c84f664536b99abb4bd632b9866fd492"
    );
    assert_eq!((info.form(), info.name()), (Form::Directory, "tree"));
    let expected = [
        ("tree/empty", 0),
        ("tree/first.bin", 20_000),
        ("tree/link", 17_000),
        ("tree/sub/Žluťoučký kůň.txt", 17_000),
    ];
    assert_eq!(
        files(info),
        expected.map(|(path, len)| (path.to_owned(), len))
    );
    let bytes = [pattern(20_000), pattern(17_000), pattern(17_000)].concat();
    let hashes = piece_hashes(&bytes, 32_768);
    let found = (0..2).flat_map(|piece| info.piece_hash(PieceIndex(piece)).expect("two pieces"));
    assert_eq!(found.collect::<Vec<_>>(), hashes);
    let tiers = [
        tier(&["http://t.example/a", "http://u.example/a"]),
        tier(&["udp://v.example:1"]),
    ];
    assert_eq!(metainfo.trackers, tiers);
    assert_eq!(metainfo.comment.as_deref(), Some("a comment"));
    assert_eq!(metainfo.created_by.as_deref(), Some("mktorrent 1.1"));
}

#[test]
fn a_private_file_by_transmission() {
    let bytes = include_bytes!("transmission_private_file.torrent");
    let metainfo = Metainfo::parse(bytes).expect("v1");
    let info = &metainfo.info;
    assert_eq!(
        info.hash().to_string(),
        "4b3dbd43940d05d6f0168d14cfd5ff748a066ae6"
    );
    assert_eq!(
        (info.form(), info.privacy()),
        (Form::SingleFile, Privacy::Private)
    );
    assert_eq!(files(info), [("a.bin".to_owned(), 40_000)]);
    assert_eq!(metainfo.trackers, [tier(&["http://t.example/announce"])]);
    assert_eq!(metainfo.encoding.as_deref(), Some("UTF-8"));
}

#[test]
fn a_hybrid_by_libtorrent_is_used_as_version_1() {
    let bytes = include_bytes!("libtorrent_hybrid_directory.torrent");
    let info = Metainfo::parse(bytes).expect("the part of version 1").info;
    assert_eq!(
        info.hash().to_string(),
        "f21d362b8571bb7157d2eec59fea7142186ec99e"
    );
    let kinds: Vec<FileKind> = info.files().map(|(_, file)| file.kind.clone()).collect();
    let expected = [
        FileKind::Regular,
        FileKind::Regular,
        FileKind::Padding,
        FileKind::Symlink("sub/Žluťoučký kůň.txt".into()),
        FileKind::Regular,
        FileKind::Padding,
    ];
    assert_eq!(kinds, expected);
    let executables: Vec<_> = info
        .files()
        .filter(|(_, file)| file.is_executable)
        .collect();
    assert_eq!(info.display_path(executables[0].1), "tree/first.bin");
    assert_eq!(
        (info.layout().len(), info.layout().stored_len()),
        (65_536, 37_000)
    );
}

#[test]
fn version_2_alone_is_refused_by_name() {
    let error = Metainfo::parse(include_bytes!("libtorrent_version_2_only.torrent"));
    let error = error.expect_err("no part of version 1");
    assert_eq!(error.field(), "meta version");
    assert!(error.to_string().contains("version 2 only"), "{error}");
}

/// A directory torrent of one piece whose files are the given bencoded dictionaries.
fn directory(files: &str, total: u64) -> String {
    let pieces = if total == 0 {
        "0:".into()
    } else {
        format!("20:{}", "h".repeat(20))
    };
    format!("d4:infod5:filesl{files}e4:name1:t12:piece lengthi65536e6:pieces{pieces}ee")
}

fn file(path: &[&str]) -> String {
    let parts: String = path
        .iter()
        .map(|part| format!("{}:{part}", part.len()))
        .collect();
    format!("d6:lengthi1e4:pathl{parts}ee")
}

fn parse(torrent: &str) -> Result<Metainfo, MetainfoError> {
    Metainfo::parse(torrent.as_bytes())
}

#[track_caller]
fn refuses(torrent: &str, error: &str) {
    assert_eq!(
        parse(torrent).map_err(|error| error.to_string()),
        Err(error.to_owned())
    );
}

#[test]
fn errors_name_the_field_and_the_offset() {
    let bad = directory(&(file(&["a"]) + &file(&["b", ".."])), 2);
    refuses(
        &bad,
        "files[1].path[1]: \"..\" leads out of the torrent (offset 62)",
    );
    assert_eq!(&bad[62..66], "2:..");
    let error = parse(&bad).expect_err("as before");
    assert_eq!((error.field(), error.offset()), ("files[1].path[1]", 62));
    refuses("d4:infodee", "name: absent from the dictionary (offset 7)");
    refuses("d4:infoi1ee", "info: expected a dictionary (offset 7)");
    refuses("d3:fooi1ee", "info: absent from the dictionary (offset 0)");
    refuses("l", "bencode: 1 byte missing (offset 1)");
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for (path, problem) in [
        (&[".."][..], "\"..\" leads out of the torrent"),
        (
            &["/etc", "passwd"],
            "\"/etc\" is absolute and leads out of the torrent",
        ),
        (
            &["C:", "x"],
            "\"C:\" is absolute and leads out of the torrent",
        ),
        (
            &["a/../../b"],
            "\"a/../../b\" is one name and may not contain / or \\",
        ),
        (
            &["a\\b"],
            "\"a\\b\" is one name and may not contain / or \\",
        ),
        (&["a\0b"], "\"a\\u{0}b\" contains a NUL"),
        (&["nul.txt"], "\"nul.txt\" is the name of a device"),
    ] {
        let error = parse(&directory(&file(path), 1)).expect_err("it leads elsewhere");
        assert_eq!(error.problem().to_string(), problem);
        assert_eq!(error.field(), "files[0].path[0]");
    }
    refuses(
        &directory(&file(&["", "."]), 1),
        "files[0].path: it names nothing (offset 34)",
    );
    let named = "d4:infod6:lengthi0e4:name2:..12:piece lengthi1e6:pieces0:ee";
    refuses(named, "name: \"..\" leads out of the torrent (offset 25)");
}

#[test]
fn clashes_are_refused() {
    let both = |first: &[&str], second: &[&str]| directory(&(file(first) + &file(second)), 2);
    let problem = |torrent: String| {
        parse(&torrent)
            .map_err(|error| error.problem().to_string())
            .expect_err("a clash")
    };
    assert_eq!(
        problem(both(&["a", "b"], &["a", ".", "b"])),
        "another file is called \"b\" too"
    );
    assert_eq!(
        problem(both(&["a"], &["a", "b"])),
        "\"a\" is both a file and a directory"
    );
    assert_eq!(
        problem(both(&["a", "b"], &["a"])),
        "\"a\" is both a file and a directory"
    );
    let apart = parse(&both(&["a\x01"], &["a\x02"]))
        .expect("they differ")
        .info;
    assert_eq!(
        files(&apart),
        [("t/a_".to_owned(), 1), ("t/a_.1".to_owned(), 1)]
    );
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    let single = |length: &str, piece_length: &str, pieces: &str| {
        let rest = format!("4:name1:t12:piece length{piece_length}6:pieces{pieces}");
        parse(&format!("d4:infod6:length{length}{rest}ee"))
            .map_err(|error| (error.field().to_owned(), error.problem().to_string()))
            .map(|metainfo| metainfo.info.piece_count())
    };
    let hash = format!("20:{}", "h".repeat(20));
    let refused = |field: &str, problem: &str| Err((field.to_owned(), problem.to_owned()));
    assert_eq!(single("i1e", "i1e", &hash), Ok(1));
    assert_eq!(single("i0e", "i1e", "0:"), Ok(0));
    let range = "-1 is not between 0 and 9007199254740992";
    assert_eq!(single("i-1e", "i1e", "0:"), refused("length", range));
    let range = "9007199254740993 is not between 0 and 9007199254740992";
    assert_eq!(
        single("i9007199254740993e", "i1e", "0:"),
        refused("length", range)
    );
    for length in [-1i64, 0, (1 << 29) + 1, 1 << 40] {
        let problem = format!("a piece length of {length} is not between 1 and 536870912");
        let found = single("i1e", &format!("i{length}e"), &hash);
        assert_eq!(found, refused("piece length", &problem));
    }
    let problem = "2 pieces have 40 bytes of hashes, this torrent has 20";
    assert_eq!(single("i2e", "i1e", &hash), refused("pieces", problem));
    let problem = "1 pieces have 20 bytes of hashes, this torrent has 3";
    assert_eq!(single("i1e", "i1e", "3:abc"), refused("pieces", problem));
    let too_many = file(&["a"]).replace("i1e", "i9007199254740992e") + &file(&["b"]);
    let error = parse(&directory(&too_many, 1)).expect_err("one byte too many");
    assert_eq!(
        error.to_string(),
        "piece length: the files have more than 9007199254740992 bytes (offset 104)"
    );
}

#[test]
fn symlinks_stay_within_the_torrent() {
    let link = |target: &[&str]| {
        let parts: String = target
            .iter()
            .map(|part| format!("{}:{part}", part.len()))
            .collect();
        let link = format!("d4:attr1:l4:pathl1:le12:symlink pathl{parts}ee");
        let torrent = parse(&directory(&(file(&["a", "b"]) + &link), 1));
        torrent.map_err(|error| (error.field().to_owned(), error.problem().to_string()))
    };
    let info = link(&["a", "b"]).expect("a target of the torrent").info;
    let kinds: Vec<_> = info.files().map(|(_, file)| &file.kind).collect();
    assert_eq!(
        kinds,
        [&FileKind::Regular, &FileKind::Symlink("a/b".into())]
    );
    let refused = |field: &str, problem: &str| Err((field.to_owned(), problem.to_owned()));
    let outside = "\"..\" leads out of the torrent";
    assert_eq!(
        link(&["..", "x"]),
        refused("files[1].symlink path[0]", outside)
    );
    let nowhere = "the torrent has no \"etc/passwd\" that the symlink could lead to";
    assert_eq!(
        link(&["etc", "passwd"]),
        refused("files[1].symlink path", nowhere)
    );
    let itself = "the torrent has no \"l\" that the symlink could lead to";
    assert_eq!(link(&["l"]), refused("files[1].symlink path", itself));
}

#[test]
fn padding_needs_no_path_and_may_share_one() {
    let with_path = "d4:attr1:p6:lengthi7e4:pathl4:.pad1:7ee";
    let padding = format!("d4:attr1:p6:lengthi7ee{with_path}{with_path}");
    let info = parse(&directory(&padding, 21)).expect("padding").info;
    assert_eq!((info.layout().len(), info.layout().stored_len()), (21, 0));
}

#[test]
fn unsorted_and_legacy_torrents_keep_their_raw_hash() {
    let info = "d6:pieces20:hhhhhhhhhhhhhhhhhhhh12:piece lengthi01e4:name1:u10:name.utf-82:\u{fc}\
                6:lengthi1ee";
    let torrent = format!("d4:info{info}13:announce-listl1:xl3: y elee8:announce1:ze");
    let metainfo = parse(&torrent).expect("lenient");
    assert_eq!(metainfo.info.hash().0[..], Sha1::digest(info)[..]);
    assert_eq!(metainfo.info.name(), "\u{fc}");
    assert_eq!(metainfo.trackers, [tier(&["x"]), tier(&["y"])]);
    assert_eq!(Metainfo::parse(&metainfo.encoded()), Ok(metainfo));
}

#[test]
fn the_default_piece_length_aims_at_one_to_two_thousand_pieces() {
    for (total, length) in [
        (0, 16 << 10),
        (2000 * (16 << 10), 16 << 10),
        (2000 * (16 << 10) + 1, 32 << 10),
        (1 << 30, 1 << 20),
        (2 << 30, 2 << 20),
        (u64::MAX, 16 << 20),
    ] {
        assert_eq!(default_piece_length(total), length, "{total}");
    }
}

fn any_name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 ._-]{1,12}".prop_filter("names that mean something else", |name| {
        Info::parse(single_file_info(name)).is_ok()
    })
}

fn single_file_info(name: &str) -> Bytes {
    let rest = "12:piece lengthi1e6:pieces0:e";
    Bytes::from(format!("d6:lengthi0e4:name{}:{name}{rest}", name.len()))
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        name in any_name(),
        files in btree_map(any_name(), 0u64..100_000, 1..20),
        trackers in vec(vec("[a-z:/]{1,9}", 1..3), 0..3),
        comment: Option<String>,
        is_private: bool,
    ) {
        let list: Vec<_> =
            files.iter().map(|(path, len)| (vec![path.clone()], *len)).collect();
        let mut builder = Builder::new(name.clone(), Content::Directory(list));
        let tiers: Vec<Tier> = trackers
            .iter()
            .map(|urls| Tier(urls.iter().map(|url| url.as_str().into()).collect()))
            .collect();
        builder.trackers = tiers.clone();
        builder.comment = comment.map(Into::into);
        builder.privacy = if is_private { Privacy::Private } else { Privacy::Public };
        let pieces = builder.layout().expect("small").piece_count() as usize;
        let metainfo = builder.build(&vec![7; 20 * pieces]).expect("honest names");
        prop_assert_eq!(&Metainfo::parse(&metainfo.encoded()), &Ok(metainfo.clone()));
        prop_assert_eq!(metainfo.trackers, tiers);
        prop_assert_eq!(metainfo.info.privacy() == Privacy::Private, is_private);
        let expected: Vec<_> =
            files.iter().map(|(path, len)| (format!("{name}/{path}"), *len)).collect();
        prop_assert_eq!(self::files(&metainfo.info), expected);
    }

    #[test]
    fn a_changed_byte_never_panics(at: prop::sample::Index, byte: u8) {
        for torrent in [
            &include_bytes!("libtorrent_hybrid_directory.torrent")[..],
            include_bytes!("mktorrent_directory.torrent"),
        ] {
            let mut changed = torrent.to_vec();
            let at = at.index(changed.len());
            changed[at] = byte;
            if let Ok(metainfo) = Metainfo::parse(&changed) {
                let again = Metainfo::parse(&metainfo.encoded());
                prop_assert_eq!(again.map(|again| again.info), Ok(metainfo.info));
            }
        }
    }
}
