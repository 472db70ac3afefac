//! rqbit. It cannot bind what it sends from, so it listens everywhere, at its own port.

use std::process::Command;

use manyhop_interop::clients::Source;
use manyhop_interop::{Place, Requirement};

use super::{Asked, Contender, SKILLS_OF_ALL_ROUNDERS, Sign, Skill, Task};

/// rqbit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rqbit;

/// Nobody is met but through the tracker.
const HABITS: [&str; 8] = [
    "-v",
    "info",
    "--disable-dht",
    "--disable-lsd",
    "--disable-upnp-port-forward",
    "--ipv4-only",
    "--listen-ip",
    "0.0.0.0",
];

impl Contender for Rqbit {
    fn name(&self) -> &'static str {
        "rqbit"
    }

    fn requirements(&self) -> &[Requirement] {
        &[Requirement::Program("rqbit")]
    }

    fn skills(&self) -> &[Skill] {
        SKILLS_OF_ALL_ROUNDERS
    }

    fn ask(&self, task: Task<'_>, place: &Place) -> anyhow::Result<Asked> {
        let mut command = Command::new("rqbit");
        command.args(HABITS);
        command.args(["--listen-port", &place.address.port().to_string()]);
        if let Task::Create(content) = task {
            // It makes torrents only to share them at once, and shows a link when it does.
            command.arg("share").arg(content);
            return Asked::new(command, Sign::Words("magnet:"));
        }
        let is_many = matches!(task, Task::Seed(torrents) if torrents.len() > 1);
        if is_many {
            // It tells the tracker first that all is missing. (One who seeds a single torrent is not
            // told this: it would call the others, from a port that `swarm` does not know.)
            command.args(["--tracker-refresh-interval", "1s"]);
            command.args(["--concurrent-init-limit", "8"]);
        }
        command.args(["download", "--disable-http-api", "--overwrite"]);
        command.arg("--output-folder").arg(&place.data);
        for source in task.sources() {
            match source {
                Source::Torrent(path) => command.arg(path),
                Source::Magnet(link) => command.arg(link),
            };
        }
        let sign = match task {
            Task::Seed(_) if is_many => Sign::Tracker,
            Task::Create(_) | Task::Check(_) | Task::Seed(_) => {
                Sign::Words("Initial check results")
            }
            Task::Leech(_) | Task::Share(_) => Sign::Words("torrent finished downloading"),
        };
        Asked::new(command, sign)
    }
}
