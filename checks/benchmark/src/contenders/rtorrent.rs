//! rTorrent. It calls a program when a download is complete, and checks before it seeds.

use std::fs;

use manyhop_interop::clients::{self, Client as _, Role};
use manyhop_interop::{Place, Requirement};

use super::{Asked, Contender, SKILLS_OF_CLIENTS, Sign, Skill, Task, done_file, unable};

/// rtorrent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RTorrent;

/// It need not remember anything for a next time.
const SESSION: &str = "session.path.set";

impl Contender for RTorrent {
    fn name(&self) -> &'static str {
        clients::RTorrent.name()
    }

    fn requirements(&self) -> &[Requirement] {
        clients::RTorrent.requirements()
    }

    fn skills(&self) -> &[Skill] {
        SKILLS_OF_CLIENTS
    }

    fn ask(&self, task: Task<'_>, place: &Place) -> anyhow::Result<Asked> {
        if matches!(task, Task::Create(_)) {
            return unable(self, task);
        }
        let command = clients::RTorrent.command(Role::Leech, &task.sources(), place)?;
        let done = done_file(place);
        let file = place.home.join("rc");
        let mut settings = fs::read_to_string(&file)?
            .lines()
            .filter(|line| !line.starts_with(SESSION))
            .fold(String::new(), |all, line| all + line + "\n");
        settings.push_str(&format!(
            "method.set_key = event.download.finished, done, \"execute2={{touch,{}}}\"\n",
            done.display()
        ));
        fs::write(&file, settings)?;
        let sign = match task {
            Task::Leech(_) | Task::Share(_) => Sign::File(done),
            Task::Create(_) | Task::Check(_) | Task::Seed(_) => Sign::Tracker,
        };
        Asked::new(command, sign)
    }
}
