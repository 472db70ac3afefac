//! The demo, from the curtain to the cleaning up.

use std::fs;

use serde_json::Value;

use crate::process::{Running, manyhop, word};

#[test]
fn a_folder_is_shared_and_every_copy_is_equal() {
    let folder = tempfile::tempdir().expect("a folder");
    let shared = folder.path().join("Shared things");
    fs::create_dir_all(shared.join("deep/er")).expect("made");
    fs::write(shared.join("deep/er/a.txt"), "a".repeat(500_000)).expect("written");
    fs::write(shared.join("b.txt"), "b").expect("written");
    fs::write(shared.join("empty"), "").expect("written");
    let ended = manyhop(["demo", word(&shared), "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    let result = ended.last();
    assert_eq!(result["equal"], true);
    let files = result["files"].as_array().expect("a list");
    assert_eq!(files.len(), 3);
    assert!(
        files
            .iter()
            .all(|file| file["equal"] == Value::from(vec![true; 3]))
    );
    let given = result["given"].as_array().expect("a list");
    let bytes: u64 = given.iter().filter_map(|gift| gift["bytes"].as_u64()).sum();
    assert!(bytes >= 3 * 500_001, "{result}");
    let left = fs::read_dir(folder.path()).expect("read").count();
    assert_eq!(left, 1, "nothing is left beside what was shared");
}

#[test]
fn the_demo_can_be_stopped_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().expect("a folder");
    let mut demo = Running::start_demo(temporary.path());
    demo.hears("progress");
    demo.signal("INT");
    assert!(
        demo.hears("error")["error"]
            .to_string()
            .contains("nothing was left behind")
    );
    assert_eq!(demo.code(), Some(1));
    let left = fs::read_dir(temporary.path()).expect("read").count();
    assert_eq!(left, 0);
}
