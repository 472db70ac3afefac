//! Names to addresses, and the certificates that TLS needs besides.
//!
//! The system's own look-up is the only one that knows all the system's rules (`hosts`, search
//! domains, caches), and it blocks; so it is called on threads of its own.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use machine::{ConnId, JobId, ResolveError, Security};
use mio::Waker;

use super::tls::{self, Secure};
use crate::crew::Crew;

/// How many names are looked up at a time: a dead name server holds a thread for many seconds,
/// and more threads would only wait for the same one.
const THREADS_MAX: NonZeroUsize = NonZeroUsize::new(4).expect("four is not zero");

/// Looks up names.
pub(crate) struct Resolver {
    crew: Crew<Question>,
}

/// Who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A connection that is to be opened.
    Conn(ConnId),
    /// The node itself.
    Job(JobId),
}

/// A name that is to be looked up.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) asker: Asker,
    pub(crate) name: Box<str>,
    pub(crate) port: u16,
    pub(crate) security: Security,
}

/// What is known about a name.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) asker: Asker,
    /// Never empty.
    pub(crate) addresses: Result<Vec<SocketAddr>, ResolveError>,
    /// Whether the stream will be protected.
    pub(crate) protection: Protection,
}

/// What was found out about protecting a stream.
#[derive(Debug)]
pub(crate) enum Protection {
    /// It was not asked for.
    None,
    /// TLS can begin.
    Tls(Secure),
    /// TLS was asked for, but nobody could prove such a name.
    Impossible,
}

impl Resolver {
    /// A resolver that sends its answers to `answers` and then wakes the reader.
    pub(crate) fn new(answers: Sender<Answer>, waker: Arc<Waker>) -> Self {
        let crew = Crew::new(
            "manyhop-names",
            THREADS_MAX,
            NonZeroUsize::MIN,
            move |questions: Vec<Question>| {
                for question in questions {
                    // Nobody listens any more when the runtime has stopped.
                    let _ = answers.send(answer(&question));
                    let _ = waker.wake();
                }
            },
        );
        Self { crew }
    }

    /// Looks up a name; the answer comes later.
    pub(crate) fn ask(&self, question: Question) {
        self.crew.give(question);
    }

    /// Forgets what nobody has begun to look up.
    pub(crate) fn stop(&self) {
        drop(self.crew.recall());
    }
}

fn answer(question: &Question) -> Answer {
    let protection = match question.security {
        Security::Plain => Protection::None,
        Security::Tls => match tls::secure(&question.name) {
            Some(secure) => Protection::Tls(secure),
            None => Protection::Impossible,
        },
    };
    Answer {
        asker: question.asker,
        addresses: addresses(&question.name, question.port),
        protection,
    }
}

fn addresses(name: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    if let Some(address) = literal(name) {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    match (name, port).to_socket_addrs() {
        Ok(found) => {
            let found: Vec<SocketAddr> = found.collect();
            if found.is_empty() {
                Err(ResolveError::NotFound)
            } else {
                Ok(found)
            }
        }
        Err(error) => Err(resolve_error(&error)),
    }
}

/// Reads an address that stands in a name's place, as in `http://[::1]/`.
pub(crate) fn literal(name: &str) -> Option<IpAddr> {
    let inner = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(name).parse().ok()
}

/// The standard library keeps the resolver's error code to itself, but for its text.
fn resolve_error(error: &io::Error) -> ResolveError {
    if error.to_string().contains("Temporary failure") {
        ResolveError::Unavailable
    } else {
        ResolveError::NotFound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_its_own_answer() {
        let expected = |text: &str| Ok(vec![text.parse().expect("an address")]);
        assert_eq!(addresses("127.0.0.1", 80), expected("127.0.0.1:80"));
        assert_eq!(addresses("[::1]", 80), expected("[::1]:80"));
        assert_eq!(addresses("::1", 80), expected("[::1]:80"));
    }

    #[test]
    fn a_name_that_cannot_be_is_not_found() {
        assert_eq!(
            addresses("no name\0at all", 80),
            Err(ResolveError::NotFound)
        );
    }
}
