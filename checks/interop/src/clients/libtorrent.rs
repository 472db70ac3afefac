//! libtorrent 2.0.8, through its Python module.

use std::fs;
use std::process::Command;

use super::{Client, Role, Source, words};
use crate::requirement::{PYTHON, Requirement};
use crate::stage::Place;

/// A small peer written in Python.
#[derive(Debug, Clone, Copy)]
pub struct Libtorrent;

const SCRIPT: &str = include_str!("libtorrent.py");

impl Client for Libtorrent {
    fn name(&self) -> &'static str {
        "libtorrent"
    }

    fn requirements(&self) -> &[Requirement] {
        &[Requirement::PythonModule("libtorrent")]
    }

    fn command(&self, _: Role, sources: &[Source], place: &Place) -> anyhow::Result<Command> {
        let script = place.home.join("peer.py");
        fs::write(&script, SCRIPT)?;
        let mut command = Command::new(PYTHON);
        command
            .arg(script)
            .arg(place.address.to_string())
            .arg(&place.data)
            .args(words(sources));
        Ok(command)
    }
}
