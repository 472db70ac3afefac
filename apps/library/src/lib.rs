//! A torrent's files on the user's disk: where they lie, what of them is proven, how they are made.
//!
//! # What lies where
//!
//! A user names a folder, and a torrent lives in it under the torrent's own name:
//!
//! ```text
//! DIR/
//!   Name                      the file, or the folder of files
//!   .manyhop/
//!     <info-hash>.resume      which pieces are proven, and when that was last true
//!     <info-hash>.parts       bytes of unwanted files that share a piece with wanted ones
//!     <info-hash>.torrent     what peers said of a magnet link
//!     <info-hash>.lock        held by who writes this torrent
//! ```
//!
//! # A download in these words
//!
//! ```text
//! Placement::new ──▶ Resume::open ──▶ proven, doubtful
//!   which file          lock, links,       │
//!   lies where          empty files        ▼
//!       │                           verify(doubtful) ──▶ Resume::proved
//!       ▼                                                     │
//! Placement::register ─▶ the runtime and the node ─▶ Event::Stored ─▶ Resume::stored
//!                                                             │ every 5 minutes: checkpoint
//!                                                             ▼ at the end:      finish
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`placement`] | where each file lies; registers them with the runtime |
//! | [`resume`], [`journal`] | what is proven, and how that survives the process and the machine |
//! | [`verify`](mod@verify) | good, bad and missing pieces |
//! | [`create`](mod@create) | new torrents |
//! | [`folder`] | the folder that the user named, and our own files in it |

#![forbid(unsafe_code)]

mod content;
pub mod create;
mod error;
mod extents;
pub mod folder;
pub mod journal;
mod lock;
mod parts;
pub mod placement;
pub mod resume;
mod states;
mod trust;
pub mod verify;
mod walk;

pub use create::{Created, Recipe, Skipped, create};
pub use error::LibraryError;
pub use folder::Folder;
pub use placement::{Placement, Selection};
pub use resume::{Recollection, Resume, recall};
pub use verify::{Progress, Verified, verify};
