//! Which parts of a file were ever written.
//!
//! A sparse file knows its holes, so nobody has to read them. Where the system does not tell, all
//! of a file counts as written.

use std::fs::File;
use std::io;
use std::ops::Range;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

/// Lists the written stretches of a file within a range, ascending. A file may end before the range
/// does.
pub(crate) fn written(file: &File, within: Range<u64>) -> io::Result<Vec<Range<u64>>> {
    let mut found = Vec::new();
    let Range { mut start, end } = within;
    while start < end {
        let data = match rustix::fs::seek(file, SeekFrom::Data(start)) {
            Ok(data) if data < end => data,
            // No data from here to the end of the file.
            Ok(_) | Err(Errno::NXIO) => break,
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {
                found.extend(below(start..end, file.metadata()?.len()));
                break;
            }
            Err(error) => return Err(error.into()),
        };
        let hole = rustix::fs::seek(file, SeekFrom::Hole(data))?.min(end);
        found.push(data..hole);
        start = hole;
    }
    Ok(found)
}

/// Lists what the written stretches leave out of a range.
pub(crate) fn holes(written: &[Range<u64>], within: Range<u64>) -> Vec<Range<u64>> {
    let starts = written.iter().map(|data| data.start).chain([within.end]);
    let ends = [within.start]
        .into_iter()
        .chain(written.iter().map(|data| data.end));
    ends.zip(starts)
        .map(|(start, end)| start..end)
        .filter(|hole| !hole.is_empty())
        .collect()
}

fn below(range: Range<u64>, len: u64) -> Option<Range<u64>> {
    let range = range.start..range.end.min(len);
    (!range.is_empty()).then_some(range)
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of one extent")]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    /// A multiple of every block size that a file system may have.
    const BLOCK: u64 = 1 << 20;

    fn sparse() -> File {
        let file = tempfile::tempfile().expect("a file");
        file.write_all_at(&[1; BLOCK as usize], 0).expect("written");
        file.write_all_at(&[1; BLOCK as usize], 3 * BLOCK)
            .expect("written");
        file.set_len(6 * BLOCK).expect("made longer");
        file
    }

    #[test]
    fn finds_what_was_written() {
        let file = sparse();
        let data = |range| written(&file, range).expect("readable");
        let whole = data(0..u64::MAX >> 1);
        let covers = |at: u64| whole.iter().any(|range| range.contains(&at));
        assert!(covers(0) && covers(BLOCK - 1) && covers(3 * BLOCK) && covers(4 * BLOCK - 1));
        assert!(whole.iter().all(|range| range.end <= 6 * BLOCK));
        assert_eq!(data(10..20), [10..20]);
        assert_eq!(data(7 * BLOCK..9 * BLOCK), []);
        assert_eq!(data(5..5), []);
    }

    #[test]
    fn holes_are_the_rest() {
        assert_eq!(holes(&[], 3..9), [3..9]);
        assert_eq!(holes(&[3..5, 7..9], 3..9), [5..7]);
        assert_eq!(holes(&[4..5], 3..9), [3..4, 5..9]);
        assert_eq!(holes(&[3..9], 3..9), []);
    }
}
