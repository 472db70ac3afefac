//! qBittorrent 4.5 without its window.

use std::fs;
use std::process::Command;

use super::{Client, Role, Source, words};
use crate::requirement::Requirement;
use crate::stage::Place;

/// Its notice accepted. Its web interface cannot be off, and ends it when its port is taken.
#[derive(Debug, Clone, Copy)]
pub struct QBittorrent;

/// So far above the peers' port is that of the web interface, and above all others'.
const WEB_PORT_OFFSET: u16 = 10_000;

impl Client for QBittorrent {
    fn name(&self) -> &'static str {
        "qbittorrent"
    }

    fn requirements(&self) -> &[Requirement] {
        &[Requirement::Program("qbittorrent-nox")]
    }

    fn command(&self, _: Role, sources: &[Source], place: &Place) -> anyhow::Result<Command> {
        let (ip, port) = (place.address.ip(), place.address.port());
        let web_port = port + WEB_PORT_OFFSET;
        // Encryption=2 is "never".
        let settings = format!(
            "[LegalNotice]\n\
             Accepted=true\n\n\
             [BitTorrent]\n\
             Session\\BTProtocol=TCP\n\
             Session\\DHTEnabled=false\n\
             Session\\LSDEnabled=false\n\
             Session\\PeXEnabled=false\n\
             Session\\Encryption=2\n\
             Session\\InterfaceAddress={ip}\n\
             Session\\Port={port}\n\
             Session\\QueueingSystemEnabled=false\n\n\
             [Network]\n\
             PortForwardingEnabled=false\n\n\
             [Preferences]\n\
             WebUI\\Address={ip}\n\
             WebUI\\Port={web_port}\n\
             General\\Locale=en\n"
        );
        let folder = place.home.join("qBittorrent/config");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("qBittorrent.conf"), settings)?;
        let mut command = Command::new("qbittorrent-nox");
        command
            .arg(format!("--profile={}", place.home.display()))
            .arg(format!("--torrenting-port={port}"))
            .arg(format!("--save-path={}", place.data.display()))
            .arg("--add-paused=false")
            .args(words(sources));
        Ok(command)
    }
}
