//! aria2 1.36. It tries encryption first, and plain words when that is refused.

use std::process::Command;

use super::{Client, Role, Source, words};
use crate::requirement::Requirement;
use crate::stage::Place;

/// One process for all torrents.
#[derive(Debug, Clone, Copy)]
pub struct Aria2;

const HABITS: [&str; 13] = [
    "--no-conf",
    "--enable-dht=false",
    "--enable-dht6=false",
    "--bt-enable-lpd=false",
    "--enable-peer-exchange=false",
    "--file-allocation=none",
    "--allow-overwrite=true",
    "--seed-ratio=0.0",
    "--bt-save-metadata=false",
    "--summary-interval=0",
    "--show-console-readout=false",
    "--console-log-level=notice",
    "--bt-stop-timeout=0",
];

impl Client for Aria2 {
    fn name(&self) -> &'static str {
        "aria2"
    }

    fn requirements(&self) -> &[Requirement] {
        &[Requirement::Program("aria2c")]
    }

    fn command(&self, role: Role, sources: &[Source], place: &Place) -> anyhow::Result<Command> {
        let ip = place.address.ip();
        let mut command = Command::new("aria2c");
        command
            .args(HABITS)
            .arg(format!("--disable-ipv6={}", ip.is_ipv4()))
            .arg(format!("--interface={ip}"))
            .arg(format!("--listen-port={}", place.address.port()))
            .arg(format!("--check-integrity={}", role == Role::Seed))
            .arg(format!("--dir={}", place.data.display()))
            .args(words(sources));
        Ok(command)
    }
}
