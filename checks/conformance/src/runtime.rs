//! The stage of the real world: sockets of the loopback, files of a temporary folder.

use core::time::Duration;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use ::runtime::{Access, Builder, Files, Handle, Place, Root};
use machine::{Endpoint, FileId};
use tempfile::TempDir;

use crate::{Actor, Command, Part, Puppet, Sight, Stage};

/// After this time without what is waited for, it will never come. Far more than anything here
/// takes, for a busy machine may be slow.
const NEVER: Duration = Duration::from_secs(30);

/// How long to wait for news before looking at all actors again.
const GLANCE: Duration = Duration::from_millis(5);

/// How often to try for a port that is free for streams and datagrams alike.
const PORT_TRIES: usize = 20;

/// Held while a port is looked for.
static PORTS: Mutex<()> = Mutex::new(());

/// A host of the loopback, where none of these tests listens; port 9 throws away, by custom.
const DESERTED: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 77, 77, 77), 9);

/// Puppets on real sockets.
#[derive(Debug)]
pub struct RuntimeStage {
    folder: TempDir,
    actors: Vec<OnStage>,
}

#[derive(Debug)]
struct OnStage {
    handle: Handle<Puppet>,
    sights: Receiver<Sight>,
    seen: Vec<Sight>,
}

impl RuntimeStage {
    /// An empty stage.
    #[must_use]
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().expect("temporary folders can be made"),
            actors: Vec::new(),
        }
    }

    fn folder_of(&self, actor: Actor) -> PathBuf {
        self.folder.path().join(actor.0.to_string())
    }

    /// Puts the files of a part into its folder.
    fn lay_out(&self, actor: Actor, files: Vec<(FileId, u64, Vec<u8>)>) -> Files {
        let folder = self.folder_of(actor);
        let root = Root::create(&folder).expect("folders can be made");
        let registry = Files::new();
        for (file, len, bytes) in files {
            let name = name_of(file);
            if !bytes.is_empty() {
                std::fs::write(folder.join(&name), bytes).expect("files can be written");
            }
            let place = Place::new(&root, [name], len, Access::ReadWrite);
            registry.register(file, place.expect("a plain name"));
        }
        registry
    }

    /// Takes in what the actors have seen.
    fn look(&mut self) {
        for actor in &mut self.actors {
            actor.seen.extend(actor.sights.try_iter());
        }
    }
}

impl Default for RuntimeStage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage for RuntimeStage {
    fn start(&mut self, part: Part) -> Actor {
        let actor = Actor(self.actors.len());
        let files = self.lay_out(actor, part.files);
        let (sender, sights) = mpsc::channel();
        // Between finding a port and taking it, no other test may find the same.
        let _alone = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
        let address = free_address();
        let handle = Builder::new(part.puppet, ())
            .listen(address)
            .datagrams(address)
            .slots(part.slots)
            .files(files)
            .start(move |sight| {
                // At the end of a test nobody looks any more.
                let _ = sender.send(sight);
            })
            .expect("the address is free");
        self.actors.push(OnStage {
            handle,
            sights,
            seen: Vec::new(),
        });
        actor
    }

    fn endpoint(&self, actor: Actor) -> Endpoint {
        self.actors[actor.0].handle.listeners()[0].into()
    }

    fn host_name(&mut self, _actor: Actor) -> String {
        "localhost".into()
    }

    fn deserted(&mut self) -> Endpoint {
        SocketAddr::from(DESERTED).into()
    }

    fn throw(&mut self, to: Actor, bytes: &[u8]) {
        let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket can be had");
        let there = SocketAddr::from(self.endpoint(to));
        stranger.send_to(bytes, there).expect("the loopback sends");
    }

    fn tell(&mut self, actor: Actor, command: Command) {
        self.actors[actor.0].handle.command(command);
    }

    fn wait(&mut self, actor: Actor, done: &mut dyn FnMut(&[Sight]) -> bool) {
        let patience = Instant::now() + NEVER;
        loop {
            self.look();
            if done(&self.actors[actor.0].seen) {
                // What led to it was seen before it, perhaps by others.
                self.look();
                return;
            }
            let waiting = &mut self.actors[actor.0];
            assert!(Instant::now() < patience, "never: {:?}", waiting.seen);
            match waiting.sights.recv_timeout(GLANCE) {
                Ok(sight) => waiting.seen.push(sight),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    // Its thread has ended: this panics as the puppet did.
                    waiting.handle.join();
                    panic!("ended: {:?}", waiting.seen);
                }
            }
        }
    }

    fn linger(&mut self, time: Duration) {
        thread::sleep(time);
        self.look();
    }

    fn seen(&self, actor: Actor) -> &[Sight] {
        &self.actors[actor.0].seen
    }

    fn file(&self, actor: Actor, file: FileId) -> Vec<u8> {
        std::fs::read(self.folder_of(actor).join(name_of(file))).unwrap_or_default()
    }
}

impl Drop for RuntimeStage {
    fn drop(&mut self) {
        for actor in &self.actors {
            actor.handle.stop();
        }
        if thread::panicking() {
            return;
        }
        for actor in &self.actors {
            actor.handle.join();
        }
    }
}

/// An address whose port is free for streams and datagrams alike.
fn free_address() -> SocketAddr {
    for _ in 0..PORT_TRIES {
        let streams = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket can be had");
        let address = streams.local_addr().expect("it is bound");
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port is free for streams and datagrams alike");
}

fn name_of(file: FileId) -> String {
    format!("file-{}", file.0)
}
