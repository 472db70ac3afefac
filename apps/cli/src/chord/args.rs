//! What `manyhop chord` can be asked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use machine::Endpoint;

/// Where a node is, unless it is told otherwise: for this machine only.
const NODE_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4000);

/// Keep a ring of nodes, and find in it the keeper of any key
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop chord node
  manyhop chord node --bind 127.0.0.1:4001 --join 127.0.0.1:4000
  manyhop chord ring --at 127.0.0.1:4001
  manyhop chord put hello 'Good morning' --at 127.0.0.1:4001
  manyhop chord get hello
  manyhop chord lookup hello --at 127.0.0.1:4001

Each node is one process. Any node of a ring will do for --at.")]
pub(crate) struct ChordArgs {
    #[command(subcommand)]
    pub(crate) verb: ChordVerb,
}

/// One job on a ring.
#[derive(Debug, Subcommand)]
pub(crate) enum ChordVerb {
    Node(NodeArgs),
    Put(PutArgs),
    Get(GetArgs),
    Delete(DeleteArgs),
    Lookup(LookupArgs),
    Ring(RingArgs),
}

/// Be a node of a ring until stopped
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop chord node
  manyhop chord node --bind 192.0.2.7:4000 --join 192.0.2.1:4000 --vnodes 8

The first node of a ring joins nobody. Prints `joined` when it has its place. Ctrl-C leaves.")]
pub(crate) struct NodeArgs {
    /// Where the others reach us; port 0 for any free one
    #[arg(long, value_name = "IP:PORT", default_value_t = NODE_ADDRESS)]
    pub(crate) bind: SocketAddr,
    /// A node of the ring to join [default: begin a ring]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) join: Option<Endpoint>,
    /// How many places on the ring to take: more of them even out the load
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) vnodes: u16,
    #[command(flatten)]
    pub(crate) replicas: ReplicaArgs,
    /// Stop when standard input ends
    #[arg(long, hide = true)]
    pub(crate) until_input_ends: bool,
}

/// Keep a value under a key, in place of what is there
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop chord put hello 'Good morning' --at 127.0.0.1:4001
  manyhop chord put photo --file photo.jpg

A value may have 1 MiB. When the command ends well, a majority of its replicas have it.")]
pub(crate) struct PutArgs {
    /// The key: any text
    pub(crate) key: String,
    /// The value, or --file
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    pub(crate) value: Option<String>,
    /// A file that holds the value
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) replicas: ReplicaArgs,
    #[command(flatten)]
    pub(crate) door: DoorArgs,
}

/// Get the value of a key
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop chord get hello --at 127.0.0.1:4001
  manyhop chord get photo --file photo.jpg

Exit code 1 says that there is no value, or that the ring could not be asked.")]
pub(crate) struct GetArgs {
    /// The key: any text
    pub(crate) key: String,
    /// Where to write the value [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) replicas: ReplicaArgs,
    #[command(flatten)]
    pub(crate) door: DoorArgs,
}

/// Delete the value of a key
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  manyhop chord delete hello --at 127.0.0.1:4001")]
pub(crate) struct DeleteArgs {
    /// The key: any text
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) replicas: ReplicaArgs,
    #[command(flatten)]
    pub(crate) door: DoorArgs,
}

/// Find the keeper of a key, and show the way to it hop by hop
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  manyhop chord lookup hello --at 127.0.0.1:4001
  manyhop --json chord lookup hello

Each line is a node that was asked: by which row of the one before it we came there (finger i
reaches at least 2^i far), how far it was from there to the key, and how long its answer took.")]
pub(crate) struct LookupArgs {
    /// The key: any text; its place is the SHA-1 of it
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) door: DoorArgs,
}

/// Walk round a ring, and show its nodes
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  manyhop chord ring --at 127.0.0.1:4001

Exit code 1 says that the nodes that answer do not form one ring, or not yet.")]
pub(crate) struct RingArgs {
    #[command(flatten)]
    pub(crate) door: DoorArgs,
}

/// How many nodes keep a value.
#[derive(Debug, ClapArgs)]
pub(crate) struct ReplicaArgs {
    /// How many nodes keep each value; the same in the whole ring
    #[arg(long, value_name = "N", default_value_t = REPLICAS,
        value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) replicas: u8,
}

/// A value is lost if three nodes side by side die at once.
const REPLICAS: u8 = 3;

/// Through whom a ring is asked.
#[derive(Debug, ClapArgs)]
pub(crate) struct DoorArgs {
    /// Any node of the ring
    #[arg(long, value_name = "IP:PORT", default_value_t = Endpoint::from(NODE_ADDRESS))]
    pub(crate) at: Endpoint,
}
