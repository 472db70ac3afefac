//! `manyhop show`: what a torrent or magnet link says.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use bittorrent::magnet::Magnet;
use bittorrent::metainfo::{Contents, FileIndex, FileKind, Info, Metainfo, Privacy, Tier};
use machine::Target;
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::ShowArgs;
use crate::error::Failure;
use crate::output::Output;
use crate::units::Size;

/// The longest torrent file that is read, in bytes: the hashes of the most pieces that a torrent
/// may have, and as much again for its names.
const TORRENT_FILE_LEN_MAX: u64 = 640 << 20;

pub(crate) fn run(args: ShowArgs, output: &Output) -> Result<Outcome, Failure> {
    if Magnet::is_meant_by(&args.source) {
        let magnet: Magnet = args.source.parse()?;
        output.result(magnet_text(&magnet), magnet_members(&magnet))?;
    } else {
        let metainfo = read_torrent(Path::new(&args.source))?;
        output.result(torrent_text(&metainfo), torrent_members(&metainfo))?;
    }
    Ok(Outcome::Done)
}

/// Reads a torrent file.
///
/// # Errors
/// When it cannot be read, or is no torrent; both name the file.
pub(crate) fn read_torrent(path: &Path) -> Result<Metainfo, Failure> {
    let shown = path.display();
    let cannot = |error: io::Error| {
        let failure = Failure::new(format!("cannot read {shown}: {error}"));
        match error.kind() {
            io::ErrorKind::NotFound => failure.hint("check the path of the torrent file"),
            _ => failure,
        }
    };
    let too_long = || {
        let most = Size(TORRENT_FILE_LEN_MAX);
        Failure::new(format!("{shown} is longer than {most}: no torrent file is"))
            .hint("name the torrent file, not what it describes")
    };
    let file = File::open(path).map_err(cannot)?;
    if file.metadata().map_err(cannot)?.len() > TORRENT_FILE_LEN_MAX {
        return Err(too_long());
    }
    // What is no plain file, such as a pipe, does not tell its length.
    let mut bytes = Vec::new();
    let mut start = file.take(TORRENT_FILE_LEN_MAX + 1);
    start.read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > TORRENT_FILE_LEN_MAX {
        return Err(too_long());
    }
    Metainfo::parse(&bytes).map_err(|error| Failure::from(error).about(shown))
}

fn torrent_text(metainfo: &Metainfo) -> String {
    let (info, layout) = (&metainfo.info, metainfo.info.layout());
    let mut table = Table::default();
    table.row("name", info.name());
    table.row("info-hash", info.hash());
    table.row(
        "size",
        format_args!("{} ({} bytes)", Size(layout.len()), layout.len()),
    );
    let pieces = layout.piece_count();
    table.row(
        "pieces",
        format_args!("{pieces} of {}", Size(layout.piece_length().into())),
    );
    if info.privacy() == Privacy::Private {
        table.row("private", "peers are found by the trackers only");
    }
    for (key, text) in [
        ("comment", &metainfo.comment),
        ("made by", &metainfo.created_by),
    ] {
        if let Some(text) = text {
            table.row(key, printable(text));
        }
    }
    if let Some(seconds) = metainfo.creation_date {
        table.row("made on", date(seconds));
    }
    for (number, tier) in (1..).zip(&metainfo.trackers) {
        for url in &tier.0 {
            table.row(
                "tracker",
                format_args!("{} (tier {number})", printable(url)),
            );
        }
    }
    table.row("files", layout.file_count());
    for line in stored_files(info).map(|(index, kind)| file_line(info, index, kind)) {
        table.text.push_str(&line);
    }
    table.row("magnet", Magnet::from(metainfo));
    table.text.trim_end().into()
}

fn torrent_members(metainfo: &Metainfo) -> Value {
    let (info, layout) = (&metainfo.info, metainfo.info.layout());
    let files = stored_files(info).map(|(index, kind)| {
        let target = match kind {
            FileKind::Symlink(target) => Some(target),
            FileKind::Regular | FileKind::Padding => None,
        };
        json!({
            "number": index.0 + 1,
            "path": info.file(index).map(|file| info.display_path(file)),
            "bytes": layout.file_len(index),
            "link_to": target,
        })
    });
    let tiers = metainfo.trackers.iter();
    json!({
        "name": info.name(),
        "info_hash": info.hash().to_string(),
        "bytes": layout.len(),
        "pieces": layout.piece_count(),
        "piece_length": layout.piece_length(),
        "private": info.privacy() == Privacy::Private,
        "comment": metainfo.comment,
        "created_by": metainfo.created_by,
        "creation_date": metainfo.creation_date,
        "trackers": tiers.map(|Tier(urls)| urls).collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>(),
        "magnet": Magnet::from(metainfo).to_string(),
    })
}

/// Lists what a user could name by its number: all but padding.
fn stored_files(info: &Info) -> impl Iterator<Item = (FileIndex, &FileKind)> {
    let is_stored = |index| info.layout().contents(index) == Contents::Stored;
    let files = info.files().filter(move |(index, _)| is_stored(*index));
    files.map(|(index, file)| (index, &file.kind))
}

fn file_line(info: &Info, index: FileIndex, kind: &FileKind) -> String {
    let path = info
        .file(index)
        .map_or_else(String::new, |file| info.display_path(file));
    let (number, len) = (index.0 + 1, info.layout().file_len(index));
    match kind {
        FileKind::Symlink(target) => {
            format!(
                "{number:>7}  {:>10}  {path} -> {}/{target}\n",
                "link",
                info.name()
            )
        }
        FileKind::Regular | FileKind::Padding => {
            format!("{number:>7}  {:>10}  {path}\n", Size(len).to_string())
        }
    }
}

fn magnet_text(magnet: &Magnet) -> String {
    let mut table = Table::default();
    if let Some(name) = &magnet.name {
        table.row("name", printable(name));
    }
    table.row("info-hash", magnet.info_hash);
    for url in &magnet.trackers {
        table.row("tracker", printable(url));
    }
    for peer in &magnet.peers {
        table.row("peer", peer_address(peer));
    }
    for url in &magnet.web_seeds {
        table.row("web seed", printable(url));
    }
    if !magnet.selected.is_empty() {
        let ranges = selected(magnet).map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        });
        table.row("files", ranges.collect::<Vec<_>>().join(","));
    }
    table.row("magnet", magnet);
    table.text.trim_end().into()
}

fn magnet_members(magnet: &Magnet) -> Value {
    json!({
        "name": magnet.name,
        "info_hash": magnet.info_hash.to_string(),
        "trackers": magnet.trackers,
        "peers": magnet.peers.iter().map(peer_address).collect::<Vec<_>>(),
        "web_seeds": magnet.web_seeds,
        "files": selected(magnet).collect::<Vec<_>>(),
        "magnet": magnet.to_string(),
    })
}

/// Lists the selected files as `--files` takes them: ranges, from 1.
fn selected(magnet: &Magnet) -> impl Iterator<Item = (u64, u64)> {
    let from_one = |number: &u32| u64::from(*number) + 1;
    let ranges = magnet.selected.iter();
    ranges.map(move |range| (from_one(range.start()), from_one(range.end())))
}

fn peer_address(peer: &Target) -> String {
    match peer {
        Target::Endpoint(endpoint) => endpoint.to_string(),
        Target::Host { name, port, .. } => format!("{name}:{port}"),
    }
}

/// Rows of a name and a value.
#[derive(Debug, Default)]
struct Table {
    text: String,
}

impl Table {
    fn row(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{name:<10} {value}");
    }
}

/// Makes what a stranger wrote harmless on a terminal, where control characters are commands.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Shows seconds since 1970 as a date and time of day at Greenwich.
fn date(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The calendar repeats every 400 years, which are 146,097 days; counted from a 1st of March,
    // the leap day is the last of its year (Howard Hinnant, "chrono-compatible low-level date
    // algorithms", `civil_from_days`).
    let days = i128::from(days) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i128::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59 UTC"),
            (-1, "1969-12-31 23:59 UTC"),
            (-11_644_473_600, "1601-01-01 00:00 UTC"),
        ] {
            assert_eq!(date(seconds), shown);
        }
        assert!(!date(i64::MAX).is_empty() && !date(i64::MIN).is_empty());
    }

    #[test]
    fn strangers_do_not_command_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(printable("čaj"), "čaj");
    }
}
