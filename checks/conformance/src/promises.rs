//! What every driver promises, one function a promise, each over any [`Stage`](crate::Stage).

pub mod datagrams;
pub mod disk;
pub mod names;
pub mod streams;
pub mod time;
pub mod transfer;

/// Makes a test of every promise; the argument makes a fresh stage.
#[macro_export]
macro_rules! conformance {
    ($stage:expr) => {
        $crate::conformance! { $stage;
            time: now_never_runs_backwards;
            time: a_wake_comes_when_it_is_due;
            time: a_past_deadline_wakes_too;
            time: a_moved_deadline_wakes_once;
            time: a_withdrawn_deadline_is_silent;
            time: a_deadline_that_stays_is_caught [should_panic(expected = "deadline")];
            streams: no_byte_overtakes_connected;
            streams: what_is_sent_before_connected_waits;
            streams: a_refused_connection_closes_once;
            streams: a_close_delivers_what_was_sent;
            streams: a_close_before_connected_delivers_too;
            streams: nothing_comes_after_ones_own_close;
            streams: what_a_turn_sends_arrives_in_order;
            streams: no_connection_id_is_used_again;
            streams: a_stranger_has_an_address;
            transfer: a_pause_holds_the_sender_back;
            transfer: a_close_waits_for_a_slow_reader;
            transfer: a_small_backlog_is_not_mentioned;
            transfer: a_connection_that_is_gone_has_no_backlog;
            datagrams: a_datagram_comes_and_goes;
            datagrams: a_garbled_datagram_is_reported;
            datagrams: a_datagram_to_nobody_is_lost;
            names: a_name_is_resolved;
            names: an_unknown_name_is_an_error;
            names: a_connection_goes_to_a_name;
            names: a_connection_to_an_unknown_name_closes;
            disk: a_piece_is_stored_and_read_back;
            disk: a_wrong_piece_is_not_written;
            disk: a_free_slot_is_used_again;
            disk: block_digests_come_when_asked_for;
            disk: a_piece_spans_slots_files_and_padding;
            disk: a_long_piece_goes_by_a_chain;
            disk: a_check_tells_what_is_on_the_disk;
            disk: each_job_is_answered_once;
            disk: a_span_goes_out_in_its_place;
            disk: an_unreadable_span_ends_the_connection;
        }
    };
    ($stage:expr; $($family:ident: $promise:ident $([$attribute:meta])?;)*) => {
        $(
            #[test]
            $(#[$attribute])?
            fn $promise() {
                $crate::promises::$family::$promise(&mut $stage);
            }
        )*
    };
}
