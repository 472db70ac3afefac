//! Streams under TLS: a server whose name is proven, and servers whose name is not.
//!
//! Whom to trust is read from `SSL_CERT_FILE`, once for a process; so the test makes an authority,
//! starts servers, and then runs itself again in a process that trusts this authority.

mod script;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use machine::{CloseReason, FileId, FileSpan, Security, StreamInput, Target};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use runtime::{Access, Place, Root};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use script::{Running, Seen, Strangers, start};

/// Set in the inner process: the ports of the secure and of the plain server.
const PORTS: &str = "MANYHOP_TEST_PORTS";

/// Longer than the cipher buffers at a time, so that it must be asked for more.
const LONG: usize = 1_000_000;

#[test]
fn a_name_is_proven_or_there_is_no_connection() {
    match std::env::var(PORTS) {
        Ok(ports) => {
            let mut ports = ports.split(' ').map(|port| port.parse().expect("a port"));
            let secure = ports.next().expect("two ports");
            proven_names_are_spoken_to(secure);
            for (host, port) in [
                ("127.0.0.2", secure),
                ("localhost", ports.next().expect("two ports")),
            ] {
                unproven_names_are_not_spoken_to(host, port);
            }
        }
        Err(_) => run_with_servers(),
    }
}

fn run_with_servers() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = authority();
    let trusted = folder.path().join("trusted.pem");
    std::fs::write(&trusted, authority.pem()).expect("is written");
    let config = Arc::new(server_config(&authority));
    let secure = serve(move |stream| {
        let session = ServerConnection::new(Arc::clone(&config)).expect("a good configuration");
        let mut stream = StreamOwned::new(session, stream);
        // Who does not trust us says so, and there is nothing to echo.
        let mut bytes = vec![0; 2 * LONG + 5];
        if stream.read_exact(&mut bytes).is_ok() {
            stream.write_all(&bytes).expect("is read");
            stream.conn.send_close_notify();
            stream.flush().expect("is read");
        }
    });
    let plain = serve(|mut stream| drop(stream.write_all(b"220 this is another protocol\r\n")));
    let inner = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "a_name_is_proven_or_there_is_no_connection"])
        .env("SSL_CERT_FILE", trusted)
        .env(PORTS, format!("{} {}", secure.port(), plain.port()))
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&inner.stdout);
    assert!(inner.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

/// Long messages and stretches of a file go to and fro, and the end is a proven one.
fn proven_names_are_spoken_to(port: u16) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), vec![7; LONG]).expect("is written");
    let node = start(Strangers::Ignore, |builder| builder);
    let root = Root::open(folder.path()).expect("opens");
    let place = Place::new(&root, ["file"], LONG as u64, Access::ReadOnly).expect("a plain name");
    node.handle.files().register(FileId(1), place);
    node.tell(move |io| {
        let conn = io.connect(target("localhost", port));
        io.send(conn, b"hello");
        io.send_span(
            conn,
            FileSpan {
                file: FileId(1),
                offset: 0,
                len: LONG as u32,
            },
        );
        io.send_bytes(conn, vec![9; LONG].into());
    });
    let mut echoed = Vec::new();
    let reason = loop {
        match node.see() {
            Seen::Stream(_, StreamInput::Received(bytes)) => echoed.extend_from_slice(&bytes),
            Seen::Stream(_, StreamInput::Closed(reason)) => break reason,
            Seen::Stream(..) | Seen::Disk(_) => {}
        }
    };
    assert!(echoed == [&b"hello"[..], &vec![7; LONG], &vec![9; LONG]].concat());
    assert_eq!(reason, CloseReason::ByPeer);
}

fn unproven_names_are_not_spoken_to(host: &'static str, port: u16) {
    let node: Running = start(Strangers::Ignore, |builder| builder);
    node.tell(move |io| {
        let conn = io.connect(target(host, port));
        io.send(conn, b"secret");
    });
    match node.see() {
        Seen::Stream(_, StreamInput::Closed(reason)) => assert_eq!(reason, CloseReason::Insecure),
        other @ (Seen::Stream(..) | Seen::Disk(_)) => panic!("{host}: {other:?}"),
    }
}

fn target(host: &str, port: u16) -> Target {
    Target::Host {
        name: host.into(),
        port,
        security: Security::Tls,
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("chance can be had");
    CertifiedIssuer::self_signed(authority, key).expect("signs for itself")
}

/// A server that can prove to be `localhost`, and nobody else.
fn server_config(authority: &CertifiedIssuer<'_, KeyPair>) -> ServerConfig {
    let key = KeyPair::generate().expect("chance can be had");
    let names = CertificateParams::new(["localhost".into()]).expect("a name");
    let certificate = names.signed_by(&key, authority).expect("signs");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("they belong together")
}

/// Serves every connection on a thread of its own, until the process ends.
fn serve(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("0.0.0.0", 0)).expect("a socket can be had");
    let address = listener.local_addr().expect("is bound");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    address
}
