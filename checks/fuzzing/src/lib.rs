//! What a fuzzer does with each format: any bytes at all must be read, or refused, and keep what
//! the format promises.
//!
//! A target is a plain function of bytes that panics when something is wrong. It is called from two
//! places: by the fuzzer, which invents bytes (`fuzz/fuzz_targets/`), and by an ordinary test,
//! which replays `fuzz/corpus/` (`tests/corpus.rs`). To fuzz a format, in the repository's root:
//!
//! ```text
//! cargo install cargo-fuzz
//! RUSTC_BOOTSTRAP=1 cargo fuzz run bencode -- -max_total_time=60
//! ```
//!
//! `RUSTC_BOOTSTRAP=1` lets the stable compiler use the address sanitizer. New inputs are named by
//! their hash and git ignores them; one that is worth keeping, such as the minimized input of a
//! bug that was fixed, gets a name that says what it is.
//!
//! To add a format:
//! 1. write its function in the module of its layer, and name it in `targets!` below;
//! 2. put ten or more small inputs into `fuzz/corpus/<name>/`, valid and broken ones;
//! 3. run `cargo test -p manyhop-fuzzing`, which prints the lines that `fuzz/` still lacks.

#![forbid(unsafe_code)]

mod bittorrent;
mod foundation;
mod library;
mod trackers;

/// A format's function and its name, which is also that of its corpus.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The function's name.
    pub name: &'static str,
    /// Reads the bytes and panics if a promise is broken.
    pub run: fn(&[u8]),
}

/// Exports the functions and lists them in [`TARGETS`].
macro_rules! targets {
    ($($module:ident::$name:ident;)*) => {
        $(pub use $module::$name;)*

        /// All targets.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $name }),*];
    };
}

targets! {
    bittorrent::extended;
    bittorrent::handshake;
    bittorrent::magnet;
    bittorrent::metainfo;
    bittorrent::peer_messages;
    foundation::bencode;
    foundation::gzip;
    foundation::http_request;
    foundation::http_response;
    foundation::text;
    foundation::url;
    library::journal;
    trackers::tracker_answer;
    trackers::tracker_connection;
    trackers::tracker_datagram;
}
