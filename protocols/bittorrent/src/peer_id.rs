//! What the twenty bytes of a peer id say by custom about the program behind it (BEP 20, spec
//! section 22).
//!
//! Most programs write `-`, two letters for their name, four characters for their version, `-`, and
//! twelve random bytes. The name is for display only: nothing may depend on it, for nothing proves
//! it.

use core::fmt;

use crate::numbers::PeerId;

/// The first eight bytes of our own peer ids: "MH" for manyhop, version 0.0.0.1.
pub const OUR_PREFIX: &[u8; 8] = b"-MH0001-";

/// Shows the program that a peer id names, such as `Transmission 3.0.0`; or else what can be shown
/// of the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientName(pub PeerId);

/// The two letters of programs in use, by the list of BEP 20 and by what they send.
const PROGRAMS: &[(&[u8; 2], &str)] = &[
    (b"7T", "aTorrent"),
    (b"A2", "aria2"),
    (b"AG", "Ares"),
    (b"AR", "Arctic"),
    (b"AZ", "Vuze"),
    (b"BC", "BitComet"),
    (b"BE", "baretorrent"),
    (b"BG", "BTG"),
    (b"BI", "BiglyBT"),
    (b"BL", "BitLord"),
    (b"BT", "BitTorrent"),
    (b"BW", "BitWombat"),
    (b"CD", "Enhanced CTorrent"),
    (b"CT", "CTorrent"),
    (b"DE", "Deluge"),
    (b"FD", "Free Download Manager"),
    (b"FL", "Flud"),
    (b"FX", "Freebox BitTorrent"),
    (b"GT", "anacrolix/torrent"),
    (b"HL", "Halite"),
    (b"JT", "JavaTorrent"),
    (b"KG", "KGet"),
    (b"KT", "KTorrent"),
    (b"LP", "Lphant"),
    (b"LT", "libtorrent"),
    (b"LW", "LimeWire"),
    (b"MH", "manyhop"),
    (b"MO", "MonoTorrent"),
    (b"MR", "Miro"),
    (b"PC", "CacheLogic"),
    (b"PI", "PicoTorrent"),
    (b"PT", "Popcorn Time"),
    (b"SD", "Thunder"),
    (b"SZ", "Shareaza"),
    (b"TB", "Torch"),
    (b"TL", "Tribler"),
    (b"TR", "Transmission"),
    (b"TX", "Tixati"),
    (b"UE", "uTorrent Embedded"),
    (b"UM", "uTorrent for Mac"),
    (b"UT", "uTorrent"),
    (b"UW", "uTorrent Web"),
    (b"WD", "WebTorrent Desktop"),
    (b"WW", "WebTorrent"),
    (b"XL", "Xunlei"),
    (b"lt", "rTorrent"),
    (b"qB", "qBittorrent"),
    (b"rQ", "rqbit"),
    (b"st", "SharkTorrent"),
];

impl PeerId {
    /// Makes an id of our own from twelve random bytes, which must be new for each run and each
    /// torrent.
    pub fn ours(random: [u8; 12]) -> Self {
        let mut id = [0; 20];
        let (prefix, rest) = id.split_at_mut(OUR_PREFIX.len());
        prefix.copy_from_slice(OUR_PREFIX);
        rest.copy_from_slice(&random);
        Self(id)
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.0.0;
        match id {
            [
                b'-',
                a,
                b,
                version @ ..,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
            ] if is_code([*a, *b]) => {
                write_program(f, [*a, *b])?;
                write_version(f, version)
            }
            [b'A', b'2', b'-', rest @ ..] => write_dashed(f, "aria2", rest),
            [b'M', b'0'..=b'9', b'-', ..] => write_dashed(f, "BitTorrent", &id[1..]),
            [b'e', b'x', b'b', b'c', major, minor, ..] => {
                write!(f, "BitComet {major}.{minor:02}")
            }
            [name @ .., _, _, _, _, _, _, _, _, _, _, _, _] => write!(f, "{}", name.escape_ascii()),
        }
    }
}

fn is_code(code: [u8; 2]) -> bool {
    code.iter().all(u8::is_ascii_alphanumeric)
}

fn write_program(f: &mut fmt::Formatter<'_>, code: [u8; 2]) -> fmt::Result {
    match PROGRAMS.iter().find(|(known, _)| **known == code) {
        Some((_, name)) => f.write_str(name),
        None => write!(f, "{}", code.escape_ascii()),
    }
}

/// Writes up to four parts of a version, each a base-36 digit (`A` is ten). A fourth part that is
/// zero, or a letter for the kind of the release, tells the reader nothing and is left out.
fn write_version(f: &mut fmt::Formatter<'_>, version: &[u8]) -> fmt::Result {
    let digits = version
        .iter()
        .take(4)
        .map_while(|digit| char::from(*digit).to_digit(36));
    for (place, digit) in digits.enumerate() {
        match (place, digit) {
            (3, 0 | 10..) => break,
            (0, _) => write!(f, " {digit}")?,
            (_, _) => write!(f, ".{digit}")?,
        }
    }
    Ok(())
}

/// Writes a version such as `1-36-0-`: numbers that end in dashes, for as long as they do.
fn write_dashed(f: &mut fmt::Formatter<'_>, name: &str, rest: &[u8]) -> fmt::Result {
    f.write_str(name)?;
    let is_number = |part: &&[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let ended = rest.iter().rposition(|byte| *byte == b'-').unwrap_or(0);
    let numbers = rest[..ended]
        .split(|byte| *byte == b'-')
        .take_while(is_number)
        .take(3);
    for (place, number) in numbers.enumerate() {
        let separator = if place == 0 { ' ' } else { '.' };
        write!(f, "{separator}{}", number.escape_ascii())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};

    use proptest::prelude::*;

    use super::*;

    fn name(prefix: &[u8]) -> String {
        let mut id = *b"....................";
        id[..prefix.len()].copy_from_slice(prefix);
        ClientName(PeerId(id)).to_string()
    }

    #[test]
    fn names_the_customary_programs() {
        for (prefix, expected) in [
            (b"-TR3000-".as_slice(), "Transmission 3.0.0"),
            (b"-TR4060-", "Transmission 4.0.6"),
            (b"-qB4500-", "qBittorrent 4.5.0"),
            (b"-LT20A0-", "libtorrent 2.0.10"),
            (b"-lt0D98-", "rTorrent 0.13.9.8"),
            (b"-UT355S-", "uTorrent 3.5.5"),
            (b"-AZ5763-", "Vuze 5.7.6.3"),
            (b"A2-1-36-0-", "aria2 1.36.0"),
            (b"M7-2-0--", "BitTorrent 7.2.0"),
            (b"exbc\x00\x3b", "BitComet 0.59"),
            (b"-XX0001-", "XX 0.0.0.1"),
            (b"-MH0001-", "manyhop 0.0.0.1"),
        ] {
            assert_eq!(name(prefix), expected);
        }
    }

    #[test]
    fn shows_what_it_does_not_know() {
        assert_eq!(name(b"\x00\x01\"hello"), "\\x00\\x01\\\"hello");
    }

    #[test]
    fn makes_ids_of_our_own() {
        let id = PeerId::ours(*b"abcdefghijkl");
        assert_eq!(&id.0, b"-MH0001-abcdefghijkl");
    }

    proptest! {
        #[test]
        fn shows_any_id_in_one_printable_line(id: [u8; 20]) {
            let shown = format!("{}", ClientName(PeerId(id)));
            prop_assert!(!shown.is_empty());
            prop_assert!(shown.chars().all(|c| c.is_ascii_graphic() || c == ' '));
        }
    }
}
