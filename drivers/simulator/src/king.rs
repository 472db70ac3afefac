//! Latencies measured between real hosts, read from a file.
//!
//! Two forms are common. *King* matrices (Gummadi, Saroiu, Gribble 2002; the set of 1740 name servers
//! that p2psim carries) are lines of as many numbers as there are lines. Lists name the two hosts and
//! the number in each line; hosts count from 1, or from 0 where a 0 occurs. The numbers are *round
//! trips in microseconds*; what is missing or below 0 was not measured. Lines that begin with `#` or
//! `//` are comments.

use core::time::Duration;

/// Latencies between hosts. Nodes take the hosts in turn, so that more nodes than hosts can stand
/// there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    hosts: u32,
    /// One way, in nanoseconds, row by row.
    latencies: Vec<u64>,
    least: u64,
}

/// A file of latencies that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// Something in a line is no number.
    #[error("line {line}: {word:?} is no number of microseconds")]
    NotANumber {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        word: String,
    },
    /// A line of a matrix has another length than the matrix has lines.
    #[error("line {line}: {found} numbers in a matrix of {expected} lines")]
    NotSquare {
        /// The line, from 1.
        line: usize,
        /// How many it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A line of a list names a host that no file has.
    #[error("line {line}: host {host} is beyond the {HOSTS_MAX} that are possible")]
    TooManyHosts {
        /// The line, from 1.
        line: usize,
        /// The host.
        host: u64,
    },
    /// Nothing is in it.
    #[error("no latency is in the file")]
    Empty,
}

/// The most hosts: their matrix has half a gigabyte.
pub const HOSTS_MAX: usize = 8192;

impl Matrix {
    /// Reads the text of a file. Where only one direction was measured it counts for both; pairs
    /// that were not measured have the mean of all.
    ///
    /// # Errors
    /// When the text is no matrix and no list.
    pub fn read(text: &str) -> Result<Self, MatrixError> {
        let lines = (1..)
            .zip(text.lines())
            .map(|(line, text)| (line, text.trim()));
        let lines = lines.filter(|(_, text)| {
            !(text.is_empty() || text.starts_with('#') || text.starts_with("//"))
        });
        let rows = lines
            .map(|(line, text)| numbers(line, text).map(|numbers| (line, numbers)))
            .collect::<Result<Vec<_>, _>>()?;
        let is_square = rows.len() == rows.first().map_or(0, |(_, row)| row.len());
        let is_list = rows.iter().all(|(_, row)| row.len() == 3);
        // Three lines of three numbers are either; a matrix has nothing on its diagonal.
        let diagonal = (0..)
            .zip(&rows)
            .all(|(at, (_, row))| row.get(at) == Some(&0.0));
        let rtts = if is_list && !(is_square && diagonal) {
            from_list(&rows)?
        } else {
            from_matrix(&rows)?
        };
        Self::of(&rtts)
    }

    /// How many hosts there are.
    #[must_use]
    pub const fn hosts(&self) -> u32 {
        self.hosts
    }

    /// The latency between the hosts of two nodes, one way.
    #[must_use]
    pub fn latency(&self, one: u32, other: u32) -> Duration {
        Duration::from_nanos(self.between(one, other))
    }

    /// The latency between two nodes, in nanoseconds; that of two at one host is the least of all.
    pub(crate) fn between(&self, one: u32, other: u32) -> u64 {
        let (row, column) = (one % self.hosts, other % self.hosts);
        let place = row as usize * self.hosts as usize + column as usize;
        if row == column {
            self.least
        } else {
            self.latencies[place]
        }
    }

    pub(crate) const fn least(&self) -> u64 {
        self.least
    }

    /// Makes a matrix of round trips in microseconds, of which some may be missing.
    fn of(rtts: &[Vec<Option<f64>>]) -> Result<Self, MatrixError> {
        let hosts = rtts.len();
        let pairs = (0..hosts).flat_map(|row| (0..hosts).map(move |column| (row, column)));
        let measured = |(row, column): (usize, usize)| {
            let there = rtts[row][column];
            let back = rtts[column][row];
            match (there, back) {
                (Some(there), Some(back)) => Some(f64::midpoint(there, back)),
                (one, other) => one.or(other),
            }
            .filter(|_| row != column)
        };
        let all: Vec<f64> = pairs.clone().filter_map(measured).collect();
        if all.is_empty() {
            return Err(MatrixError::Empty);
        }
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let one_way = |rtt: f64| (rtt * 1000.0 / 2.0) as u64;
        let latencies: Vec<u64> = pairs
            .map(|pair| one_way(measured(pair).unwrap_or(mean)))
            .collect();
        let least = all.iter().copied().map(one_way).min().unwrap_or(0);
        let hosts = u32::try_from(hosts).unwrap_or(u32::MAX);
        Ok(Self {
            hosts,
            latencies,
            least,
        })
    }
}

/// The numbers of a line, which blanks or commas part.
fn numbers(line: usize, text: &str) -> Result<Vec<f64>, MatrixError> {
    let words = text
        .split([' ', '\t', ',', ';'])
        .filter(|word| !word.is_empty());
    words
        .map(|word| {
            let number = word.parse().ok().filter(|number: &f64| number.is_finite());
            number.ok_or_else(|| MatrixError::NotANumber {
                line,
                word: word.into(),
            })
        })
        .collect()
}

fn from_matrix(rows: &[(usize, Vec<f64>)]) -> Result<Vec<Vec<Option<f64>>>, MatrixError> {
    let expected = rows.len();
    if let Some(&(line, _)) = rows.get(HOSTS_MAX) {
        let host = expected as u64;
        return Err(MatrixError::TooManyHosts { line, host });
    }
    rows.iter()
        .map(|(line, row)| {
            let (line, found) = (*line, row.len());
            if found != expected {
                return Err(MatrixError::NotSquare {
                    line,
                    found,
                    expected,
                });
            }
            Ok(row.iter().map(|&rtt| (rtt >= 0.0).then_some(rtt)).collect())
        })
        .collect()
}

fn from_list(rows: &[(usize, Vec<f64>)]) -> Result<Vec<Vec<Option<f64>>>, MatrixError> {
    let from_zero = rows.iter().any(|(_, row)| row[0] == 0.0 || row[1] == 0.0);
    let first = u64::from(!from_zero);
    let mut entries = Vec::with_capacity(rows.len());
    for (line, row) in rows {
        let host = |number: f64| match (number as u64).checked_sub(first) {
            Some(host) if (host as usize) < HOSTS_MAX => Ok(host as usize),
            _ => Err(MatrixError::TooManyHosts {
                line: *line,
                host: number as u64,
            }),
        };
        entries.push((host(row[0])?, host(row[1])?, row[2]));
    }
    let hosts = entries.iter().map(|&(one, other, _)| one.max(other) + 1);
    let hosts = hosts.max().unwrap_or(0);
    let mut rtts = vec![vec![None; hosts]; hosts];
    for (one, other, rtt) in entries {
        rtts[one][other] = (rtt >= 0.0).then_some(rtt);
    }
    Ok(rtts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn a_matrix_and_a_list_say_the_same() {
        let matrix = "# three hosts\n0 100 300\n120,0,-1\n300 -1 0\n";
        let list = "1 2 100\n2 1 120\n1 3 300\n3 1 300\n";
        let matrix = Matrix::read(matrix).expect("a matrix");
        assert_eq!(matrix.hosts(), 3);
        // The mean of both directions, halved; the missing pair has the mean of all.
        assert_eq!(matrix.latency(0, 1), micros(55));
        assert_eq!(matrix.latency(0, 2), micros(150));
        assert_eq!(matrix.latency(1, 2), Duration::from_nanos(102_500));
        // The fourth node stands at the first host.
        assert_eq!(matrix.latency(3, 1), micros(55));
        assert_eq!(matrix.latency(3, 0), micros(55));
        assert_eq!(Matrix::read(list), Ok(matrix));
    }

    #[test]
    fn bad_files_are_told_with_their_line() {
        let error = |text| Matrix::read(text).expect_err("a bad file").to_string();
        assert_eq!(error("# nothing\n"), "no latency is in the file");
        assert_eq!(
            error("0 1\n1 x\n"),
            "line 2: \"x\" is no number of microseconds"
        );
        assert_eq!(
            error("0 1\n1\n"),
            "line 2: 1 numbers in a matrix of 2 lines"
        );
        assert_eq!(
            error("1 999999 5\n"),
            "line 1: host 999999 is beyond the 8192 that are possible"
        );
        assert_eq!(
            error("0 nan\n1 0"),
            "line 1: \"nan\" is no number of microseconds"
        );
    }
}
