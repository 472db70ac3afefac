//! libtorrent, through its Python module: as it is, and with settings for fast links.

use std::fs;
use std::process::Command;

use manyhop_interop::clients::{self, Client as _, Role};
use manyhop_interop::{PYTHON, Place, Requirement};
use serde_json::{Value, json};

use super::{
    Asked, Contender, PIECE_LEN, SKILLS_OF_ALL_ROUNDERS, SKILLS_OF_CLIENTS, Sign, Skill, Task,
    done_file, made_torrent,
};

/// A small peer written in Python, whose start counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Libtorrent {
    /// As it is.
    Default,
    /// For fast links, by its manual ("tuning libtorrent").
    Tuned,
}

const CREATE: &str = include_str!("libtorrent_create.py");

impl Contender for Libtorrent {
    fn name(&self) -> &'static str {
        match self {
            Self::Default => "libtorrent",
            Self::Tuned => "libtorrent-tuned",
        }
    }

    fn requirements(&self) -> &[Requirement] {
        clients::Libtorrent.requirements()
    }

    fn skills(&self) -> &[Skill] {
        match self {
            Self::Default => SKILLS_OF_ALL_ROUNDERS,
            Self::Tuned => SKILLS_OF_CLIENTS,
        }
    }

    fn ask(&self, task: Task<'_>, place: &Place) -> anyhow::Result<Asked> {
        if let Task::Create(content) = task {
            let script = place.home.join("create.py");
            fs::write(&script, CREATE)?;
            let mut command = Command::new(PYTHON);
            command.arg(script).arg(content).arg(made_torrent(place));
            command.arg(PIECE_LEN.to_string());
            return Asked::new(command, Sign::End);
        }
        let mut command = clients::Libtorrent.command(Role::Leech, &task.sources(), place)?;
        command.env("SETTINGS", self.settings().to_string());
        if matches!(task, Task::Seed(_)) {
            command.env("TRUSTED", "1");
            return Asked::new(command, Sign::Tracker);
        }
        let done = done_file(place);
        command.env("FINISHED", &done);
        Asked::new(command, Sign::File(done))
    }
}

impl Libtorrent {
    fn settings(self) -> Value {
        // As many torrents at once as there are: this is no question of speed.
        let mut settings = json!({
            "active_limit": -1,
            "active_seeds": -1,
            "active_downloads": -1,
            "active_checking": 8,
            "max_concurrent_http_announces": 200,
        });
        let tuned = json!({
            "aio_threads": 4,
            "hashing_threads": 2,
            "max_queued_disk_bytes": 64 << 20,
            "send_buffer_low_watermark": 1 << 20,
            "send_buffer_watermark": 5 << 20,
            "send_buffer_watermark_factor": 150,
            "max_out_request_queue": 1500,
            "max_allowed_in_request_queue": 4000,
            "request_queue_time": 5,
        });
        if let (Self::Tuned, Value::Object(all), Value::Object(more)) = (self, &mut settings, tuned)
        {
            all.extend(more);
        }
        settings
    }
}
