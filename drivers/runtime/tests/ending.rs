//! A runtime that is stopped brings to an end what was begun.

mod script;

use std::io::Read;
use std::net::TcpListener;

use bytes::Bytes;
use machine::{
    BlockDigests, DiskDone, DiskWork, Endpoint, Expect, FileId, FileSpan, SlotId, SlotPlan,
    StreamInput, Target,
};
use runtime::{Access, Place, Root};
use script::{Seen, Strangers, start};

#[test]
fn pieces_that_wait_for_company_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = start(Strangers::Ignore, |builder| {
        builder.slots(SlotPlan { count: 1, len: 100 })
    });
    let root = Root::open(folder.path()).expect("opens");
    let place = Place::new(&root, ["a", "file"], 100, Access::ReadWrite).expect("plain names");
    node.handle.files().register(FileId(7), place);
    node.tell(|io| {
        let piece = [5; 100];
        io.put(SlotId(0), 0, Bytes::copy_from_slice(&piece));
        io.disk(DiskWork::Store {
            slots: [(SlotId(0), 100)].into_iter().collect(),
            expect: Expect::Sha1 {
                digest: hardware::sha1_many(&[&piece])[0],
                blocks: BlockDigests::WhenWrong,
            },
            to: [FileSpan {
                file: FileId(7),
                offset: 0,
                len: 100,
            }]
            .into_iter()
            .collect(),
        });
    });
    let seen = node.see_the_end();
    let stored = DiskDone::Stored { blocks: [].into() };
    assert_eq!(seen, [Seen::Disk(Ok(stored))]);
    let written = std::fs::read(folder.path().join("a/file")).expect("is there");
    assert_eq!(written, [5; 100]);
}

#[test]
fn bytes_that_were_sent_arrive() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a socket can be had");
    let there = Endpoint::from(listener.local_addr().expect("is bound"));
    let node = start(Strangers::Ignore, |builder| builder);
    node.tell(move |io| {
        let conn = io.connect(Target::Endpoint(there));
        io.send_bytes(conn, Bytes::from(vec![1; 1_000_000]));
    });
    let (mut peer, _) = listener.accept().expect("connects");
    assert!(matches!(
        node.see(),
        Seen::Stream(_, StreamInput::Connected { .. })
    ));
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        peer.read_to_end(&mut all).expect("ends in good order");
        all.len()
    });
    node.handle.stop();
    node.handle.join();
    assert_eq!(reading.join().expect("reads"), 1_000_000);
}

#[test]
fn orders_after_the_end_are_not_heard() {
    let node = start(Strangers::Ignore, |builder| builder);
    node.handle.stop();
    node.handle.join();
    node.tell(|_| panic!("not heard"));
    node.handle.stop();
    node.handle.join();
}
