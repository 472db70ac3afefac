//! mktorrent, which only makes torrents; with one thread for each processor, as it likes.

use std::process::Command;

use manyhop_interop::{Place, Requirement};

use super::{Asked, Contender, PIECE_LEN_LOG2, Sign, Skill, Task, made_torrent, unable};

/// mktorrent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mktorrent;

impl Contender for Mktorrent {
    fn name(&self) -> &'static str {
        "mktorrent"
    }

    fn requirements(&self) -> &[Requirement] {
        &[Requirement::Program("mktorrent")]
    }

    fn skills(&self) -> &[Skill] {
        &[Skill::Create]
    }

    fn ask(&self, task: Task<'_>, place: &Place) -> anyhow::Result<Asked> {
        let Task::Create(content) = task else {
            return unable(self, task);
        };
        let mut command = Command::new("mktorrent");
        command.args(["-l", &PIECE_LEN_LOG2.to_string()]);
        command.arg("-o").arg(made_torrent(place)).arg(content);
        Asked::new(command, Sign::End)
    }
}
