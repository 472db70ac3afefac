//! The manyhop command.

fn main() {}
