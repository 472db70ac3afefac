//! Puts, gets and deletes from outside.

use bytes::Bytes;
use chord::identity;
use chord::storage::VALUE_MAX;
use chord::visitor::{Command, Event, Failure, Got, Stored};
use keyspace::{Id, Space};

use crate::Scene;

fn key(name: &str) -> Id {
    identity::of_key(name.as_bytes(), Space::FULL)
}

impl Scene {
    fn last(&mut self, command: Command) -> Event {
        self.ask(command).pop().expect("something is told")
    }

    fn put(&mut self, name: &str, value: Bytes) -> Stored {
        let last = self.last(Command::Put(key(name), value));
        let Event::Stored(stored) = last else {
            panic!("{last:?}");
        };
        stored
    }

    fn get(&mut self, name: &str) -> Got {
        let last = self.last(Command::Get(key(name)));
        let Event::Got(got) = last else {
            panic!("{last:?}");
        };
        got
    }

    /// Kills the owner of a key.
    fn kill_owner(&mut self, name: &str) {
        let owner = self.owner(key(name));
        let at = self.ring.iter().position(|(node, _)| *node == owner);
        let (_, node) = self.ring.remove(at.expect("it is there"));
        self.sim.crash(node);
    }
}

#[test]
fn what_is_put_is_got_until_it_is_deleted() {
    let mut scene = Scene::of_size(40, 8);
    assert_eq!(scene.get("name").value, None);
    let first = scene.put("name", Bytes::from_static(b"Ada"));
    assert_eq!((first.copies, first.replicas), (3, 3));
    assert_eq!(scene.get("name").value.as_deref(), Some(&b"Ada"[..]));
    let second = scene.put("name", Bytes::from_static(b"Grace"));
    assert!(second.version > first.version);
    let got = scene.get("name");
    assert_eq!(got.value.as_deref(), Some(&b"Grace"[..]));
    assert_eq!(got.version, second.version);
    let last = scene.last(Command::Delete(key("name")));
    assert!(matches!(last, Event::Stored(_)), "{last:?}");
    assert_eq!(scene.get("name").value, None);
}

#[test]
fn long_values_go_over_streams() {
    let mut scene = Scene::of_size(40, 8);
    for len in [1, 1024, 1025, 100_000, VALUE_MAX] {
        let value: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        scene.put("long", Bytes::from(value.clone()));
        assert_eq!(
            scene.get("long").value.as_deref(),
            Some(&value[..]),
            "{len}"
        );
    }
    let last = scene.last(Command::Put(
        key("long"),
        Bytes::from(vec![0; VALUE_MAX + 1]),
    ));
    assert_eq!(last, Event::Failed(Failure::TooLong(VALUE_MAX + 1)));
}

#[test]
fn a_value_outlives_its_owner() {
    let mut scene = Scene::of_size(40, 8);
    let long = Bytes::from(vec![7; 50_000]);
    scene.put("short", Bytes::from_static(b"here"));
    scene.put("long", long.clone());
    scene.kill_owner("short");
    scene.kill_owner("long");
    assert_eq!(scene.get("short").value.as_deref(), Some(&b"here"[..]));
    assert_eq!(scene.get("long").value, Some(long));
    let stored = scene.put("short", Bytes::from_static(b"there"));
    assert!(stored.copies >= 2, "{stored:?}");
}
