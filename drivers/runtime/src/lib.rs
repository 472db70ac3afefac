//! Runs one node on real sockets and disks.
