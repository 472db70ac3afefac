//! The URLs of trackers, web seeds and torrent files.

use crate::http::query::push_percent;
use crate::malformed::Malformed;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// HTTP over TCP.
    Http,
    /// HTTP over TLS.
    Https,
    /// The tracker protocol over UDP (BEP 15).
    Udp,
}

/// `scheme://host[:port]/path?query`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url {
    /// How to speak to the host.
    pub scheme: Scheme,
    /// A name or an IP address, in lower case; a version 6 address without its brackets.
    pub host: String,
    /// The port, if the URL names one.
    pub port: Option<u16>,
    /// Path and query, never empty; a fragment is left out, for it is not sent.
    pub target: String,
}

const FIELD: &str = "URL";

impl Url {
    /// Reads a URL. Spaces and letters beyond ASCII in path and query, which people do write, are
    /// percent-encoded.
    ///
    /// # Errors
    /// [`Problem::Invalid`](crate::Problem::Invalid), with the offset of what is wrong.
    pub fn parse(url: &str) -> Result<Self, Malformed> {
        let expected = "http://, https:// or udp://";
        let (scheme, rest) = url
            .split_once("://")
            .ok_or(Malformed::invalid(FIELD, 0, expected))?;
        let scheme = Scheme::ALL
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(scheme))
            .ok_or(Malformed::invalid(FIELD, 0, expected))?;
        let start = url.len() - rest.len();
        let authority_len = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(authority_len).unwrap_or((rest, ""));
        let (host, port) = parse_authority(authority, start)?;
        let target = parse_target(target, start + authority_len)?;
        Ok(Self {
            scheme,
            host,
            port,
            target,
        })
    }

    /// Follows a redirection's `Location`, which may be relative to this URL.
    ///
    /// # Errors
    /// As [`Url::parse`], with offsets in the absolute URL.
    pub fn join(&self, location: &str) -> Result<Self, Malformed> {
        let path = self
            .target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path);
        let origin = format!("{}://{}", self.scheme.name(), self.authority());
        let scheme_len = location.find("://");
        let is_absolute = scheme_len.is_some() && scheme_len < location.find(['/', '?', '#']);
        if is_absolute {
            Self::parse(location)
        } else if location.starts_with("//") {
            Self::parse(&format!("{}:{location}", self.scheme.name()))
        } else if location.starts_with('/') {
            Self::parse(&format!("{origin}{location}"))
        } else if location.is_empty() || location.starts_with(['?', '#']) {
            Self::parse(&format!("{origin}{path}{location}"))
        } else {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            Self::parse(&format!("{origin}{directory}/{location}"))
        }
    }

    /// Gives the port to connect to: the URL's, or else the scheme's (80; 443 for https).
    ///
    /// BEP 15 gives UDP none; 80 is what Transmission takes.
    #[must_use]
    pub const fn port_or_default(&self) -> u16 {
        match (self.port, self.scheme) {
            (Some(port), _) => port,
            (None, Scheme::Http | Scheme::Udp) => 80,
            (None, Scheme::Https) => 443,
        }
    }

    /// Gives host and port as they stand in the URL, which is what the `Host` header wants.
    #[must_use]
    pub fn authority(&self) -> String {
        let is_v6 = self.host.contains(':');
        let (open, close) = if is_v6 { ("[", "]") } else { ("", "") };
        match self.port {
            Some(port) => format!("{open}{}{close}:{port}", self.host),
            None => format!("{open}{}{close}", self.host),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.scheme.name(),
            self.authority(),
            self.target
        )
    }
}

impl Scheme {
    const ALL: [Self; 3] = [Self::Http, Self::Https, Self::Udp];

    /// Gives the name as it stands in a URL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Udp => "udp",
        }
    }
}

fn parse_authority(authority: &str, start: usize) -> Result<(String, Option<u16>), Malformed> {
    let invalid = |offset, expected| Err(Malformed::invalid(FIELD, start + offset, expected));
    if let Some(at) = authority.find('@') {
        return invalid(at, "a host without user name and password");
    }
    let (host, port, host_len) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let Some((host, port)) = bracketed.split_once(']') else {
                return invalid(authority.len(), "`]` after an address of version 6");
            };
            let Ok(address) = host.parse::<Ipv6Addr>() else {
                return invalid(1, "an address of version 6 within `[` and `]`");
            };
            (format!("{address}"), port, host.len() + 2)
        }
        None => {
            let host_len = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority
                .split_at_checked(host_len)
                .unwrap_or((authority, ""));
            let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            if let Some(at) = host.find(|character| !is_host(character)) {
                return invalid(at, "a host of letters, digits, `-` and `.`");
            }
            (host.to_ascii_lowercase(), port, host_len)
        }
    };
    if host.is_empty() {
        return invalid(0, "a host");
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, None)),
        None => invalid(host_len, "`:` and a port, or `/`"),
        Some("") => Ok((host, None)),
        Some(digits) => match digits.parse() {
            Ok(port @ 1..) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok((host, Some(port)))
            }
            _ => invalid(host_len + 1, "a port between 1 and 65535"),
        },
    }
}

fn parse_target(target: &str, start: usize) -> Result<String, Malformed> {
    let target = target
        .split_once('#')
        .map_or(target, |(target, _fragment)| target);
    if let Some(at) = target.find(|character: char| character.is_ascii_control()) {
        return Err(Malformed::invalid(
            FIELD,
            start + at,
            "no control characters",
        ));
    }
    let mut out = Vec::with_capacity(target.len() + 1);
    if !target.starts_with('/') {
        out.push(b'/');
    }
    for byte in target.bytes() {
        if byte.is_ascii_graphic() {
            out.push(byte)
        } else {
            push_percent(&mut out, byte)
        }
    }
    Ok(String::from_utf8(out).expect("only ASCII was written"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("the test's URL is right")
    }

    #[test]
    fn parts_of_a_url() {
        let full = url("HTTP://Tracker.Example:6969/announce?a=b#top");
        assert_eq!(full.scheme, Scheme::Http);
        assert_eq!(
            (full.host.as_str(), full.port),
            ("tracker.example", Some(6969))
        );
        assert_eq!(full.target, "/announce?a=b");
        assert_eq!(full.to_string(), "http://tracker.example:6969/announce?a=b");
        let short = url("https://h?x");
        assert_eq!(
            (short.target.as_str(), short.port, short.port_or_default()),
            ("/?x", None, 443)
        );
        assert_eq!(url("udp://h:1337").target, "/");
        assert_eq!(url("http://h:/").port_or_default(), 80);
    }

    #[test]
    fn an_address_of_version_6() {
        let v6 = url("udp://[2001:DB8::1]:80/announce");
        assert_eq!((v6.host.as_str(), v6.port), ("2001:db8::1", Some(80)));
        assert_eq!(v6.authority(), "[2001:db8::1]:80");
        assert_eq!(url("http://[::1]").to_string(), "http://[::1]/");
    }

    #[test]
    fn what_people_write_is_encoded() {
        assert_eq!(url("http://h/a b/é?c=%20").target, "/a%20b/%C3%A9?c=%20");
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        let cases = [
            ("", 0, "http://, https:// or udp://"),
            ("ftp://h/", 0, "http://, https:// or udp://"),
            ("http://", 7, "a host"),
            ("http:///path", 7, "a host"),
            (
                "http://user@h/",
                11,
                "a host without user name and password",
            ),
            ("http://h h/", 8, "a host of letters, digits, `-` and `.`"),
            ("http://h:0/", 9, "a port between 1 and 65535"),
            ("http://h:65536/", 9, "a port between 1 and 65535"),
            ("http://h:+80/", 9, "a port between 1 and 65535"),
            ("http://[::1/", 11, "`]` after an address of version 6"),
            (
                "http://[1.2.3.4]/",
                8,
                "an address of version 6 within `[` and `]`",
            ),
            ("http://[::1]80/", 12, "`:` and a port, or `/`"),
            ("http://h/a\r\nb", 10, "no control characters"),
        ];
        for (text, offset, expected) in cases {
            assert_eq!(
                Url::parse(text),
                Err(Malformed::invalid(FIELD, offset, expected)),
                "{text}"
            );
        }
    }

    #[test]
    fn redirections_are_followed() {
        let base = url("https://[::1]:8/a/b?c");
        let cases = [
            ("http://other/x", "http://other/x"),
            ("//other/x", "https://other/x"),
            ("/x?y=http://z", "https://[::1]:8/x?y=http://z"),
            ("x", "https://[::1]:8/a/x"),
            ("?x", "https://[::1]:8/a/b?x"),
            ("", "https://[::1]:8/a/b"),
        ];
        for (location, expected) in cases {
            assert_eq!(
                base.join(location).map(|url| url.to_string()),
                Ok(expected.to_string())
            );
        }
    }
}
