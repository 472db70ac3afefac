//! aria2. It calls a script when a download is complete, and takes a seed's file as it is.

use manyhop_interop::clients::{self, Client as _, Role};
use manyhop_interop::{Place, Requirement};

use super::{
    Asked, Contender, SKILLS_OF_CLIENTS, Sign, Skill, Task, done_file, done_script, unable,
};

/// aria2c.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aria2;

impl Contender for Aria2 {
    fn name(&self) -> &'static str {
        clients::Aria2.name()
    }

    fn requirements(&self) -> &[Requirement] {
        clients::Aria2.requirements()
    }

    fn skills(&self) -> &[Skill] {
        SKILLS_OF_CLIENTS
    }

    fn ask(&self, task: Task<'_>, place: &Place) -> anyhow::Result<Asked> {
        // Of an option that is said twice, the last one counts.
        let mut command = clients::Aria2.command(Role::Leech, &task.sources(), place)?;
        command.args([
            "--max-concurrent-downloads=10000",
            "--console-log-level=warn",
        ]);
        match task {
            Task::Create(_) => unable(self, task),
            Task::Check(_) => {
                command.args(["--check-integrity=true", "--hash-check-only=true"]);
                Asked::new(command, Sign::End)
            }
            Task::Seed(_) => {
                command.arg("--bt-seed-unverified=true");
                Asked::new(command, Sign::Tracker)
            }
            Task::Leech(_) | Task::Share(_) => {
                let script = done_script(place)?;
                command.arg(format!("--on-bt-download-complete={}", script.display()));
                Asked::new(command, Sign::File(done_file(place)))
            }
        }
    }
}
