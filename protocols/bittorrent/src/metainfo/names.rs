//! The paths in a torrent, made safe (spec section 2).
//!
//! A name from a torrent becomes a name on somebody's disk, so its rules are the strictest here.
//! What would lead out of the torrent's directory, or means something else than a file, makes the
//! whole torrent refused: no honest program writes it. What is merely ugly (control characters,
//! names too long, bytes that are no UTF-8) is replaced. Names that become equal that way are told
//! apart by a suffix; names that are equal from the start are refused.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::MetainfoProblem;

/// The longest name that file systems take, in bytes.
const NAME_LEN_MAX: usize = 255;

/// The longest ending (`.tar.gz` counts as `.gz`) that a name too long keeps, in bytes.
const ENDING_LEN_MAX: usize = 16;

/// What Windows takes for a device, alone or before a dot, in any case; `COM` and `LPT` also with a
/// digit behind.
const DEVICES: &[&str] = &["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"];
const NUMBERED_DEVICES: &[&str] = &["COM", "LPT"];

/// Checks one part of a path; `None` for a part that means nothing (empty, or `.`) and is dropped.
pub(super) fn check(part: &[u8]) -> Result<Option<&[u8]>, MetainfoProblem> {
    let shown = || display(part);
    match part {
        b"" | b"." => return Ok(None),
        b".." => return Err(MetainfoProblem::LeadsOut),
        [b'/' | b'\\', ..] => return Err(MetainfoProblem::Absolute(shown())),
        [drive, b':'] if drive.is_ascii_alphabetic() => {
            return Err(MetainfoProblem::Absolute(shown()));
        }
        _ => (),
    }
    if part.contains(&0) {
        return Err(MetainfoProblem::Nul(shown()));
    }
    if part.iter().any(|byte| matches!(byte, b'/' | b'\\')) {
        return Err(MetainfoProblem::Separator(shown()));
    }
    if is_device(part) {
        return Err(MetainfoProblem::Device(shown()));
    }
    Ok(Some(part))
}

/// Makes a checked part fit to be a name: UTF-8, no control characters, at most 255 bytes.
pub(super) fn sanitise(part: &[u8]) -> Cow<'_, str> {
    let mut name = String::from_utf8_lossy(part);
    if name.contains(char::is_control) {
        name = Cow::Owned(name.replace(char::is_control, "_"));
    }
    if name.len() > NAME_LEN_MAX {
        name = Cow::Owned(shorten(&name, ""));
    }
    name
}

/// The names of a torrent as a tree: who is in which directory, and under which name on the disk.
#[derive(Default)]
pub(super) struct Names<'a> {
    nodes: Vec<Node<'a>>,
    numbers: BTreeMap<(Option<NodeNumber>, &'a [u8]), NodeNumber>,
}

/// The number of a file or directory in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeNumber(usize);

struct Node<'a> {
    parent: Option<NodeNumber>,
    name: Cow<'a, str>,
    kind: NodeKind,
}

#[derive(PartialEq, Eq)]
enum NodeKind {
    File,
    Directory,
}

impl<'a> Names<'a> {
    /// Adds a file by the checked parts of its path, of which there is at least one.
    pub(super) fn add_file(&mut self, parts: &[&'a [u8]]) -> Result<NodeNumber, MetainfoProblem> {
        let Some((name, directories)) = parts.split_last() else {
            return Err(MetainfoProblem::Nameless);
        };
        let mut parent = None;
        for directory in directories {
            let number = self.child(parent, directory, NodeKind::Directory);
            if self.is_file(number) {
                return Err(MetainfoProblem::FileAndDirectory(display(directory)));
            }
            parent = Some(number);
        }
        let before = self.nodes.len();
        let number = self.child(parent, name, NodeKind::File);
        match (self.nodes.len() > before, self.is_file(number)) {
            (true, _) => Ok(number),
            (false, true) => Err(MetainfoProblem::Duplicate(display(name))),
            (false, false) => Err(MetainfoProblem::FileAndDirectory(display(name))),
        }
    }

    /// Finds a file or directory by the checked parts of its path.
    pub(super) fn find(&self, parts: &[&'a [u8]]) -> Option<NodeNumber> {
        parts.iter().try_fold(None, |parent, part| {
            self.numbers
                .get(&(parent, part))
                .map(|number| Some(*number))
        })?
    }

    /// Gives each name that was changed, and so may have become another's, a suffix if it has.
    /// Names that were fit from the start stay.
    pub(super) fn tell_apart(&mut self) {
        let is_changed = |node: &Node<'_>| matches!(node.name, Cow::Owned(_));
        if !self.nodes.iter().any(is_changed) {
            return;
        }
        let (changed, fit): (Vec<_>, Vec<_>) =
            self.nodes.iter_mut().partition(|node| is_changed(node));
        let mut taken: BTreeSet<(Option<NodeNumber>, Cow<'a, str>)> = fit
            .into_iter()
            .map(|node| (node.parent, node.name.clone()))
            .collect();
        // One count for all, so that no suffix is tried twice and the work stays linear.
        let mut attempt = 0u32;
        for node in changed {
            let wanted = node.name.clone();
            while !taken.insert((node.parent, node.name.clone())) {
                attempt += 1;
                node.name = Cow::Owned(shorten(&wanted, &format!(".{attempt}")));
            }
        }
    }

    /// Gives the path of a file or directory, `/` between the parts.
    pub(super) fn path(&self, number: NodeNumber) -> Box<str> {
        let mut parts: Vec<&str> = Vec::new();
        let mut next = Some(number);
        while let Some(node) = next.and_then(|number| self.nodes.get(number.0)) {
            parts.push(&node.name);
            next = node.parent;
        }
        parts.reverse();
        parts.join("/").into()
    }

    fn child(&mut self, parent: Option<NodeNumber>, part: &'a [u8], kind: NodeKind) -> NodeNumber {
        let next = NodeNumber(self.nodes.len());
        let number = *self.numbers.entry((parent, part)).or_insert(next);
        if number == next {
            self.nodes.push(Node {
                parent,
                name: sanitise(part),
                kind,
            });
        }
        number
    }

    fn is_file(&self, number: NodeNumber) -> bool {
        self.nodes
            .get(number.0)
            .is_some_and(|node| node.kind == NodeKind::File)
    }
}

fn is_device(part: &[u8]) -> bool {
    let stem = part
        .split(|byte| *byte == b'.')
        .next()
        .unwrap_or_default()
        .trim_ascii_end();
    let is_numbered = |device: &&str| {
        let (name, digit) = stem.split_at(device.len().min(stem.len()));
        let is_digit =
            matches!(digit, [b'0'..=b'9']) || ["¹", "²", "³"].map(str::as_bytes).contains(&digit);
        name.eq_ignore_ascii_case(device.as_bytes()) && is_digit
    };
    DEVICES
        .iter()
        .any(|device| stem.eq_ignore_ascii_case(device.as_bytes()))
        || NUMBERED_DEVICES.iter().any(is_numbered)
}

/// Shortens a name so that it fits with `suffix` behind it. A name that was too long keeps its
/// ending.
fn shorten(name: &str, suffix: &str) -> String {
    let room = NAME_LEN_MAX - suffix.len();
    if name.len() <= room {
        return format!("{name}{suffix}");
    }
    let ending = name.rfind('.').map_or("", |dot| &name[dot..]);
    let ending = if ending.len() > ENDING_LEN_MAX {
        ""
    } else {
        ending
    };
    let stem = &name[..name.floor_char_boundary(room - ending.len())];
    format!("{stem}{ending}{suffix}")
}

/// Shows a part in an error: printable, and no longer than a name.
fn display(part: &[u8]) -> Box<str> {
    let mut shown = String::new();
    for character in String::from_utf8_lossy(part.get(..NAME_LEN_MAX).unwrap_or(part)).chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problem(part: &[u8]) -> Option<MetainfoProblem> {
        check(part).err()
    }

    fn paths(files: &[&[&'static [u8]]]) -> Vec<Box<str>> {
        let mut names = Names::default();
        let added = files
            .iter()
            .map(|parts| names.add_file(parts).expect("no two are equal"));
        let numbers: Vec<_> = added.collect();
        names.tell_apart();
        numbers
            .into_iter()
            .map(|number| names.path(number))
            .collect()
    }

    #[test]
    fn refuses_what_leads_out_or_is_no_file() {
        assert_eq!(problem(b".."), Some(MetainfoProblem::LeadsOut));
        assert_eq!(
            problem(b"/etc"),
            Some(MetainfoProblem::Absolute("/etc".into()))
        );
        assert_eq!(
            problem(b"\\\\host"),
            Some(MetainfoProblem::Absolute("\\\\host".into()))
        );
        assert_eq!(problem(b"C:"), Some(MetainfoProblem::Absolute("C:".into())));
        assert_eq!(
            problem(b"a/b"),
            Some(MetainfoProblem::Separator("a/b".into()))
        );
        assert_eq!(
            problem(b"a\\..\\b"),
            Some(MetainfoProblem::Separator("a\\..\\b".into()))
        );
        assert_eq!(
            problem(b"a\0.txt"),
            Some(MetainfoProblem::Nul("a\\u{0}.txt".into()))
        );
        let devices: [&[u8]; 7] = [
            b"CON",
            b"nul",
            b"Aux.txt",
            b"com1",
            b"LPT9.tar.gz",
            b"com\xc2\xb9",
            b"prn .x",
        ];
        for device in devices {
            assert!(
                matches!(problem(device), Some(MetainfoProblem::Device(_))),
                "{device:?}"
            );
        }
    }

    #[test]
    fn takes_what_only_looks_like_it() {
        let honest: [&[u8]; 8] = [
            b"...",
            b"a..b",
            b".hidden",
            b"console",
            b"com",
            b"com10",
            b"C: drive",
            b"nullable",
        ];
        for part in honest {
            assert_eq!(check(part), Ok(Some(part)));
        }
        assert_eq!((check(b""), check(b".")), (Ok(None), Ok(None)));
    }

    #[test]
    fn replaces_what_is_merely_ugly() {
        assert_eq!(sanitise(b"a\tb\x7f"), "a_b_");
        assert_eq!(sanitise(b"a\xff"), "a\u{fffd}");
        let long = sanitise(&[b'x'; 300]);
        assert_eq!(long.len(), NAME_LEN_MAX);
        let with_ending = [&[b'x'; 300][..], b".mkv"].concat();
        assert!(sanitise(&with_ending).ends_with("x.mkv"));
        assert!(matches!(
            sanitise("Žluťoučký kůň".as_bytes()),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn tells_apart_what_became_equal() {
        let files: [&[&[u8]]; 5] = [
            &[b"a\x01", b"x"],
            &[b"a\x02", b"x"],
            &[b"a_", b"x"],
            &[b"b\n"],
            &[b"b\r"],
        ];
        let paths = paths(&files);
        let paths: Vec<&str> = paths.iter().map(|path| &**path).collect();
        assert_eq!(paths, ["a_.1/x", "a_.2/x", "a_/x", "b_", "b_.3"]);
    }

    #[test]
    fn refuses_what_is_equal_from_the_start() {
        let mut names = Names::default();
        let mut add = |parts: &[&'static [u8]]| names.add_file(parts).err();
        assert_eq!(add(&[b"a", b"b"]), None);
        assert_eq!(
            add(&[b"a", b"b"]),
            Some(MetainfoProblem::Duplicate("b".into()))
        );
        assert_eq!(
            add(&[b"a"]),
            Some(MetainfoProblem::FileAndDirectory("a".into()))
        );
        let clash = Some(MetainfoProblem::FileAndDirectory("b".into()));
        assert_eq!(add(&[b"a", b"b", b"c"]), clash);
        assert_eq!(add(&[]), Some(MetainfoProblem::Nameless));
    }

    proptest! {
        #[test]
        fn no_two_files_share_a_path_and_none_leads_out(
            files in proptest::collection::btree_set(
                proptest::collection::vec("[ab\x01\x02.1_]{1,3}", 1..4), 1..60),
        ) {
            let mut names = Names::default();
            let mut numbers = Vec::new();
            for path in &files {
                let parts: Result<Vec<_>, _> =
                    path.iter().map(|part| check(part.as_bytes())).collect();
                let Ok(parts) = parts else { continue };
                let parts: Vec<&[u8]> = parts.into_iter().flatten().collect();
                numbers.extend(names.add_file(&parts));
            }
            names.tell_apart();
            let paths: BTreeSet<_> = numbers.iter().map(|number| names.path(*number)).collect();
            prop_assert_eq!(paths.len(), numbers.len());
            for path in paths {
                for part in path.split('/') {
                    prop_assert_eq!(check(part.as_bytes()), Ok(Some(part.as_bytes())));
                    prop_assert!(part.len() <= NAME_LEN_MAX);
                }
            }
        }
    }
}
