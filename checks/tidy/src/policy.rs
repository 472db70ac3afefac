//! What the rules allow and forbid, each with its reason: the one file to edit when a policy changes.
//!
//! Hosts and machine paths are written in two halves, so that this file keeps the rules it states.

/// A file longer than this holds more than one thought.
pub(crate) const FILE_LINES_MAX: usize = 600;
/// `node.rs` of a protocol only delegates.
pub(crate) const NODE_LINES_MAX: usize = 150;
/// What every `clippy.toml` must say, for a function is one page.
pub(crate) const FUNCTION_LIMIT: &str = "too-many-lines-threshold = 70";
/// The endings of files that somebody writes and reads.
pub(crate) const WRITTEN_ENDINGS: &[&str] = &[".rs", ".py", ".sh", ".ts", ".js", ".css"];

/// Folders of bytes that strangers wrote: no rule about text holds there.
pub(crate) const FOREIGN_FOLDERS: &[&str] = &["tests/vectors/", "fuzz/corpus/"];
/// Folders that no copy of the project needs.
pub(crate) const BUILT_FOLDERS: &[&str] = &[".git", "target", "artifacts", "node_modules"];

/// The crates that may hold unsafe code, each line with its reason.
pub(crate) const UNSAFE_ALLOWED: &[&str] = &[
    // SIMD lanes and huge pages.
    "drivers/hardware",
    // One prefetch, which the cores need as well as the drivers.
    "foundation/machine",
];

/// Protocols whose names are everyday words, which a driver may use.
pub(crate) const EVERYDAY_PROTOCOLS: &[&str] = &["store"];

/// Names that say nothing: what is inside has a better one.
pub(crate) const EMPTY_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "util", "utils",
];

/// What follows `get_` in the collections of `std`; a collection of ours speaks the same way.
pub(crate) const STD_GETTERS: &[&str] = &["mut", "or_"];

/// Where somebody's machine keeps somebody's files; the project runs anywhere.
pub(crate) const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
];

/// Hosts that package managers know by themselves; naming one ties the project to it.
pub(crate) const REGISTRY_HOSTS: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("deb.debian", ".org"),
    concat!("security.debian", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("proxy.golang", ".org"),
    concat!("rubygems", ".org"),
    concat!("docker", ".io"),
    concat!("ghcr", ".io"),
];
/// Written by package managers, which name their registry.
pub(crate) const LOCK_FILES: &[&str] = &["Cargo.lock", "package-lock.json"];

/// The one source of crates besides this repository.
pub(crate) const REGISTRY: &str =
    concat!("registry+https://github.com/rust-lang/crates", ".io-index");

/// Licences (SPDX) that ask no more of a user of the binary than to pass on a notice.
pub(crate) const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0", // webpki-roots: a list of certificates is data
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that nothing here may depend on, directly or through others.
pub(crate) const BANNED: &[(&str, &str)] = &[
    (
        "async-std",
        "it is no longer maintained: a driver owns its threads",
    ),
    (
        "aws-lc-sys",
        "it needs cmake and a long C build: give rustls the `ring` feature",
    ),
    (
        "chrono",
        "`std::time` and, in cores, `machine::Instant` suffice",
    ),
    (
        "metrics",
        "it is global to the process: count in the value that knows",
    ),
    (
        "native-tls",
        "it links the system's TLS: rustls is the same everywhere",
    ),
    (
        "openssl",
        "it links the system's TLS: rustls is the same everywhere",
    ),
    (
        "openssl-sys",
        "it links the system's TLS: rustls is the same everywhere",
    ),
    (
        "reqwest",
        "it brings a runtime and, by default, a C build: speak HTTP through `wire`",
    ),
    (
        "sled",
        "its format is unfinished and its memory unbounded: use redb",
    ),
];

/// Crates that would give a core a clock, a socket, a thread or chance: not even through others.
pub(crate) const BANNED_IN_CORES: &[(&str, &str)] = &[
    ("crossbeam-utils", "a core has no threads"),
    ("fastrand", "a core draws from `Io::rng`, which replays"),
    ("getrandom", "a core draws from `Io::rng`, which replays"),
    ("mio", "a core touches no socket"),
    ("parking_lot", "a core has no threads"),
    ("rand", "a core draws from `Io::rng`, which replays"),
    ("rayon", "a core has no threads"),
    ("rustix", "a core makes no system call"),
    ("rustls", "TLS is the runtime's: a core sees plain bytes"),
    ("socket2", "a core touches no socket"),
    ("time", "a core has no clock: ask `Io::now`"),
    (
        "tokio",
        "a core has no runtime: it returns, and the driver waits",
    ),
];

/// Crates that may be built in two incompatible versions: `(crate, why)`.
pub(crate) const DUPLICATES_ALLOWED: &[(&str, &str)] = &[
    (
        "getrandom",
        "ring, under rustls, still asks for the older; tempfile, in tests, the newer",
    ),
    (
        "syn",
        "some derive macros have not yet come to the newer; it is only built, not shipped",
    ),
];
