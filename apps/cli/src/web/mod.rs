//! Torrents that lie on the web.

mod bound;

use std::io::Read as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, RustlsConnector};

use self::bound::BoundConnector;
use crate::error::Failure;
use crate::units::Size;

/// The longest torrent that is fetched, in bytes: real ones reach a few MiB.
const TORRENT_LEN_MAX: u64 = 32 << 20;

/// How long it may take until a server is reached, and until all is here.
const CONNECT_MAX: Duration = Duration::from_secs(15);
const FETCH_MAX: Duration = Duration::from_secs(120);

/// Tells whether a text wants to be the address of something on the web.
pub(crate) fn is_meant_by(text: &str) -> bool {
    let begins_with = |scheme: &str| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    begins_with("http://") || begins_with("https://")
}

/// Fetches a torrent.
///
/// # Errors
/// When the server cannot be reached or proven, or has no such thing, or it is too long.
pub(crate) fn fetch(url: &str, bind: Option<IpAddr>) -> Result<Vec<u8>, Failure> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::new(format!("cannot fetch {url}: {error}"))
            .hint("open the address in a browser; a torrent that you saved works as well")
    };
    let response = agent(bind)
        .get(url)
        .call()
        .map_err(|error| cannot(&error))?;
    let mut bytes = Vec::new();
    let mut body = response.into_body().into_reader().take(TORRENT_LEN_MAX + 1);
    body.read_to_end(&mut bytes)
        .map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > TORRENT_LEN_MAX {
        let message = format!(
            "it is longer than {}, so it is no torrent",
            Size(TORRENT_LEN_MAX)
        );
        return Err(cannot(&message));
    }
    Ok(bytes)
}

fn agent(bind: Option<IpAddr>) -> Agent {
    let tls = TlsConfig::builder().root_certs(roots()).build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_connect(Some(CONNECT_MAX))
        .timeout_global(Some(FETCH_MAX))
        .user_agent(concat!("manyhop/", env!("CARGO_PKG_VERSION")));
    let Some(address) = bind else {
        return config.build().into();
    };
    // Who names an address wants nothing to leave by another, so no proxy is asked either.
    let config = config.proxy(None).build();
    let connector = BoundConnector(address).chain(RustlsConnector::default());
    Agent::with_parts(config, connector, DefaultResolver::default())
}

/// Who may vouch for a server: whom the system says (`SSL_CERT_FILE` included), else Mozilla's list.
fn roots() -> RootCerts {
    let system = rustls_native_certs::load_native_certs();
    if system.certs.is_empty() {
        return RootCerts::WebPki;
    }
    let certificates = system.certs.iter();
    let owned = certificates.map(|certificate| Certificate::from_der(certificate).to_owned());
    RootCerts::Specific(Arc::new(owned.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_is_meant() {
        assert!(is_meant_by("http://a/b.torrent") && is_meant_by("HTTPS://a"));
        assert!(!is_meant_by("http.torrent") && !is_meant_by("ftp://a/é"));
    }
}
