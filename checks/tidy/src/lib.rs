//! Reads the sources and holds them to the house rules.
