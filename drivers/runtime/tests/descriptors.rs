//! A process without descriptors. The limit is the process's, so this test has one for itself.

mod script;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use script::{Strangers, start};

#[test]
fn without_descriptors_strangers_wait_and_nobody_inside_suffers() {
    let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
    let echo = start(Strangers::Echo, |builder| builder.listen(loopback));
    let there = echo.handle.listeners()[0];
    let speak = |stranger: &mut TcpStream| {
        let mut answer = [0; 5];
        stranger.write_all(b"hello")?;
        stranger.read_exact(&mut answer)?;
        assert_eq!(&answer, b"hello");
        std::io::Result::Ok(())
    };
    let mut inside = TcpStream::connect(there).expect("connects");
    speak(&mut inside).expect("is echoed");

    // Room for this side of one more connection, and not for the other side.
    let mut outside = TcpStream::connect(there).expect("connects");
    speak(&mut outside).expect("is echoed");
    let before = getrlimit(Resource::Nofile);
    let next = outside.try_clone().expect("the lowest free descriptor");
    let lowest = u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&next)).expect("not negative");
    drop(next);
    let limit = Rlimit {
        current: Some(lowest + 1),
        ..before
    };
    setrlimit(Resource::Nofile, limit).expect("may be lowered");
    let mut waiting = TcpStream::connect(there).expect("the system answers");
    waiting
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("is open");
    speak(&mut waiting).expect_err("nobody is there to answer");
    speak(&mut inside).expect("is echoed");

    setrlimit(Resource::Nofile, before).expect("may be raised again");
    waiting.set_read_timeout(None).expect("is open");
    waiting.read_exact(&mut [0; 5]).expect("is let in at last");
}
