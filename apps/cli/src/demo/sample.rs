//! Something to share: a folder of noise, which nothing can make smaller.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use machine::Rng;

use crate::error::Failure;
use crate::session::draw_seed;

/// The name of the folder, and so of the torrent.
const NAME: &str = "Sounds of nothing";

/// The files and their lengths in bytes: odd ones, so that pieces and files do not end together.
const FILES: &[(&str, u64)] = &[
    ("01 White noise.raw", 12 << 20),
    ("02 Static.raw", (9 << 20) + 12_345),
    ("03 Rain that never fell.raw", (6 << 20) + 777),
    ("Extras/Hiss.raw", (4 << 20) - 1),
    ("Extras/Click.raw", 1_001),
    ("Extras/Silence.raw", 0),
];

const README: &str =
    "This folder was made by `manyhop demo`. It holds noise, and goes away again.\n";

/// Makes the sample in a folder; gives its path.
///
/// # Errors
/// When there is no room.
pub(super) fn make(stage: &Path) -> Result<PathBuf, Failure> {
    let folder = stage.join(NAME);
    let mut rng = Rng::new(draw_seed(), 0, 0);
    let mut write = || -> std::io::Result<()> {
        fs::create_dir_all(folder.join("Extras"))?;
        fs::write(folder.join("README.txt"), README)?;
        for (name, len) in FILES {
            write_noise(&folder.join(name), *len, &mut rng)?;
        }
        Ok(())
    };
    write().map_err(|error| {
        Failure::new(format!(
            "cannot make a sample in {}: {error}",
            stage.display()
        ))
        .hint("make room in the folder of temporary files, or set TMPDIR")
    })?;
    Ok(folder)
}

fn write_noise(path: &Path, len: u64, rng: &mut Rng) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut left = len;
    while left > 0 {
        let noise: [u8; 4096] = rng.bytes();
        let take = usize::try_from(left).map_or(noise.len(), |left| left.min(noise.len()));
        file.write_all(&noise[..take])?;
        left -= take as u64;
    }
    file.flush()
}
