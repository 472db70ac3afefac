//! transmission. The daemon finds its torrents in a folder that it watches, which is faster than to
//! tell it; it calls a script when a download is complete.

use std::fs;
use std::process::Command;

use anyhow::Context as _;
use manyhop_interop::clients::{self, Client as _, Source};
use manyhop_interop::{Place, Requirement};
use serde_json::{Value, json};

use super::{
    Asked, Contender, PIECE_LEN, SKILLS_OF_ALL_ROUNDERS, Sign, Skill, Task, done_file, done_script,
    made_torrent,
};

/// transmission-daemon and transmission-create.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transmission;

impl Contender for Transmission {
    fn name(&self) -> &'static str {
        clients::Transmission.name()
    }

    fn requirements(&self) -> &[Requirement] {
        &[
            Requirement::Program("transmission-daemon"),
            Requirement::Program("transmission-create"),
        ]
    }

    fn skills(&self) -> &[Skill] {
        SKILLS_OF_ALL_ROUNDERS
    }

    fn ask(&self, task: Task<'_>, place: &Place) -> anyhow::Result<Asked> {
        if let Task::Create(content) = task {
            let mut command = Command::new("transmission-create");
            command.args(["--piecesize", &(PIECE_LEN >> 10).to_string()]);
            command
                .arg("--outfile")
                .arg(made_torrent(place))
                .arg(content);
            return Asked::new(command, Sign::End);
        }
        let watched = place.home.join("watched");
        fs::create_dir(&watched)?;
        for source in task.sources() {
            let Source::Torrent(torrent) = source else {
                continue;
            };
            let name = torrent.file_name().context("a torrent has a name")?;
            fs::copy(&torrent, watched.join(name))?;
        }
        let more = json!({
            "rpc-enabled": false,
            "watch-dir": watched,
            "watch-dir-enabled": true,
            "preallocation": 1,
            "download-queue-enabled": false,
            "seed-queue-enabled": false,
            "idle-seeding-limit-enabled": false,
            "peer-limit-global": 2000,
            "script-torrent-done-enabled": true,
            "script-torrent-done-filename": done_script(place)?,
            "message-level": 1,
        });
        let mut settings = clients::Transmission::settings(place);
        if let (Value::Object(all), Value::Object(more)) = (&mut settings, more) {
            all.extend(more);
        }
        fs::write(place.home.join("settings.json"), settings.to_string())?;
        let mut command = Command::new("transmission-daemon");
        command.arg("--foreground");
        command.arg("--config-dir").arg(&place.home);
        let sign = match task {
            Task::Leech(_) | Task::Share(_) => Sign::File(done_file(place)),
            Task::Create(_) | Task::Check(_) | Task::Seed(_) => Sign::Tracker,
        };
        Asked::new(command, sign)
    }
}
