//! Where a tracker is and how it is spoken to.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use machine::{Security, Target};
use wire::Malformed;
use wire::http::{Scheme, Url};

/// The URL of a tracker; torrents of one tracker share it
/// ([`Trackers::intern`](super::Trackers::intern)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerUrl {
    url: Url,
    reached: Reached,
}

/// By which client a tracker is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Reached {
    Udp(UdpHost),
    Http(Origin),
}

/// A tracker's host and port for datagrams. Cheap to copy: it names transactions by the thousand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct UdpHost {
    pub(super) name: Arc<str>,
    pub(super) port: u16,
}

/// A web server: connections to it serve all URLs that begin with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Origin {
    name: Arc<str>,
    port: u16,
    security: Security,
}

impl TrackerUrl {
    /// Reads a URL with one of the schemes `http`, `https` and `udp`.
    ///
    /// # Errors
    /// [`Malformed`] with the place in the URL that is wrong.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let url = Url::parse(text.trim())?;
        let reached = match url.scheme {
            Scheme::Udp => {
                let name = Arc::from(url.host.as_str());
                Reached::Udp(UdpHost {
                    name,
                    port: url.port_or_default(),
                })
            }
            Scheme::Http | Scheme::Https => Reached::Http(Origin::of(&url)),
        };
        Ok(Self { url, reached })
    }

    /// Gives the URL in parts.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Gives path and query of the scrape that belongs to this announce URL, by the convention of
    /// BEP 48: the last part of the path begins with `announce`, which becomes `scrape`.
    #[must_use]
    pub fn scrape_target(&self) -> Option<String> {
        let target = &self.url.target;
        let path_len = target.find('?').unwrap_or(target.len());
        let slash = target.get(..path_len)?.rfind('/')?;
        let (directory, last) = target.split_at_checked(slash + 1)?;
        let suffix = last.strip_prefix("announce")?;
        Some(directory.to_owned() + "scrape" + suffix)
    }

    pub(super) const fn reached(&self) -> &Reached {
        &self.reached
    }

    /// Gives what a UDP tracker is told of the URL (BEP 41): nothing if there is no path.
    pub(super) fn url_data(&self) -> &[u8] {
        match self.url.target.as_str() {
            "/" => &[],
            target => target.as_bytes(),
        }
    }
}

impl fmt::Display for TrackerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl Origin {
    /// The web server of a URL; for one of scheme `udp` it would make no sense.
    pub(super) fn of(url: &Url) -> Self {
        let security = match url.scheme {
            Scheme::Https => Security::Tls,
            Scheme::Http | Scheme::Udp => Security::Plain,
        };
        Self {
            name: Arc::from(url.host.as_str()),
            port: url.port_or_default(),
            security,
        }
    }

    pub(super) fn target(&self) -> Target {
        Target::Host {
            name: (*self.name).to_owned(),
            port: self.port,
            security: self.security,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn scrape_takes_the_place_of_announce() {
        // The examples of BEP 48.
        let cases = [
            ("http://example.com/announce", Some("/scrape")),
            ("http://example.com/x/announce", Some("/x/scrape")),
            ("http://example.com/announce.php", Some("/scrape.php")),
            (
                "http://example.com/x/announce.php?a=b",
                Some("/x/scrape.php?a=b"),
            ),
            ("http://example.com/announce?x=2/4", Some("/scrape?x=2/4")),
            ("http://example.com/a", None),
            ("http://example.com/announce/x", None),
            ("http://example.com/x%064announce", None),
        ];
        for (url, expected) in cases {
            let tracker = TrackerUrl::parse(url).expect("a URL");
            assert_eq!(tracker.scrape_target().as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_url_without_a_path_has_no_url_data() {
        let bare = TrackerUrl::parse("udp://tracker.example:6969").expect("a URL");
        assert_eq!(bare.url_data(), b"");
        let full = TrackerUrl::parse(" udp://tracker.example:6969/dir?a=b&c=d ").expect("a URL");
        assert_eq!(full.url_data(), b"/dir?a=b&c=d");
        assert_eq!(full.to_string(), "udp://tracker.example:6969/dir?a=b&c=d");
        assert!(TrackerUrl::parse("wss://tracker.example").is_err());
    }
}
