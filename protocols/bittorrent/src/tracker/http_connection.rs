//! One connection with a web server: what was asked on it and what has come back.

use super::failure::Failure;
use super::http::{self, BODY_MAX};
use super::trackers::Ask;
use super::url::Origin;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use bytes::Bytes;
use wire::http::{Body, Framing, RequestHead, ResponseHead, Url, decode_content, take_head};
use wire::{Malformed, StreamBuffer};

/// An announce on its way through web servers.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) ask: Ask,
    /// Where the last redirection sent us; `None` while none did.
    moved_to: Option<Box<Url>>,
    redirects: u8,
}

/// One connection with a web server.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) origin: Origin,
    pub(super) phase: Phase,
    /// What was asked and not yet answered, in the order of the answers; `None` in the place of
    /// what was called off.
    pub(super) asked: VecDeque<Option<Errand>>,
    /// How many answers have come.
    pub(super) answered: u32,
    incoming: StreamBuffer,
    /// The answer that is coming in.
    answer: Option<(ResponseHead, Body)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Connecting,
    Open,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// What it answers; `None` if nobody wants to know any more.
    pub(super) errand: Option<Errand>,
    pub(super) head: ResponseHead,
    body: Body,
    pub(super) then: Then,
}

/// What becomes of a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The server waits for more questions.
    Stays,
    /// The server closes it.
    Ends,
}

impl Errand {
    pub(super) const fn new(ask: Ask) -> Self {
        Self {
            ask,
            moved_to: None,
            redirects: 0,
        }
    }

    pub(super) fn request(&self) -> RequestHead {
        let url = self.url();
        let target = match &self.moved_to {
            // Who redirects an announce repeats its query in the new place.
            Some(moved_to) => Cow::Borrowed(moved_to.target.as_str()),
            None => {
                let order = &self.ask.order;
                let tracker_id = order.tracker_id.as_deref();
                Cow::Owned(http::announce_target(
                    &url.target,
                    &order.announce,
                    tracker_id,
                ))
            }
        };
        http::request(url, &target)
    }

    /// Follows a redirection to another URL, unless there were too many.
    pub(super) fn moved(
        &mut self,
        location: Option<&str>,
        redirects_max: u8,
    ) -> Result<Origin, Failure> {
        let url = location.and_then(|location| self.url().join(location).ok());
        let url = url.filter(|url| url.scheme != wire::http::Scheme::Udp);
        match url {
            Some(url) if self.redirects < redirects_max => {
                self.redirects += 1;
                let origin = Origin::of(&url);
                self.moved_to = Some(Box::new(url));
                Ok(origin)
            }
            _ => Err(Failure::Astray(self.redirects)),
        }
    }

    fn url(&self) -> &Url {
        self.moved_to
            .as_deref()
            .unwrap_or_else(|| self.ask.order.tracker.url())
    }
}

impl Connection {
    pub(super) const fn new(origin: Origin) -> Self {
        Self {
            origin,
            phase: Phase::Connecting,
            asked: VecDeque::new(),
            answered: 0,
            incoming: StreamBuffer::new(),
            answer: None,
        }
    }

    /// Takes bytes of the server.
    pub(super) fn received(&mut self, bytes: Bytes) {
        self.incoming.push(bytes);
    }

    /// Takes out an answer if one is whole.
    ///
    /// # Errors
    /// What the server got wrong; the connection is of no more use then.
    pub(super) fn next_answer(&mut self) -> Result<Option<Answer>, Malformed> {
        loop {
            let (head, mut body) = match self.answer.take() {
                Some(begun) => begun,
                None if self.incoming.is_empty() => return Ok(None),
                None if self.asked.is_empty() => {
                    return Err(Malformed::invalid(
                        "answer",
                        0,
                        "nothing, for nothing was asked",
                    ));
                }
                None => match take_head(&mut self.incoming)? {
                    None => {
                        self.incoming.compact();
                        return Ok(None);
                    }
                    Some(head) => {
                        let head = ResponseHead::parse(&head)?;
                        let body = Body::new(framing(&head)?, BODY_MAX)?;
                        (head, body)
                    }
                },
            };
            body.push_from(&mut self.incoming)?;
            let is_interim = (100..200).contains(&head.status);
            if !body.is_done() {
                self.answer = Some((head, body));
                return Ok(None);
            }
            if !is_interim {
                return Ok(self.answer_of(head, body));
            }
        }
    }

    /// Takes out the answer that was to last until the connection closed, now that it has.
    pub(super) fn last_answer(&mut self) -> Option<Answer> {
        let (head, mut body) = self.answer.take()?;
        body.close().ok()?;
        self.answer_of(head, body)
    }

    /// Tells whether part of an answer has come.
    pub(super) fn is_answering(&self) -> bool {
        self.answer.is_some() || !self.incoming.is_empty()
    }

    fn answer_of(&mut self, head: ResponseHead, body: Body) -> Option<Answer> {
        let errand = self.asked.pop_front()?;
        self.answered = self.answered.saturating_add(1);
        let stays = head.keeps_alive() && framing(&head) != Ok(Framing::UntilClose);
        let then = if stays { Then::Stays } else { Then::Ends };
        Some(Answer {
            errand,
            head,
            body,
            then,
        })
    }
}

impl Answer {
    /// Reads the answer: what it brings, or where it points.
    pub(super) fn read(self) -> (Option<Errand>, Read) {
        let Self {
            errand, head, body, ..
        } = self;
        let location = head.headers.find("Location").map(Into::into);
        let read = match head.status {
            301 | 302 | 303 | 307 | 308 => Read::Moved(location),
            status => {
                let body = decode_content(&head.headers, body.into_bytes(), BODY_MAX);
                let result = body
                    .map_err(Failure::from)
                    .and_then(|b| http::parse_announce(&b));
                Read::Result(Box::new(match result {
                    // A refusal in the tracker's own words says more than a number.
                    Err(refused @ Failure::Refused { .. }) => Err(refused),
                    _ if status != 200 => Err(Failure::Status(status)),
                    result => result,
                }))
            }
        };
        (errand, read)
    }
}

/// What an answer turned out to be.
#[derive(Debug)]
pub(super) enum Read {
    Result(Box<Result<super::announce::AnnounceOutcome, Failure>>),
    /// One should ask elsewhere; where, if it says so.
    Moved(Option<Box<str>>),
}

fn framing(head: &ResponseHead) -> Result<Framing, Malformed> {
    Framing::of_response(&RequestHead::new("GET", "/"), head)
}
