//! Ours. It always checks before it seeds.

use std::process::Command;

use manyhop_interop::clients::Source;
use manyhop_interop::{Manyhop, Place, Requirement};

use super::{
    Asked, Contender, OURS, PIECE_LEN, SKILLS_OF_ALL_ROUNDERS, Sign, Skill, Task, made_torrent,
};

/// The binary that was built with us.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ours;

impl Contender for Ours {
    fn name(&self) -> &'static str {
        OURS
    }

    fn requirements(&self) -> &[Requirement] {
        &[]
    }

    fn skills(&self) -> &[Skill] {
        SKILLS_OF_ALL_ROUNDERS
    }

    fn ask(&self, task: Task<'_>, place: &Place) -> anyhow::Result<Asked> {
        match task {
            Task::Create(content) => {
                let mut command = Manyhop::command()?;
                command.arg("create").arg(content);
                command.arg("--output").arg(made_torrent(place));
                command.args(["--piece-size", &PIECE_LEN.to_string()]);
                Asked::new(command, Sign::End)
            }
            Task::Check(torrent) => {
                let mut command = Manyhop::command()?;
                command.arg("check").arg(torrent).arg(&place.data);
                Asked::new(command, Sign::End)
            }
            Task::Seed(torrents) => Asked::new(Manyhop::seed(torrents, place)?, Sign::Tracker),
            Task::Leech(torrent) => Asked::new(fetch(torrent.into(), place)?, Sign::End),
            Task::Share(torrent) => {
                let mut command = fetch(torrent.into(), place)?;
                command.arg("--seed-after");
                Asked::new(command, Sign::Words(r#""event":"complete""#))
            }
        }
    }
}

fn fetch(torrent: std::path::PathBuf, place: &Place) -> anyhow::Result<Command> {
    Manyhop::get(&Source::Torrent(torrent), place)
}
