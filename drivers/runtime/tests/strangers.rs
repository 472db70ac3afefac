//! What strangers may do: knock, wait, come in, speak, fall silent.

mod script;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use machine::{CloseReason, Endpoint, ListenerId, StreamInput, Target};
use runtime::{Builder, Limits, StartError};
use script::{Running, Script, Seen, Strangers, start};

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn address(running: &Running) -> SocketAddr {
    running.handle.listeners()[0]
}

fn limits(connections: usize) -> Limits {
    Limits {
        connections,
        ..Limits::default()
    }
}

#[test]
fn who_sends_no_more_is_still_answered() {
    let echo = start(Strangers::Echo, |builder| builder.listen(loopback()));
    let mut stranger = TcpStream::connect(address(&echo)).expect("connects");
    let question: Vec<u8> = (0..1_000_000u32).map(|at| (at % 251) as u8).collect();
    let asked = question.clone();
    let mut asking = stranger.try_clone().expect("a second descriptor");
    let asking = std::thread::spawn(move || {
        asking.write_all(&asked).expect("is read");
        asking.shutdown(Shutdown::Write).expect("is open");
    });
    let mut answer = Vec::new();
    stranger
        .read_to_end(&mut answer)
        .expect("ends in good order");
    asking.join().expect("all was asked");
    assert!(answer == question);
}

#[test]
fn at_the_limit_strangers_wait_until_another_goes() {
    let echo = start(Strangers::Echo, |builder| {
        builder.listen(loopback()).limits(limits(2))
    });
    let mut inside = Vec::new();
    for _ in 0..2 {
        inside.push(TcpStream::connect(address(&echo)).expect("connects"));
    }
    for _ in 0..2 {
        assert!(matches!(
            echo.see(),
            Seen::Stream(_, StreamInput::Accepted { .. })
        ));
    }
    let mut waiting = TcpStream::connect(address(&echo)).expect("the system answers");
    waiting
        .write_all(b"let me in")
        .expect("the system takes it");
    // The ones inside are served, and nobody else is seen.
    inside[0].write_all(b"hello").expect("is open");
    inside[0].read_exact(&mut [0; 5]).expect("is echoed");
    assert!(matches!(
        echo.see(),
        Seen::Stream(_, StreamInput::Received(_))
    ));
    inside.clear();
    waiting.read_exact(&mut [0; 9]).expect("is let in");
}

#[test]
fn beyond_the_limit_the_nodes_own_connections_end_at_once() {
    let listener = TcpListener::bind(loopback()).expect("a socket can be had");
    let there = Endpoint::from(listener.local_addr().expect("is bound"));
    let node = start(Strangers::Ignore, |builder| builder.limits(limits(1)));
    node.tell(move |io| {
        io.connect(Target::Endpoint(there));
        io.connect(Target::Endpoint(there));
    });
    let (mut connected, mut refused) = (0, 0);
    for _ in 0..2 {
        match node.see() {
            Seen::Stream(_, StreamInput::Connected { .. }) => connected += 1,
            Seen::Stream(_, StreamInput::Closed(CloseReason::TooMany)) => refused += 1,
            other @ (Seen::Stream(..) | Seen::Disk(_)) => panic!("{other:?}"),
        }
    }
    assert_eq!((connected, refused), (1, 1));
}

#[test]
fn few_are_half_open_at_a_time_and_all_are_served() {
    let listener = TcpListener::bind(loopback()).expect("a socket can be had");
    let there = Endpoint::from(listener.local_addr().expect("is bound"));
    let node = start(Strangers::Ignore, |builder| {
        builder.limits(Limits {
            half_open: 1,
            ..Limits::default()
        })
    });
    let nowhere: Endpoint = "127.77.77.77:9".parse().expect("an endpoint");
    node.tell(move |io| {
        for _ in 0..10 {
            io.connect(Target::Endpoint(there));
            io.connect(Target::Endpoint(nowhere));
        }
    });
    let (mut connected, mut refused) = (0, 0);
    for _ in 0..20 {
        match node.see() {
            Seen::Stream(_, StreamInput::Connected { .. }) => connected += 1,
            Seen::Stream(_, StreamInput::Closed(CloseReason::Refused)) => refused += 1,
            other @ (Seen::Stream(..) | Seen::Disk(_)) => panic!("{other:?}"),
        }
    }
    assert_eq!((connected, refused), (10, 10));
}

#[test]
fn both_families_share_a_port_and_are_told_apart() {
    let echo = start(Strangers::Echo, |builder| {
        let free = TcpListener::bind(loopback()).expect("a socket can be had");
        let port = free.local_addr().expect("is bound").port();
        builder
            .listen(([0, 0, 0, 0], port).into())
            .listen(([0; 8], port).into())
    });
    let port = address(&echo).port();
    for (at, host) in ["127.0.0.1", "::1"].into_iter().enumerate() {
        let _stranger = TcpStream::connect((host, port)).expect("connects");
        let knocked = echo.see_first(|seen| match seen {
            Seen::Stream(_, StreamInput::Accepted { listener, from }) => Some((listener, from)),
            Seen::Stream(..) | Seen::Disk(_) => None,
        });
        assert_eq!(usize::from(knocked.0.0), at);
        assert_eq!(knocked.1.ip().to_string(), host);
        assert_eq!(knocked.0, ListenerId(at as u16));
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind(loopback()).expect("a socket can be had");
    let address = taken.local_addr().expect("is bound");
    let builder: Builder<Script> = Script::builder(Strangers::Ignore);
    let error = builder.listen(address).start(|_| {}).expect_err("is taken");
    assert_eq!(
        error,
        StartError::Listen {
            address,
            reason: std::io::ErrorKind::AddrInUse
        }
    );
    assert!(error.to_string().contains(&address.to_string()));
}
