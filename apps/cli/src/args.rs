//! What can be asked on the command line.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use machine::Endpoint;

use crate::chord::args::ChordArgs;
use crate::units::{FileNumbers, Rate, Size};

const ABOUT: &str = "Every peer-to-peer network in one program: fetch and share torrents.";

const EXAMPLES: &str = "\
Examples:
  manyhop get debian.torrent -o ~/Downloads
  manyhop get 'magnet:?xt=urn:btih:…' --peer 192.0.2.1:6881
  manyhop create Photos -o photos.torrent --tracker http://192.0.2.1:6969/announce
  manyhop seed photos.torrent .
  manyhop demo

Sizes and rates are bytes (a second), or have K, M or G behind them: 1024 each.
Exit codes: 0 done, 1 failed, 2 asked wrongly.";

/// All that the command can be asked.
#[derive(Debug, Parser)]
#[command(name = "manyhop", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// Write one JSON object a line to standard output, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// One job.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Create(CreateArgs),
    Show(ShowArgs),
    Get(GetArgs),
    Seed(SeedArgs),
    Check(CheckArgs),
    Tracker(TrackerArgs),
    Demo(DemoArgs),
    Chord(ChordArgs),
    Lab(LabArgs),
}

/// Make a torrent of a file or folder
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop create Photos -o photos.torrent --tracker http://192.0.2.1:6969/announce
  manyhop create film.mkv -o film.torrent --piece-size 1M --private --comment 'For Ada'")]
pub(crate) struct CreateArgs {
    /// The file or folder to share
    pub(crate) path: PathBuf,
    /// Where to write the torrent
    #[arg(short, long, value_name = "FILE.torrent")]
    pub(crate) output: PathBuf,
    /// A tracker that introduces peers to each other (repeat for more)
    #[arg(long = "tracker", value_name = "URL")]
    pub(crate) trackers: Vec<String>,
    /// The length of the pieces, a power of two from 16K [default: by the size of the content]
    #[arg(long, value_name = "SIZE")]
    pub(crate) piece_size: Option<Size>,
    /// Let peers be found by the trackers only
    #[arg(long)]
    pub(crate) private: bool,
    /// Some words for who reads the torrent
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
}

/// Show what a torrent or magnet link says
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop show debian.torrent
  manyhop show 'magnet:?xt=urn:btih:…'")]
pub(crate) struct ShowArgs {
    /// A torrent file, or a magnet link (between quotes)
    #[arg(value_name = "FILE.torrent|MAGNET")]
    pub(crate) source: String,
}

/// Fetch a torrent's content
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop get debian.torrent
  manyhop get 'magnet:?xt=urn:btih:…' -o ~/Downloads --seed-after
  manyhop get https://example.org/album.torrent --files 1,3-5 --limit-down 1.5M

What was fetched stays when the command is stopped: the same command goes on where it was.")]
pub(crate) struct GetArgs {
    /// A torrent file, a magnet link (between quotes), or where a torrent lies on the web
    #[arg(value_name = "FILE.torrent|MAGNET|URL")]
    pub(crate) source: String,
    /// The folder that shall hold the torrent's file or folder
    #[arg(short = 'o', long = "output", value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The files to fetch, numbered as `show` prints them [default: all]
    #[arg(long, value_name = "1,3-5")]
    pub(crate) files: Option<FileNumbers>,
    /// Fetch from the first byte to the last, to look in while it still comes
    #[arg(long)]
    pub(crate) sequential: bool,
    /// Go on seeding when all is here, until stopped
    #[arg(long)]
    pub(crate) seed_after: bool,
    /// The most bytes a second to fetch
    #[arg(long, value_name = "RATE")]
    pub(crate) limit_down: Option<Rate>,
    #[command(flatten)]
    pub(crate) peers: PeerArgs,
}

/// Give a torrent's content to others
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop seed photos.torrent .
  manyhop seed *.torrent ~/Downloads --limit-up 500K

Prints `seeding` when all is checked and peers are let in.")]
pub(crate) struct SeedArgs {
    /// The torrents
    #[arg(value_name = "FILE.torrent", required = true)]
    pub(crate) torrents: Vec<PathBuf>,
    /// The folder that holds the torrents' files and folders
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Do not write down what was checked: for the demo, which leaves nothing behind
    #[arg(long, hide = true)]
    pub(crate) keep_nothing: bool,
    #[command(flatten)]
    pub(crate) peers: PeerArgs,
}

/// How peers find us and we find them.
#[derive(Debug, ClapArgs)]
pub(crate) struct PeerArgs {
    /// A peer to connect to (repeat for more)
    #[arg(long = "peer", value_name = "IP:PORT")]
    pub(crate) peers: Vec<Endpoint>,
    /// The port where peers reach us [default: 6881, or any free one]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Listen at, and connect from, this address of the machine only [default: all]
    #[arg(long, value_name = "IP")]
    pub(crate) bind: Option<IpAddr>,
    /// The most bytes a second to give
    #[arg(long, value_name = "RATE")]
    pub(crate) limit_up: Option<Rate>,
    /// Stop when standard input ends: so no child outlives the demo
    #[arg(long, hide = true)]
    pub(crate) until_input_ends: bool,
}

/// Check which pieces of a torrent are on the disk
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  manyhop check photos.torrent .

Exit code 1 says that the content is not complete.")]
pub(crate) struct CheckArgs {
    /// The torrent
    #[arg(value_name = "FILE.torrent")]
    pub(crate) torrent: PathBuf,
    /// The folder that holds the torrent's file or folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// Introduce the peers of any torrents to each other
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop tracker
  manyhop tracker --bind 0.0.0.0:6969 --interval 1800

It answers HTTP (/announce, /scrape) and UDP on the same port.")]
pub(crate) struct TrackerArgs {
    /// Where to listen; port 0 for any free one
    #[arg(long, value_name = "IP:PORT", default_value_t = TRACKER_ADDRESS)]
    pub(crate) bind: SocketAddr,
    /// How often peers shall come back, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) interval: Option<u32>,
    /// Stop when standard input ends: so no child outlives the demo
    #[arg(long, hide = true)]
    pub(crate) until_input_ends: bool,
}

/// By default a tracker is for this machine only.
const TRACKER_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6969);

/// Watch a swarm at work on this machine: a tracker, a seed and three leechers
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop demo
  manyhop demo ~/Pictures/Holiday

Nothing leaves this machine, and nothing is left behind.")]
pub(crate) struct DemoArgs {
    /// The folder to share [default: a sample made for the occasion]
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

/// Measure what the papers say, on the code that runs on the net
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop lab list
  manyhop lab run chord-load
  manyhop lab run chord-path-length --nodes 1000,10000 --seeds 5 --out report
  manyhop lab run scenario.toml --json

Exit code 1 says that a figure is outside of its tolerance, or that a run failed.")]
pub(crate) struct LabArgs {
    #[command(subcommand)]
    pub(crate) verb: LabVerb,
}

/// What can be done in the lab.
#[derive(Debug, Subcommand)]
pub(crate) enum LabVerb {
    /// List the experiments, with what can be varied
    List,
    /// Run an experiment: a table of our figures beside the paper's
    Run(LabRunArgs),
    /// Run one run again, by the line that it printed
    Replay {
        /// The line, between quotes: 'NAME parameter=value … seed=N'
        line: String,
        /// Write comma-separated values
        #[arg(long)]
        csv: bool,
    },
}

/// Which experiment, and what of it.
#[derive(Debug, ClapArgs)]
pub(crate) struct LabRunArgs {
    /// An experiment, a scenario file, or `all`
    #[arg(value_name = "NAME|FILE.toml|all")]
    pub(crate) what: OsString,
    /// How many nodes [default: the paper's]
    #[arg(long, value_name = "N,N,..", value_delimiter = ',')]
    pub(crate) nodes: Vec<String>,
    /// Any other parameter, as `list` names them (repeat for more)
    #[arg(long, value_name = "PARAMETER=V,V,..")]
    pub(crate) set: Vec<String>,
    /// With how many seeds each case is run
    #[arg(long, value_name = "N")]
    pub(crate) seeds: Option<u32>,
    /// Run a small part of the paper's cases, in seconds
    #[arg(long)]
    pub(crate) quick: bool,
    /// Write comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Write a report with plots into this folder, and the numbers beside it
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
    }
}
