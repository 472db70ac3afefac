//! What is proven survives a clean stop, a killed process, and a machine that stops.

mod stage;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bittorrent::numbers::PieceIndex;
use library::{LibraryError, Resume, recall};
use stage::{PIECE, Stage, doubtful, files, numbers, set_time};

const P: usize = PIECE as usize;

/// So much later than the journal a piece is written that nobody lives to note.
const MOMENT: Duration = Duration::from_millis(500);

/// Longer than a file may be newer than the journal and still count as ours.
const LATER: Duration = Duration::from_secs(60);

fn store(stage: &Stage, resume: &mut Resume, pieces: &[u32]) {
    let placement = stage.all();
    for piece in pieces {
        stage.write(&placement, *piece);
        resume.stored(PieceIndex(*piece)).expect("noted");
    }
}

/// When the journal was last written.
fn noted(stage: &Stage) -> SystemTime {
    let journal = fs::metadata(stage.own("resume")).expect("there");
    journal.modified().expect("told")
}

/// What `kill -9` leaves: nothing is said any more, but the lock is gone.
fn kill(resume: Resume) {
    drop(resume);
}

/// Makes the journal look written in another run of the machine.
fn reboot(stage: &Stage) {
    let shape = library::journal::Shape {
        info_hash: stage.info.hash(),
        pieces: stage.info.piece_count(),
        files: stage.info.layout().file_count(),
    };
    let path = stage.own("resume");
    let bytes = fs::read(&path).expect("there");
    let mut journal = library::journal::Journal::parse(&bytes, &shape).expect("ours");
    journal.head.boot.0[0] ^= 1;
    let (mut bytes, seal) = journal.head.encode(&shape);
    for (number, piece) in journal.recent.iter().enumerate() {
        bytes.extend(seal.stored(number, *piece));
    }
    if let Some(states) = &journal.closed {
        bytes.extend(seal.closed(journal.recent.len(), states));
    }
    fs::write(path, bytes).expect("written");
}

#[test]
fn after_a_clean_stop_nothing_is_looked_at_again() {
    let stage = Stage::new(&[3 * P + 100, 2 * P]);
    let mut resume = stage.open();
    assert!(resume.proven().is_none() && resume.doubtful().is_empty());
    store(&stage, &mut resume, &[0, 3, 4]);
    resume.finish().expect("written");
    for _ in 0..2 {
        let resume = stage.open();
        assert_eq!(numbers(resume.proven()), [0, 3, 4]);
        assert_eq!(doubtful(&resume), []);
        resume.finish().expect("written");
    }
    assert!(!stage.own("lock").exists());
}

#[test]
fn after_a_kill_only_what_is_not_proven_is_doubtful() {
    let stage = Stage::new(&[4 * P, 4 * P]);
    let mut resume = stage.open();
    store(&stage, &mut resume, &[0, 5]);
    // Written, but nobody lived to note it: one that is right and one that is not.
    stage.write(&stage.all(), 2);
    stage.spoil(&stage.all(), 6);
    for file in ["T/0", "T/1"] {
        set_time(&stage.path().join(file), noted(&stage) + MOMENT);
    }
    kill(resume);
    let mut resume = stage.open();
    assert_eq!(numbers(resume.proven()), [0, 5]);
    assert!(doubtful(&resume).contains(&2) && doubtful(&resume).contains(&6));
    let verified = stage.verify(&stage.all());
    resume.proved(&verified.good).expect("noted");
    kill(resume);
    let resume = stage.open();
    assert_eq!(numbers(resume.proven()), [0, 2, 5]);
    assert!(doubtful(&resume).contains(&6));
}

#[test]
fn after_the_machine_stopped_the_last_checkpoint_counts() {
    let stage = Stage::new(&[8 * P]);
    let mut resume = stage.open();
    store(&stage, &mut resume, &[1, 2]);
    resume.checkpoint().expect("written");
    store(&stage, &mut resume, &[3]);
    kill(resume);
    // In the same run of the machine also what came after the checkpoint, and again after a kill.
    let resume = stage.open();
    assert_eq!(numbers(resume.proven()), [1, 2, 3]);
    kill(resume);
    reboot(&stage);
    let resume = stage.open();
    assert_eq!(numbers(resume.proven()), [1, 2]);
    assert!(doubtful(&resume).contains(&3));
}

#[test]
fn a_file_that_changed_is_noticed() {
    for is_clean in [true, false] {
        let stage = Stage::new(&[2 * P, 2 * P]);
        let mut resume = stage.open();
        store(&stage, &mut resume, &[0, 1, 2, 3]);
        if is_clean {
            resume.finish().expect("written");
        } else {
            kill(resume);
        }
        let first = stage.path().join("T/0");
        set_time(&first, SystemTime::now() + LATER);
        let resume = stage.open();
        assert_eq!(numbers(resume.proven()), [2, 3], "clean: {is_clean}");
        assert_eq!(doubtful(&resume), [0, 1]);
        kill(resume);
        fs::remove_file(&first).expect("there");
        let recollection = recall(&stage.all()).expect("readable");
        assert_eq!(numbers(&recollection.proven), [2, 3]);
        assert_eq!(recollection.doubtful, []);
    }
}

#[test]
fn after_a_clean_stop_the_least_change_is_noticed() {
    let stage = Stage::new(&[2 * P]);
    let mut resume = stage.open();
    store(&stage, &mut resume, &[0, 1]);
    resume.finish().expect("written");
    let path = stage.path().join("T/0");
    let changed = fs::metadata(&path)
        .and_then(|m| m.modified())
        .expect("there");
    set_time(&path, changed + Duration::from_millis(1));
    let resume = stage.open();
    assert!(resume.proven().is_none());
    assert_eq!(doubtful(&resume), [0, 1]);
}

#[test]
fn a_piece_that_a_short_file_cannot_hold_is_not_proven() {
    let stage = Stage::new(&[4 * P]);
    let mut resume = stage.open();
    store(&stage, &mut resume, &[0, 3]);
    kill(resume);
    let path = stage.path().join("T/0");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("opens");
    file.set_len(3 * u64::from(PIECE) + 5).expect("cut");
    let resume = stage.open();
    assert_eq!(numbers(resume.proven()), [0]);
    assert!(!doubtful(&resume).contains(&3));
}

#[test]
fn files_that_came_from_elsewhere_are_verified_without_their_holes() {
    let stage = Stage::new(&[64 * P]);
    let placement = stage.all();
    stage.write(&placement, 1);
    stage.spoil(&placement, 40);
    stage.write(&placement, 63);
    let resume = stage.open();
    assert!(resume.proven().is_none());
    let found = doubtful(&resume);
    assert!([1, 40, 63].iter().all(|piece| found.contains(piece)));
    let verified = stage.verify(&placement);
    assert_eq!(numbers(&verified.good), [1, 63]);
    assert!(numbers(&verified.bad).contains(&40));
    assert_eq!(verified.missing.count() + verified.bad.count() + 2, 64);
}

#[test]
fn lost_pieces_are_no_longer_told() {
    let stage = Stage::new(&[4 * P]);
    let mut resume = stage.open();
    store(&stage, &mut resume, &[0, 1]);
    resume.checkpoint().expect("written");
    store(&stage, &mut resume, &[2, 3]);
    resume.lost(1..3).expect("written");
    assert_eq!(numbers(resume.proven()), [0, 3]);
    store(&stage, &mut resume, &[2]);
    kill(resume);
    assert_eq!(numbers(stage.open().proven()), [0, 2, 3]);
}

#[test]
fn garbage_in_the_place_of_the_journal_means_to_verify_all() {
    let stage = Stage::new(&[2 * P]);
    let mut resume = stage.open();
    store(&stage, &mut resume, &[0, 1]);
    resume.finish().expect("written");
    let path = stage.own("resume");
    for garbage in [&b""[..], b"manyhop resume\n\x02", &[0; 5000], &[0xff; 5000]] {
        fs::write(&path, garbage).expect("written");
        let recollection = recall(&stage.all()).expect("readable");
        assert!(recollection.proven.is_none());
        assert_eq!(recollection.doubtful.len(), 2);
    }
    fs::remove_file(&path).expect("there");
    fs::create_dir(&path).expect("made");
    assert!(recall(&stage.all()).expect("readable").proven.is_none());
    assert!(matches!(
        Resume::open(stage.all()),
        Err(LibraryError::Io { .. })
    ));
}

#[test]
fn two_processes_do_not_write_one_torrent() {
    let stage = Stage::new(&[P]);
    let first = stage.open();
    let path = stage.own("lock");
    let second = Resume::open(stage.all()).err();
    assert_eq!(second, Some(LibraryError::Locked { path }));
    drop(first);
    stage.open();
}

#[test]
fn what_a_full_disk_did_not_take_is_written_later() {
    let stage = Stage::new(&[8 * P]);
    let mut resume = stage.open();
    store(&stage, &mut resume, &[0]);
    // The journal itself cannot be replaced, as on a full disk; what it tells stays.
    let own = stage.path().join(".manyhop");
    let aside = stage.path().join("aside");
    fs::rename(&own, &aside).expect("moved");
    assert!(resume.checkpoint().is_err());
    fs::rename(&aside, &own).expect("moved back");
    store(&stage, &mut resume, &[1]);
    resume.checkpoint().expect("written");
    kill(resume);
    reboot(&stage);
    assert_eq!(numbers(stage.open().proven()), [0, 1]);
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    // Where there is no /dev/full there is no such test.
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let stage = Stage::new(&[P]);
    let error = library::folder::write_atomically("/dev/full".as_ref(), b"x").expect_err("full");
    assert!(
        error.hint().is_some_and(|hint| hint.contains("room")),
        "{error}"
    );
    assert!(stage.folder().load_metainfo(stage.info.hash()).is_none());
}

#[test]
fn a_selection_that_grows_fetches_nothing_twice() {
    // Pieces: 0 = file 0 and 1; 1 = file 1; 2 = file 1 and 2; 3 = file 2 and 3.
    let stage = Stage::new(&[P / 2, 2 * P, P, P / 2]);
    let placement = stage.placement(files(&[0, 2]));
    let mut resume = Resume::open(Arc::clone(&placement)).expect("opens");
    for piece in [0, 2, 3] {
        stage.write(&placement, piece);
        resume.stored(PieceIndex(piece)).expect("noted");
    }
    resume.finish().expect("written");
    assert!(!stage.path().join("T/1").exists() && !stage.path().join("T/3").exists());
    assert!(stage.own("parts").exists());
    let again = Resume::open(stage.placement(files(&[0, 2]))).expect("opens");
    assert_eq!(numbers(again.proven()), [0, 2, 3]);
    drop(again);

    // File 1 is wanted too: its parts come home; file 3 stays where it is.
    let placement = stage.placement(files(&[0, 1, 2]));
    let mut resume = Resume::open(Arc::clone(&placement)).expect("opens");
    let mut known = numbers(resume.proven());
    known.extend(doubtful(&resume));
    assert!([0, 2, 3].iter().all(|piece| known.contains(piece)));
    assert_eq!(stage.good(&placement), [0, 2, 3]);
    resume
        .proved(&stage.verify(&placement).good)
        .expect("noted");
    resume.finish().expect("written");
    assert!(stage.own("parts").exists());

    // All is wanted: nothing is left behind.
    let resume = stage.open();
    assert_eq!(stage.good(&stage.all()), [0, 2, 3]);
    resume.finish().expect("written");
    assert!(!stage.own("parts").exists());
}

#[test]
fn parts_come_home_however_often_that_is_interrupted() {
    let stage = Stage::new(&[P / 2, 4 * P, P / 2]);
    let placement = stage.placement(files(&[0, 2]));
    for piece in [0, 4] {
        stage.write(&placement, piece);
    }
    let parts = fs::read(stage.own("parts")).expect("there");
    stage.open();
    assert_eq!(stage.good(&stage.all()), [0, 4]);
    // As if the copy of the last part had not been made, and the first just so.
    fs::write(stage.own("parts"), parts).expect("written");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(stage.path().join("T/1"))
        .expect("there");
    file.set_len(u64::from(PIECE)).expect("cut");
    stage.write(&stage.all(), 1);
    stage.open();
    assert_eq!(stage.good(&stage.all()), [0, 1, 4]);
}

#[test]
fn a_file_that_moved_to_the_parts_is_not_believed_to_be_there() {
    let stage = Stage::new(&[4 * P, 3 * P + P / 2, P]);
    let placement = stage.placement(files(&[0, 1]));
    let mut resume = Resume::open(Arc::clone(&placement)).expect("opens");
    for piece in 0..8 {
        stage.write(&placement, piece);
        resume.stored(PieceIndex(piece)).expect("noted");
    }
    resume.finish().expect("written");
    fs::remove_file(stage.path().join("T/0")).expect("there");
    let resume = Resume::open(stage.placement(files(&[1]))).expect("opens");
    assert_eq!(numbers(resume.proven()), [4, 5, 6, 7]);
}
