//! BitTorrent as a pure state machine, and a tracker.
