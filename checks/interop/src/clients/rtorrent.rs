//! rTorrent 0.9.8, without the terminal that it would paint on. If it checked all again in the end,
//! it would tell the tracker only much later that it is complete.

use std::fs;
use std::process::Command;

use super::{Client, Role, Source, words};
use crate::requirement::Requirement;
use crate::stage::Place;

/// Started as a daemon that stays in the foreground.
#[derive(Debug, Clone, Copy)]
pub struct RTorrent;

impl Client for RTorrent {
    fn name(&self) -> &'static str {
        "rtorrent"
    }

    fn requirements(&self) -> &[Requirement] {
        &[Requirement::Program("rtorrent")]
    }

    fn command(&self, _: Role, sources: &[Source], place: &Place) -> anyhow::Result<Command> {
        let (ip, port) = (place.address.ip(), place.address.port());
        let session = place.home.join("session");
        fs::create_dir(&session)?;
        let settings = format!(
            "system.daemon.set = true\n\
             session.path.set = {session}\n\
             directory.default.set = {data}\n\
             network.bind_address.set = {ip}\n\
             network.port_range.set = {port}-{port}\n\
             dht.mode.set = disable\n\
             protocol.pex.set = no\n\
             protocol.encryption.set = none\n\
             pieces.hash.on_completion.set = no\n\
             log.open_file = \"log\", \"/dev/stderr\"\n\
             log.add_output = \"info\", \"log\"\n",
            session = session.display(),
            data = place.data.display(),
        );
        let file = place.home.join("rc");
        fs::write(&file, settings)?;
        let mut command = Command::new("rtorrent");
        command.args(["-n", "-o", &format!("import={}", file.display())]);
        command.args(words(sources));
        Ok(command)
    }
}
