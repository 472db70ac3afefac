//! Magnet links: a torrent in one line (BEP 9, 53; spec section 4).
//!
//! A link names the torrent by its hash and adds what helps to find it. All the rest comes from
//! peers. People copy links by hand and from web pages, so an error shows the part of the link that
//! is wrong.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;

use ::wire::http::{percent_decode, percent_encode};
use ::wire::text::{self, TextError};
use machine::{Endpoint, Security, Target};

use crate::metainfo::Metainfo;
use crate::numbers::InfoHash;

/// What every magnet link begins with, in either case.
const SCHEME: &str = "magnet:?";

/// The longest part of a link that an error shows, in characters.
const SHOWN_MAX: usize = 100;

/// What a magnet link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Magnet {
    /// `xt=urn:btih:`: the torrent.
    pub info_hash: InfoHash,
    /// `dn`: a name to show until the real one has come.
    pub name: Option<Box<str>>,
    /// `tr`: the URLs of trackers, each a tier of its own.
    pub trackers: Vec<Box<str>>,
    /// `x.pe`: where peers are.
    pub peers: Vec<Target>,
    /// `ws`: the URLs of web seeds.
    pub web_seeds: Vec<Box<str>>,
    /// `so`: the numbers of the files to fetch, from 0; empty for all (BEP 53).
    pub selected: Vec<RangeInclusive<u32>>,
}

/// Says why a text is no magnet link of a torrent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} ({shown})")]
pub struct MagnetError {
    field: Box<str>,
    offset: usize,
    shown: Box<str>,
    problem: MagnetProblem,
}

/// What can be wrong with a magnet link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MagnetProblem {
    /// It is something else.
    #[error("a magnet link begins with {SCHEME}")]
    Scheme,
    /// It names no torrent: it may come from another network.
    #[error("the link names no torrent: there is no xt=urn:btih:")]
    NoInfoHash,
    /// It names a torrent of version 2 only.
    #[error("this torrent is of version 2 only (BEP 52), which is not supported")]
    Version2Only,
    /// The torrent's hash has neither length that it may have.
    #[error(
        "the SHA-1 of a torrent has 40 characters in hex or 32 in base 32, this one has {found}"
    )]
    HashLength {
        /// How many characters it has.
        found: usize,
    },
    /// The torrent's hash is no hash.
    #[error("{0}")]
    Hash(TextError),
    /// A peer has no address.
    #[error("a peer is an address or a name with a port, as 192.0.2.1:6881")]
    Peer,
    /// The selection of files makes no sense.
    #[error("a selection of files is numbers and ranges, as 0,2,4-8")]
    Selection,
    /// A URL is no text.
    #[error("a URL is text")]
    Url,
}

impl MagnetError {
    /// Names the field: the key in the link, such as `xt`.
    #[must_use]
    pub const fn field(&self) -> &str {
        &self.field
    }

    /// Tells where the field begins in the link, in bytes.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Tells what is wrong with it.
    #[must_use]
    pub const fn problem(&self) -> &MagnetProblem {
        &self.problem
    }
}

impl Magnet {
    /// Makes a link that says nothing more than which torrent it is.
    #[must_use]
    pub const fn new(info_hash: InfoHash) -> Self {
        Self {
            info_hash,
            name: None,
            trackers: Vec::new(),
            peers: Vec::new(),
            web_seeds: Vec::new(),
            selected: Vec::new(),
        }
    }

    /// Tells whether a text wants to be a magnet link, right or wrong.
    #[must_use]
    pub fn is_meant_by(text: &str) -> bool {
        let scheme = text.trim_start().get(..SCHEME.len() - 1);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("magnet:"))
    }

    fn take(&mut self, field: &Field<'_>) -> Result<(), MagnetProblem> {
        match field.name() {
            "dn" if self.name.is_none() => self.name = Some(field.words()),
            "tr" => self.trackers.push(field.url()?),
            "ws" => self.web_seeds.push(field.url()?),
            "x.pe" => self.peers.push(field.peer().ok_or(MagnetProblem::Peer)?),
            "so" => self
                .selected
                .extend(field.selection().ok_or(MagnetProblem::Selection)?),
            _ => (),
        }
        Ok(())
    }
}

impl FromStr for Magnet {
    type Err = MagnetError;

    fn from_str(link: &str) -> Result<Self, MagnetError> {
        let start = link.len() - link.trim_start().len();
        let body = link.trim();
        let query = match body.split_at_checked(SCHEME.len()) {
            Some((scheme, query)) if scheme.eq_ignore_ascii_case(SCHEME) => query,
            _ => return Err(error("magnet", start, body, MagnetProblem::Scheme)),
        };
        let fields = || Field::all(query, start + SCHEME.len());
        let mut magnet = Self::new(info_hash(fields())?.ok_or_else(|| {
            let is_version_2 = fields().any(|field| field.topic("urn:btmh:").is_some());
            let problem = if is_version_2 {
                MagnetProblem::Version2Only
            } else {
                MagnetProblem::NoInfoHash
            };
            error("xt", start, body, problem)
        })?);
        for field in fields() {
            magnet
                .take(&field)
                .map_err(|problem| field.blame(problem))?;
        }
        Ok(magnet)
    }
}

impl fmt::Display for Magnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}xt=urn:btih:{}", self.info_hash)?;
        if let Some(name) = &self.name {
            write!(f, "&dn={}", percent_encode(name.as_bytes()))?;
        }
        for tracker in &self.trackers {
            write!(f, "&tr={}", percent_encode(tracker.as_bytes()))?;
        }
        for peer in &self.peers {
            match peer {
                Target::Endpoint(endpoint) => write!(f, "&x.pe={endpoint}")?,
                Target::Host { name, port, .. } => {
                    write!(f, "&x.pe={}:{port}", percent_encode(name.as_bytes()))?;
                }
            }
        }
        for seed in &self.web_seeds {
            write!(f, "&ws={}", percent_encode(seed.as_bytes()))?;
        }
        for (place, files) in self.selected.iter().enumerate() {
            f.write_str(if place == 0 { "&so=" } else { "," })?;
            match files.start() == files.end() {
                true => write!(f, "{}", files.start())?,
                false => write!(f, "{}-{}", files.start(), files.end())?,
            }
        }
        Ok(())
    }
}

/// The link to a torrent whose file is at hand.
impl From<&Metainfo> for Magnet {
    fn from(metainfo: &Metainfo) -> Self {
        let mut magnet = Self::new(metainfo.info.hash());
        magnet.name = Some(metainfo.info.name().into());
        magnet.trackers = metainfo
            .trackers
            .iter()
            .flat_map(|tier| tier.0.iter().cloned())
            .collect();
        magnet
    }
}

/// One `key=value` of a link, as it stands there.
struct Field<'a> {
    key: &'a str,
    value: &'a str,
    shown: &'a str,
    offset: usize,
}

impl<'a> Field<'a> {
    fn all(query: &'a str, start: usize) -> impl Iterator<Item = Self> {
        let mut offset = start;
        query.split('&').filter_map(move |pair| {
            let at = offset;
            offset += pair.len() + 1;
            // A link copied out of the source of a page has `&amp;` between its fields.
            let shown = pair.strip_prefix("amp;").unwrap_or(pair);
            let (key, value) = shown.split_once('=')?;
            Some(Self {
                key,
                value,
                shown,
                offset: at + (pair.len() - shown.len()),
            })
        })
    }

    /// The key without the number that some programs put behind it: `tr.1` is `tr`.
    fn name(&self) -> &'a str {
        match self.key.rsplit_once('.') {
            Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => self.key,
        }
    }

    fn decoded(&self) -> Cow<'a, [u8]> {
        percent_decode(self.value.as_bytes())
    }

    fn text(&self) -> Option<String> {
        String::from_utf8(self.decoded().into_owned()).ok()
    }

    /// What stands behind `prefix`, if this is an `xt` that begins with it.
    fn topic(&self, prefix: &str) -> Option<String> {
        let text = self
            .text()
            .filter(|_| self.name().eq_ignore_ascii_case("xt"))?;
        let (start, rest) = text.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then(|| rest.into())
    }

    /// A name for people; a plus is a space, for so it is meant.
    fn words(&self) -> Box<str> {
        let spaced = self.value.replace('+', " ");
        String::from_utf8_lossy(&percent_decode(spaced.as_bytes())).into()
    }

    fn url(&self) -> Result<Box<str>, MagnetProblem> {
        self.text()
            .map(String::into_boxed_str)
            .ok_or(MagnetProblem::Url)
    }

    fn peer(&self) -> Option<Target> {
        let text = self.text()?;
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            return Some(Target::Endpoint(endpoint)).filter(|_| endpoint.port() != 0);
        }
        let (name, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let is_name = !name.is_empty() && name.bytes().all(is_name_byte);
        is_name.then(|| Target::Host {
            name: name.into(),
            port,
            security: Security::Plain,
        })
    }

    fn selection(&self) -> Option<Vec<RangeInclusive<u32>>> {
        let text = self.text()?;
        let ranges = text.split(',').map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then_some(first..=last)
        });
        ranges.collect()
    }

    fn blame(&self, problem: MagnetProblem) -> MagnetError {
        error(self.key, self.offset, self.shown, problem)
    }
}

/// Finds the first torrent of version 1.
fn info_hash<'a>(
    mut fields: impl Iterator<Item = Field<'a>>,
) -> Result<Option<InfoHash>, MagnetError> {
    let found = fields.find_map(|field| field.topic("urn:btih:").map(|hash| (field, hash)));
    let Some((field, hash)) = found else {
        return Ok(None);
    };
    let bytes = match hash.chars().count() {
        40 => text::from_hex("a SHA-1", &hash).map_err(MagnetProblem::Hash),
        32 => text::from_base32("a SHA-1", &hash).map_err(MagnetProblem::Hash),
        found => Err(MagnetProblem::HashLength { found }),
    };
    bytes
        .map(|bytes| Some(InfoHash(bytes)))
        .map_err(|problem| field.blame(problem))
}

fn error(field: &str, offset: usize, shown: &str, problem: MagnetProblem) -> MagnetError {
    let mut text: String = shown
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN_MAX)
        .collect();
    if text.len() < shown.len() {
        text.push('…');
    }
    MagnetError {
        field: field.into(),
        offset,
        shown: text.into(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;
    use core::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "079742fa6bc8444fdf83825fd7ef8a922cf02d31";
    const BASE32: &str = "A6LUF6TLZBCE7X4DQJP5P34KSIWPALJR";

    fn hash() -> InfoHash {
        InfoHash(text::from_hex("a SHA-1", HEX).expect("hex"))
    }

    fn error_of(link: &str) -> String {
        link.parse::<Magnet>()
            .expect_err("the link is wrong")
            .to_string()
    }

    #[test]
    fn reads_the_hash_in_both_writings_and_any_case() {
        for link in [
            alloc::format!("magnet:?xt=urn:btih:{HEX}"),
            alloc::format!("MAGNET:?xt=URN:BTIH:{}", HEX.to_uppercase()),
            alloc::format!("magnet:?xt=urn:btih:{BASE32}"),
            alloc::format!(
                " magnet:?dn=a&amp;xt.1=urn%3Abtih%3A{}\n",
                BASE32.to_lowercase()
            ),
            alloc::format!("magnet:?xt=urn:btmh:1220{HEX}&xt=urn:btih:{HEX}"),
        ] {
            assert_eq!(
                link.parse::<Magnet>().map(|magnet| magnet.info_hash),
                Ok(hash()),
                "{link}"
            );
        }
    }

    #[test]
    fn reads_all_that_helps() {
        let link = alloc::format!(
            "magnet:?xt=urn:btih:{HEX}&dn=A+name%20100%&tr=http%3A%2F%2Ft%2Fa&tr.1=udp://u:1&\
             x.pe=192.0.2.1:6881&x.pe=[2001:db8::1]:1&x.pe=peer.example:2&ws=http://w/&\
             so=0,2,4,6-8&xl=5&="
        );
        let host = |name: &str, port| Target::Host {
            name: name.into(),
            port,
            security: Security::Plain,
        };
        let endpoint = |text: &str| Target::Endpoint(text.parse().expect("an endpoint"));
        let magnet = Magnet {
            info_hash: hash(),
            name: Some("A name 100%".into()),
            trackers: vec!["http://t/a".into(), "udp://u:1".into()],
            peers: vec![
                endpoint("192.0.2.1:6881"),
                endpoint("[2001:db8::1]:1"),
                host("peer.example", 2),
            ],
            web_seeds: vec!["http://w/".into()],
            selected: vec![0..=0, 2..=2, 4..=4, 6..=8],
        };
        assert_eq!(link.parse(), Ok(magnet.clone()));
        assert_eq!(magnet.to_string().parse(), Ok(magnet));
    }

    #[test]
    fn errors_show_the_part_that_is_wrong() {
        assert_eq!(
            error_of("magnet:?xt=urn:btih:BADHASH"),
            "the SHA-1 of a torrent has 40 characters in hex or 32 in base 32, this one has 7 \
             (xt=urn:btih:BADHASH)"
        );
        assert_eq!(
            error_of("magnet:?xt=urn:btih:A6LUF6TLZBCE7X4DQJP5P34KSIWPALJ1"),
            "a SHA-1 in base 32 has no '1', this one has it as character 32 \
             (xt=urn:btih:A6LUF6TLZBCE7X4DQJP5P34KSIWPALJ1)"
        );
        assert_eq!(
            error_of("http://example.org/"),
            "a magnet link begins with magnet:? (http://example.org/)"
        );
        let link = alloc::format!("magnet:?xt=urn:btih:{HEX}&so=3-1");
        let error = link.parse::<Magnet>().expect_err("3 is more than 1");
        assert_eq!((error.field(), error.offset()), ("so", 61));
        assert_eq!(error.problem(), &MagnetProblem::Selection);
        for peer in ["1.2.3.4", ":1", "a:b", "a:0", "[::1]:0", "a b:1"] {
            let link = alloc::format!("magnet:?xt=urn:btih:{HEX}&x.pe={peer}");
            let error = link.parse::<Magnet>().expect_err("no peer");
            assert_eq!(error.problem(), &MagnetProblem::Peer, "{peer}");
        }
    }

    #[test]
    fn tells_links_that_are_not_for_us() {
        let problem = |link: &str| link.parse::<Magnet>().map_err(|error| error.problem);
        assert_eq!(
            problem("magnet:?xt=urn:btmh:1220ab"),
            Err(MagnetProblem::Version2Only)
        );
        assert_eq!(
            problem("magnet:?xt=urn:sha1:ABC&dn=x"),
            Err(MagnetProblem::NoInfoHash)
        );
        assert_eq!(problem("magnet:?"), Err(MagnetProblem::NoInfoHash));
        assert!(Magnet::is_meant_by(" Magnet:x") && !Magnet::is_meant_by("magnets.torrent"));
    }

    proptest! {
        #[test]
        fn links_are_read_as_they_are_written(
            hash: [u8; 20], name: String, trackers: Vec<String>, endpoints: Vec<(IpAddr, u16)>,
            ranges: Vec<(u32, u32)>,
        ) {
            let endpoints = endpoints.into_iter().filter(|(_, port)| *port != 0);
            let magnet = Magnet {
                info_hash: InfoHash(hash),
                name: Some(name.into()),
                trackers: trackers.into_iter().map(Into::into).collect(),
                peers: endpoints
                    .map(|(ip, port)| Target::Endpoint(Endpoint::new(ip, port)))
                    .collect(),
                web_seeds: Vec::new(),
                selected: ranges.into_iter().map(|(a, b)| a.min(b)..=a.max(b)).collect(),
            };
            prop_assert_eq!(magnet.to_string().parse(), Ok(magnet));
        }

        #[test]
        fn no_text_panics(
            text in "(magnet:\\?)?(.|[&=%.:a-zA-Z0-9-]|&xt=urn:btih:|&so=|&x.pe=){0,60}",
        ) {
            let _ = text.parse::<Magnet>();
        }
    }
}
