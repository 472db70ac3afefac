//! Our own binary, asked as a user asks it.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::clients::Source;
use crate::stage::Place;

/// The binary under test.
#[derive(Debug, Clone, Copy)]
pub struct Manyhop;

/// Names another binary than the one that was built with us.
const BINARY: &str = "MANYHOP_BINARY";

impl Manyhop {
    /// Gives the start of a command.
    ///
    /// # Errors
    /// When the binary was not built.
    pub fn command() -> anyhow::Result<Command> {
        let path = match env::var_os(BINARY) {
            Some(path) => PathBuf::from(path),
            None => built_with_us()?,
        };
        let is_there = path.is_file();
        ensure!(
            is_there,
            "{} is missing: cargo build -p manyhop",
            path.display()
        );
        Ok(Command::new(path))
    }

    /// Makes a torrent of the folder at `content`, and gives the magnet link that `show` prints.
    ///
    /// # Errors
    /// When the binary was not built, or fails.
    pub fn create(content: &Path, torrent: &Path, trackers: &[String]) -> anyhow::Result<String> {
        let mut command = Self::command()?;
        command.arg("create").arg(content).arg("-o").arg(torrent);
        for url in trackers {
            command.args(["--tracker", url]);
        }
        run(command.args(["--piece-size", "64K"]))?;
        let mut command = Self::command()?;
        let shown = run(command.args(["--json", "show"]).arg(torrent))?;
        let shown: serde_json::Value = serde_json::from_str(&shown)?;
        let magnet = shown["magnet"].as_str().context("show prints a magnet")?;
        Ok(magnet.to_owned())
    }

    /// Fetches `source` to `place`.
    ///
    /// # Errors
    /// When the binary was not built.
    pub fn get(source: &Source, place: &Place) -> anyhow::Result<Command> {
        let mut command = Self::command()?;
        command.args(["--json", "get"]);
        match source {
            Source::Torrent(path) => command.arg(path),
            Source::Magnet(link) => command.arg(link),
        };
        command.arg("--output").arg(&place.data);
        Ok(at(command, place))
    }

    /// Seeds `torrents` from `place`.
    ///
    /// # Errors
    /// When the binary was not built.
    pub fn seed(torrents: &[PathBuf], place: &Place) -> anyhow::Result<Command> {
        let mut command = Self::command()?;
        command
            .args(["--json", "seed"])
            .args(torrents)
            .arg(&place.data);
        Ok(at(command, place))
    }

    /// Serves as a tracker at `address`.
    ///
    /// # Errors
    /// When the binary was not built.
    pub fn tracker(address: SocketAddr) -> anyhow::Result<Command> {
        let mut command = Self::command()?;
        command.args(["--json", "tracker", "--bind", &address.to_string()]);
        Ok(command)
    }
}

fn at(mut command: Command, place: &Place) -> Command {
    let (ip, port) = (place.address.ip(), place.address.port());
    command.args(["--bind", &ip.to_string(), "--port", &port.to_string()]);
    command
}

fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().context("manyhop does not start")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{}: {}",
        output.status,
        told.trim()
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Programs lie beside each other; tests lie in `deps`, one folder below what they test.
fn built_with_us() -> anyhow::Result<PathBuf> {
    let us = env::current_exe()?;
    let folder = us.parent().context("a program lies in a folder")?;
    let folder = match folder.ends_with("deps") {
        true => folder.parent().context("`deps` lies in a folder")?,
        false => folder,
    };
    Ok(folder.join("manyhop"))
}
