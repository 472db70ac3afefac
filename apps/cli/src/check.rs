//! `manyhop check`: which pieces of a torrent are on the disk.

use std::sync::Arc;

use bittorrent::bitfield::Bitfield;
use bittorrent::numbers::PieceIndex;
use library::{Folder, Placement, Selection, Verified, verify};
use runtime::Access;
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::CheckArgs;
use crate::error::Failure;
use crate::output::Output;
use crate::show::read_torrent;
use crate::signals::Stop;

/// How many ranges of pieces people are shown; programs get all.
const RANGES_SHOWN: usize = 10;

pub(crate) fn run(args: CheckArgs, output: &Output) -> Result<Outcome, Failure> {
    let info = Arc::new(read_torrent(&args.torrent)?.info);
    let folder = Folder::open(args.folder)?;
    let placement = Placement::new(info, &folder, Selection::All, Access::ReadOnly)?;
    let pieces: Vec<_> = (0..placement.info().piece_count())
        .map(PieceIndex)
        .collect();
    let stop = Stop::watch_flag()?;
    let meter = output.meter("checking");
    let verified = verify(&placement, &pieces, stop.flag(), |progress| {
        meter.show_bytes(progress)
    });
    drop(meter);
    let verified = verified?;
    if let Some(trouble) = &verified.trouble {
        output.warning(&trouble.clone().into());
    }
    output.result(text(&verified), members(&verified))?;
    Ok(if verified.good.is_all() {
        Outcome::Done
    } else {
        Outcome::NotDone
    })
}

fn text(verified: &Verified) -> String {
    let Verified {
        good, bad, missing, ..
    } = verified;
    let counts = [good, bad, missing].map(Bitfield::count);
    let [good_count, bad_count, missing_count] = counts;
    let mut text = format!(
        "{good_count} good, {bad_count} bad, {missing_count} missing of {} pieces",
        good.len()
    );
    for (what, pieces) in [("bad", bad), ("missing", missing)] {
        if !pieces.is_none() {
            text.push_str(&format!("\n{what}: {}", shown(&ranges(pieces))));
        }
    }
    text
}

fn members(verified: &Verified) -> Value {
    let Verified {
        good, bad, missing, ..
    } = verified;
    json!({
        "complete": good.is_all(),
        "pieces": good.len(),
        "good": good.count(),
        "bad": bad.count(),
        "missing": missing.count(),
        "bad_pieces": ranges(bad),
        "missing_pieces": ranges(missing),
    })
}

/// Lists pieces as ranges, first and last.
fn ranges(pieces: &Bitfield) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for PieceIndex(piece) in pieces.iter() {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == piece => *last = piece,
            _ => ranges.push((piece, piece)),
        }
    }
    ranges
}

fn shown(ranges: &[(u32, u32)]) -> String {
    let shown = ranges.iter().take(RANGES_SHOWN);
    let mut words: Vec<String> = shown
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    if ranges.len() > RANGES_SHOWN {
        words.push(format!("and {} more", ranges.len() - RANGES_SHOWN));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_shown_as_ranges() {
        let mut pieces = Bitfield::none(100);
        for piece in [0, 3, 4, 5, 99] {
            pieces.set(PieceIndex(piece));
        }
        assert_eq!(ranges(&pieces), [(0, 0), (3, 5), (99, 99)]);
        assert_eq!(shown(&ranges(&pieces)), "0, 3-5, 99");
        let mut many = Bitfield::none(100);
        (0..50).for_each(|piece| assert!(many.set(PieceIndex(2 * piece))));
        assert!(shown(&ranges(&many)).ends_with("16, 18, and 40 more"));
    }
}
