//! One set of tests that every driver passes.
