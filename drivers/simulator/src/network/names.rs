//! Names of hosts, answered at once and from one list.

use core::net::IpAddr;

use machine::{Endpoint, JobId, Protocol, ResolveError};

use crate::engine::event::{NodeId, What};
use crate::engine::work::Work;

impl<P: Protocol> Work<'_, P> {
    /// Answers a look-up with the next tick.
    pub(crate) fn resolve(&mut self, id: NodeId, job: JobId, name: &str, port: u16) {
        let result = self.look_up(name, port).ok_or(ResolveError::NotFound);
        self.post(
            self.shard.tick.next(),
            id,
            id,
            What::Resolved { job, result },
        );
    }

    /// The endpoints of a name, or of an address as text; none is an unknown name.
    pub(crate) fn look_up(&self, name: &str, port: u16) -> Option<Vec<Endpoint>> {
        let literal = name.parse::<IpAddr>().ok().map(|address| vec![address]);
        let addresses = literal.or_else(|| self.world.names.get(name).cloned())?;
        let endpoints = addresses
            .iter()
            .map(|&address| Endpoint::new(address, port));
        (!addresses.is_empty()).then(|| endpoints.collect())
    }
}
