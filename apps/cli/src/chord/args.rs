//! What `manyhop chord` can be asked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
    /// Stop when standard input ends
    #[arg(long, hide = true)]
    pub(crate) until_input_ends: bool,
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

/// Through whom a ring is asked.
#[derive(Debug, ClapArgs)]
pub(crate) struct DoorArgs {
    /// Any node of the ring
    #[arg(long, value_name = "IP:PORT", default_value_t = Endpoint::from(NODE_ADDRESS))]
    pub(crate) at: Endpoint,
}
