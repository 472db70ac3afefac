//! Runs manyhop beside real programs.
