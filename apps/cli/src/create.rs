//! `manyhop create`: a new torrent of a file or folder.

use std::time::{SystemTime, UNIX_EPOCH};

use bittorrent::magnet::Magnet;
use bittorrent::metainfo::{Metainfo, Privacy, Tier};
use bittorrent::tracker::TrackerUrl;
use library::folder::write_atomically;
use library::{Created, Folder, LibraryError, Recipe, Skipped};
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::CreateArgs;
use crate::error::Failure;
use crate::output::Output;
use crate::signals::Stop;
use crate::units::Size;

/// What new torrents say who made them.
const CREATED_BY: &str = concat!("manyhop/", env!("CARGO_PKG_VERSION"));

pub(crate) fn run(args: CreateArgs, output: &Output) -> Result<Outcome, Failure> {
    let recipe = recipe(&args)?;
    // Better now than after an hour of hashing.
    let folder = args
        .output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.map(Folder::open).transpose()?;
    let stop = Stop::watch_flag()?;
    let meter = output.meter("hashing");
    let created = library::create(&recipe, stop.flag(), |progress| meter.show_bytes(progress));
    drop(meter);
    let Created { metainfo, skipped } = created.map_err(failure)?;
    for skipped in &skipped {
        output.warning(&left_out(skipped));
    }
    write_atomically(&args.output, &wire::Encode::encoded(&metainfo))?;
    let shown = args.output.display().to_string();
    output.result(text(&shown, &metainfo), members(&shown, &metainfo))?;
    Ok(Outcome::Done)
}

fn recipe(args: &CreateArgs) -> Result<Recipe, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    Ok(Recipe {
        path: args.path.clone(),
        piece_length: args.piece_size.map(|Size(bytes)| bytes),
        // Each a tier of its own: they may know different peers, so all are asked in turn.
        trackers: args
            .trackers
            .iter()
            .map(|url| tier(url))
            .collect::<Result<_, _>>()?,
        privacy: if args.private {
            Privacy::Private
        } else {
            Privacy::Public
        },
        comment: args.comment.as_deref().map(Into::into),
        created_by: Some(CREATED_BY.into()),
        creation_date: now.and_then(|now| now.as_secs().try_into().ok()),
    })
}

fn tier(url: &str) -> Result<Tier, Failure> {
    match TrackerUrl::parse(url) {
        Ok(_) => Ok(Tier(vec![url.into()])),
        Err(error) => Err(Failure::usage(format!("{url:?} is no tracker: {error}"))
            .field("--tracker")
            .hint("a tracker is a URL, as http://192.0.2.1:6969/announce or udp://192.0.2.1:6969")),
    }
}

/// Tells what was asked wrongly from what went wrong.
fn failure(error: LibraryError) -> Failure {
    match &error {
        LibraryError::PieceLength { .. } => {
            let failure = Failure::usage(error.to_string()).field("--piece-size");
            failure.hint(error.hint().unwrap_or_default())
        }
        _ => error.into(),
    }
}

fn left_out(skipped: &Skipped) -> Failure {
    let Skipped { path, what } = skipped;
    Failure::new(format!("{} is left out: it is a {what}", path.display()))
}

fn text(path: &str, metainfo: &Metainfo) -> String {
    let layout = metainfo.info.layout();
    format!(
        "wrote {path}: {} in {} pieces of {}\n{}",
        Size(layout.len()),
        layout.piece_count(),
        Size(layout.piece_length().into()),
        Magnet::from(metainfo),
    )
}

fn members(path: &str, metainfo: &Metainfo) -> Value {
    let layout = metainfo.info.layout();
    json!({
        "torrent": path,
        "name": metainfo.info.name(),
        "info_hash": metainfo.info.hash().to_string(),
        "bytes": layout.len(),
        "pieces": layout.piece_count(),
        "piece_length": layout.piece_length(),
        "files": layout.file_count(),
        "magnet": Magnet::from(metainfo).to_string(),
    })
}
