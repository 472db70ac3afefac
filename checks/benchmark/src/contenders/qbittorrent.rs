//! qBittorrent without its window. It calls a program when a download is complete.

use std::fs::File;
use std::io::Write as _;

use manyhop_interop::clients::{self, Client as _, Role};
use manyhop_interop::{Place, Requirement};

use super::{Asked, Contender, SKILLS_OF_CLIENTS, Sign, Skill, Task, done_file, unable};

/// qbittorrent-nox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QBittorrent;

impl Contender for QBittorrent {
    fn name(&self) -> &'static str {
        clients::QBittorrent.name()
    }

    fn requirements(&self) -> &[Requirement] {
        clients::QBittorrent.requirements()
    }

    fn skills(&self) -> &[Skill] {
        SKILLS_OF_CLIENTS
    }

    fn ask(&self, task: Task<'_>, place: &Place) -> anyhow::Result<Asked> {
        let mut command = clients::QBittorrent.command(Role::Leech, &task.sources(), place)?;
        let done = done_file(place);
        let settings = place.home.join("qBittorrent/config/qBittorrent.conf");
        let mut settings = File::options().append(true).open(settings)?;
        write!(
            settings,
            "\n[AutoRun]\nenabled=true\nprogram=touch {}\n\n\
             [BitTorrent]\nSession\\MaxConcurrentHTTPAnnounces=500\n",
            done.display()
        )?;
        match task {
            Task::Create(_) => unable(self, task),
            Task::Check(_) => Asked::new(command, Sign::Tracker),
            Task::Seed(_) => {
                command.arg("--skip-hash-check");
                Asked::new(command, Sign::Tracker)
            }
            Task::Leech(_) | Task::Share(_) => Asked::new(command, Sign::File(done)),
        }
    }
}
