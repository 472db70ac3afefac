//! transmission-daemon 3.00. It refuses peers from 127.0.0.0/8 and paces its uploads.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use super::{Client, Role, Source, words};
use crate::requirement::Requirement;
use crate::stage::Place;

/// The daemon, which hears of torrents from `transmission-remote`.
#[derive(Debug, Clone, Copy)]
pub struct Transmission;

const SCRIPT: &str = include_str!("transmission.sh");

/// The port that `transmission-remote` uses, too; every place has an address of its own.
const RPC_PORT: u16 = 9091;

impl Client for Transmission {
    fn name(&self) -> &'static str {
        "transmission"
    }

    fn requirements(&self) -> &[Requirement] {
        &[
            Requirement::Program("transmission-daemon"),
            Requirement::Program("transmission-remote"),
        ]
    }

    fn command(&self, _: Role, sources: &[Source], place: &Place) -> anyhow::Result<Command> {
        let settings = Self::settings(place);
        fs::write(place.home.join("settings.json"), settings.to_string())?;
        let script = place.home.join("peer.sh");
        fs::write(&script, SCRIPT)?;
        let remote = SocketAddr::new(place.address.ip(), RPC_PORT);
        let mut command = Command::new("sh");
        command
            .arg(script)
            .arg(&place.home)
            .arg(remote.to_string())
            .args(words(sources));
        Ok(command)
    }
}

impl Transmission {
    /// Gives what the daemon reads from `settings.json` in its folder.
    pub fn settings(place: &Place) -> Value {
        let ip = place.address.ip();
        let (ipv4, ipv6) = match ip.is_ipv4() {
            true => (ip.to_string(), "::1".to_owned()),
            false => ("127.0.0.1".to_owned(), ip.to_string()),
        };
        json!({
            "bind-address-ipv4": ipv4,
            "bind-address-ipv6": ipv6,
            "peer-port": place.address.port(),
            "download-dir": place.data,
            "dht-enabled": false,
            "lpd-enabled": false,
            "pex-enabled": false,
            "utp-enabled": false,
            "port-forwarding-enabled": false,
            "encryption": 0,
            "rpc-enabled": true,
            "rpc-bind-address": ip,
            "rpc-port": RPC_PORT,
            "rpc-whitelist-enabled": false,
            "message-level": 2,
        })
    }
}
