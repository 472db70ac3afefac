//! What a peer-to-peer protocol is to manyhop: a state machine that touches nothing.
