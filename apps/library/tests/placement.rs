//! Where files lie, and what is never touched.

mod stage;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bittorrent::api::Places;
use bittorrent::metainfo::{FileIndex, Info, Metainfo};
use bittorrent::numbers::PieceIndex;
use bytes::Bytes;
use library::{Folder, LibraryError, Placement, Resume, Selection, verify};
use machine::FileId;
use runtime::{Access, Files};
use stage::{PIECE, Stage, files, hashes, numbers};
use wire::bencode::{self, DictEncoder};

const P: usize = PIECE as usize;

/// A torrent with the entries of BEP 47, which our own builder does not make.
fn special() -> Arc<Info> {
    let content = vec![b'x'; 10];
    let mut padded = content;
    padded.resize(P + 5, 0);
    padded[P..].fill(b'y');
    let file = |dict: &mut DictEncoder<'_>, len: u64, path: &[&str], attributes: &str| {
        dict.bytes("attr", attributes);
        dict.int("length", len);
        dict.list("path", |parts| {
            path.iter().for_each(|part| parts.bytes(part))
        });
    };
    let raw = bencode::encode_dict(|info| {
        info.list("files", |list| {
            list.dict(|dict| file(dict, 10, &["bin", "run"], "x"));
            list.dict(|dict| file(dict, P as u64 - 10, &[".pad", "1"], "p"));
            list.dict(|dict| file(dict, 5, &["data"], ""));
            list.dict(|dict| file(dict, 0, &["sub", "empty"], ""));
            list.dict(|dict| {
                file(dict, 0, &["sub", "link"], "l");
                dict.list("symlink path", |parts| {
                    ["bin", "run"].iter().for_each(|part| parts.bytes(part))
                });
            });
        });
        info.bytes("name", "T");
        info.int("piece length", PIECE);
        info.bytes("pieces", hashes(&padded));
    });
    Arc::new(Info::parse(Bytes::from(raw)).expect("right"))
}

#[test]
fn programs_links_and_empty_files_are_made() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(dir.path()).expect("there");
    let place = |selection| {
        let placement = Placement::new(special(), &folder, selection, Access::ReadWrite);
        Arc::new(placement.expect("fits"))
    };
    drop(Resume::open(place(files(&[2]))).expect("opens"));
    assert!(!dir.path().join("T").exists());
    for _ in 0..2 {
        drop(Resume::open(place(Selection::All)).expect("opens"));
    }
    let top = dir.path().join("T");
    let mode = fs::metadata(top.join("bin/run"))
        .expect("made")
        .permissions()
        .mode();
    assert_eq!(mode & 0o100, 0o100);
    assert_eq!(fs::metadata(top.join("sub/empty")).expect("made").len(), 0);
    fs::write(top.join("bin/run"), [b'x'; 10]).expect("written");
    assert_eq!(
        fs::read(top.join("sub/link")).expect("leads to the file"),
        [b'x'; 10]
    );
    assert!(!top.join(".pad").exists() && !top.join("data").exists());
    fs::write(top.join("data"), [b'y'; 5]).expect("written");
    let pieces = [PieceIndex(0), PieceIndex(1)];
    let cancel = AtomicBool::new(false);
    let verified = verify(&place(Selection::All), &pieces, &cancel, |_| {}).expect("readable");
    assert!(verified.good.is_all());
}

#[test]
fn what_stands_in_the_way_is_named_and_not_touched() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(dir.path()).expect("there");
    let open = || {
        let placement = Placement::new(special(), &folder, Selection::All, Access::ReadWrite);
        Resume::open(Arc::new(placement.expect("fits"))).map(drop)
    };
    let top = dir.path().join("T");
    fs::create_dir_all(top.join("sub")).expect("made");
    fs::write(top.join("sub/link"), "mine").expect("written");
    let error = open().expect_err("no link").to_string();
    assert!(error.contains("T/sub/link"), "{error}");
    assert_eq!(fs::read(top.join("sub/link")).expect("there"), b"mine");
    fs::remove_file(top.join("sub/link")).expect("there");
    open().expect("free");

    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("data"), "secret").expect("written");
    symlink(outside.path().join("data"), top.join("data")).expect("linked");
    let error = open().expect_err("a link").to_string();
    assert!(
        error.contains("T/data") && error.contains("symbolic link"),
        "{error}"
    );
    fs::remove_dir_all(&top).expect("there");
    symlink(outside.path(), &top).expect("linked");
    let error = open().expect_err("a link").to_string();
    assert!(
        error.contains("T/") && error.contains("symbolic link"),
        "{error}"
    );
    assert_eq!(fs::read_dir(outside.path()).expect("there").count(), 1);
}

#[test]
fn the_runtime_learns_where_files_lie() {
    let stage = Stage::new(&[100, P, 200]);
    let first = FileId(10);
    assert_eq!(
        stage.all().register(&Files::new(), first),
        Places::Consecutive(first)
    );
    assert_eq!(stage.all().file_id_count(), 4);
    let placement = stage.placement(files(&[1]));
    let parts = FileId(13);
    let each = [(parts, 0), (FileId(11), 0), (parts, 100 + P as u64)];
    assert_eq!(
        placement.register(&Files::new(), first),
        Places::Each(each.into())
    );
    // What is there keeps its place.
    stage.write(&stage.all(), 0);
    let each = [(FileId(10), 0), (FileId(11), 0), (parts, 100 + P as u64)];
    let placement = stage.placement(files(&[1]));
    assert_eq!(
        placement.register(&Files::new(), first),
        Places::Each(each.into())
    );
    assert_eq!(placement.path_of(FileIndex(0)), stage.path().join("T/0"));
    assert_eq!(placement.path_of(FileIndex(2)), stage.own("parts"));
    assert_eq!(placement.selection().wanted(), Some(vec![1]));
}

#[test]
fn a_torrent_may_not_have_our_own_folder() {
    let stage = Stage::new(&[10]);
    for name in [".manyhop", ".ManyHop"] {
        let content = bittorrent::metainfo::Content::File(10);
        let builder = bittorrent::metainfo::Builder::new(name.into(), content);
        let info = builder.build(&[0; 20]).expect("a plain name").info;
        let refused = Placement::new(
            Arc::new(info),
            &stage.folder(),
            Selection::All,
            Access::ReadOnly,
        );
        assert_eq!(refused.err(), Some(LibraryError::ReservedName(name.into())));
    }
    let info = Arc::clone(&stage.info);
    let refused = Placement::new(info, &stage.folder(), files(&[0, 5]), Access::ReadOnly);
    assert_eq!(
        refused.err(),
        Some(LibraryError::NoSuchFile {
            number: 6,
            count: 1
        })
    );
}

#[test]
fn good_bad_and_missing_pieces_are_told_apart() {
    let stage = Stage::new(&[3 * P, P + 5, 2 * P]);
    let placement = stage.all();
    for piece in [0, 2, 3] {
        stage.write(&placement, piece);
    }
    stage.spoil(&placement, 1);
    let verified = stage.verify(&placement);
    assert_eq!(numbers(&verified.good), [0, 2, 3]);
    assert_eq!(numbers(&verified.bad), [1]);
    assert_eq!(numbers(&verified.missing), [4, 5, 6]);
    assert_eq!(verified.trouble, None);
    // Only what is asked for is looked at, and progress counts all of that.
    let most = AtomicBool::new(false);
    let ask = [PieceIndex(0), PieceIndex(6)];
    let verified = verify(&placement, &ask, &AtomicBool::new(false), |progress| {
        assert_eq!(progress.total_bytes, P as u64);
        most.store(
            progress.done_bytes == progress.total_bytes,
            Ordering::Relaxed,
        );
    });
    let verified = verified.expect("readable");
    assert!(most.into_inner());
    assert_eq!(
        (numbers(&verified.good), numbers(&verified.missing)),
        (vec![0], vec![6])
    );
    let stopped = verify(&placement, &ask, &AtomicBool::new(true), |_| {});
    assert_eq!(stopped, Err(LibraryError::Cancelled));
}

#[test]
fn a_piece_is_not_bad_because_its_neighbours_are_there() {
    let stage = Stage::new(&[P + 5, 4 * P]);
    let placement = stage.all();
    for piece in [1, 3] {
        stage.write(&placement, piece);
    }
    let verified = stage.verify(&placement);
    assert_eq!(numbers(&verified.bad), []);
    assert_eq!(numbers(&verified.missing), [0, 2, 4, 5]);
    // A byte of its own changes that.
    stage.spoil(&placement, 2);
    assert_eq!(numbers(&stage.verify(&placement).bad), [2]);
}

#[test]
fn pieces_of_zeros_need_not_be_written() {
    let mut stage = Stage::new(&[4 * P]);
    let builder = bittorrent::metainfo::Builder {
        piece_length: PIECE,
        ..bittorrent::metainfo::Builder::new(
            "T".into(),
            bittorrent::metainfo::Content::File(4 * P as u64),
        )
    };
    let info = builder
        .build(&hashes(&vec![0; 4 * P]))
        .expect("a plain name")
        .info;
    stage.info = Arc::new(info);
    let file = fs::File::create(stage.path().join("T")).expect("made");
    file.set_len(4 * u64::from(PIECE)).expect("made longer");
    assert_eq!(stage.good(&stage.all()), [0, 1, 2, 3]);
}

#[test]
fn metainfo_from_peers_is_kept() {
    let stage = Stage::new(&[10]);
    let folder = stage.folder();
    assert_eq!(folder.load_metainfo(stage.info.hash()), None);
    let metainfo = Metainfo::new(Info::clone(&stage.info), Vec::new());
    folder.save_metainfo(&metainfo).expect("written");
    assert_eq!(folder.load_metainfo(stage.info.hash()), Some(metainfo));
    fs::write(stage.own("torrent"), "d4:infod").expect("written");
    assert_eq!(folder.load_metainfo(stage.info.hash()), None);
}

#[test]
fn a_folder_that_may_not_be_written_is_told() {
    let stage = Stage::new(&[10]);
    let own = stage.path().join(".manyhop");
    fs::write(&own, "a file, where the folder should be").expect("written");
    let error = Resume::open(stage.all())
        .expect_err("no folder")
        .to_string();
    assert!(error.contains(".manyhop"), "{error}");
}
