//! New torrents: what is in them, and what is refused.

mod stage;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bittorrent::metainfo::{Metainfo, Privacy, Tier};
use library::{Created, LibraryError, Progress, Recipe, create};
use stage::{PIECE, Stage, content, hashes, numbers};
use wire::Encode;

fn recipe(path: &Path) -> Recipe {
    Recipe {
        path: path.into(),
        piece_length: Some(PIECE.into()),
        ..Recipe::default()
    }
}

fn make(recipe: &Recipe) -> Result<Created, LibraryError> {
    create(recipe, &AtomicBool::new(false), |_| {})
}

fn names(metainfo: &Metainfo) -> Vec<String> {
    let info = &metainfo.info;
    info.files()
        .map(|(_, file)| info.display_path(file))
        .collect()
}

#[test]
fn a_folder_becomes_a_torrent_in_the_order_of_its_paths() {
    let folder = tempfile::tempdir().expect("a folder");
    let top = folder.path().join("Top");
    fs::create_dir_all(top.join("a/deep")).expect("made");
    let bytes = content(200_000);
    // In the order of the paths' bytes: `.` and `-` come before `/`.
    let files = [".hidden", "a-b", "a.txt", "a/deep/x", "a/z", "b"];
    for (name, part) in files.iter().zip(bytes.chunks(40_000)) {
        fs::write(top.join(name), part).expect("written");
    }
    fs::write(top.join("b"), "").expect("written");
    let created = make(&recipe(&top)).expect("readable");
    let expected: Vec<_> = files.iter().map(|name| format!("Top/{name}")).collect();
    assert_eq!(names(&created.metainfo), expected);
    let info = &created.metainfo.info;
    for (piece, hash) in (0..).zip(hashes(&bytes).chunks(20)) {
        let found = info.piece_hash(bittorrent::numbers::PieceIndex(piece));
        assert_eq!(found.as_ref().map(<[u8; 20]>::as_slice), Some(hash));
    }
    assert_eq!(info.piece_count(), 13);
}

#[test]
fn one_file_is_a_torrent_too_and_all_words_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("film.mkv");
    fs::write(&path, content(50_000)).expect("written");
    let tier = |url: &str| Tier(vec![url.into()]);
    let recipe = Recipe {
        trackers: vec![tier("http://a/announce"), tier("udp://b:1")],
        privacy: Privacy::Private,
        comment: Some("for Ada".into()),
        created_by: Some("test".into()),
        creation_date: Some(7),
        ..recipe(&path)
    };
    let Created { metainfo, skipped } = make(&recipe).expect("readable");
    assert_eq!(skipped, []);
    assert_eq!(Metainfo::parse(&metainfo.encoded()), Ok(metainfo.clone()));
    assert_eq!(metainfo.trackers, recipe.trackers);
    assert_eq!(metainfo.info.privacy(), Privacy::Private);
    assert_eq!(metainfo.comment, recipe.comment);
    assert_eq!(
        (metainfo.created_by, metainfo.creation_date),
        (recipe.created_by, Some(7))
    );
    assert_eq!(metainfo.info.name(), "film.mkv");
    let by_size = Recipe {
        piece_length: None,
        ..self::recipe(&path)
    };
    let info = make(&by_size).expect("readable").metainfo.info;
    assert_eq!(info.layout().piece_length(), 16 * 1024);
}

#[test]
fn links_are_left_out_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "x").expect("written");
    symlink("file", folder.path().join("link")).expect("linked");
    symlink("..", folder.path().join("circle")).expect("linked");
    let created = make(&recipe(folder.path())).expect("readable");
    assert_eq!(names(&created.metainfo).len(), 1);
    let told: Vec<_> = created.skipped.iter().map(|skipped| skipped.what).collect();
    assert_eq!(told, ["symbolic link", "symbolic link"]);
    assert_eq!(created.skipped[0].path, folder.path().join("circle"));
    // A link that the user names is meant.
    let link = folder.path().join("link");
    assert_eq!(
        make(&recipe(&link)).expect("a file").metainfo.info.name(),
        "link"
    );
}

#[test]
fn what_makes_no_torrent_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_path_buf();
    let nothing = LibraryError::NothingToShare { path: path.clone() };
    assert_eq!(make(&recipe(&path)).err(), Some(nothing));
    let missing = make(&recipe(&path.join("missing"))).expect_err("missing");
    assert!(missing.to_string().contains("missing"), "{missing}");
    assert_eq!(
        make(&recipe("/dev/null".as_ref())).err(),
        Some(LibraryError::NeitherFileNorFolder {
            path: "/dev/null".into()
        })
    );
    fs::write(path.join("file"), "x").expect("written");
    for found in [0, 1, 8192, 16_385, 1 << 30, 1 << 40] {
        let recipe = Recipe {
            piece_length: Some(found),
            ..recipe(&path)
        };
        assert_eq!(
            make(&recipe).err(),
            Some(LibraryError::PieceLength { found })
        );
    }
    for name in ["tab\there", "aux.txt", "back\\slash"] {
        fs::write(path.join(name), "x").expect("written");
        let error = make(&recipe(&path))
            .expect_err("no name for a torrent")
            .to_string();
        assert!(error.contains("name") || error.contains("\\"), "{error}");
        fs::remove_file(path.join(name)).expect("there");
    }
}

#[test]
fn a_file_that_changes_meanwhile_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    for change in ["longer", "shorter", "gone"] {
        fs::write(&path, content(300_000)).expect("written");
        let is_changed = AtomicBool::new(false);
        let on_progress = |_: Progress| {
            if is_changed.swap(true, Ordering::Relaxed) {
                return;
            }
            match change {
                "longer" => fs::write(&path, content(300_001)).expect("written"),
                "shorter" => fs::write(&path, "short").expect("written"),
                _ => fs::remove_file(&path).expect("there"),
            }
        };
        let made = create(&recipe(&path), &AtomicBool::new(false), on_progress);
        assert_eq!(
            made.err(),
            Some(LibraryError::Changed { path: path.clone() }),
            "{change}"
        );
    }
}

#[test]
fn it_can_be_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    fs::write(&path, content(300_000)).expect("written");
    let made = create(&recipe(&path), &AtomicBool::new(true), |_| {});
    assert_eq!(made.err(), Some(LibraryError::Cancelled));
}

#[test]
fn what_was_created_is_complete_where_it_was_created() {
    let stage = Stage::new(&[30_000, 0, 50_000]);
    let placement = stage.all();
    (0..stage.info.piece_count()).for_each(|piece| stage.write(&placement, piece));
    fs::write(stage.path().join("T/1"), "").expect("written");
    let created = make(&recipe(&stage.path().join("T"))).expect("readable");
    assert_eq!(created.metainfo.info.hash(), stage.info.hash());
    assert_eq!(numbers(&stage.verify(&placement).good).len(), 5);
}
