//! The simulator as a stage.

use core::time::Duration;

use machine::{Endpoint, FileId, Seed};
use simulator::{Bandwidth, Config, Content, NodeConfig, NodeId, Simulation};

use crate::{Actor, Command, Part, Puppet, Sight, Stage};

/// Puppets in a simulated world.
#[derive(Debug)]
pub struct SimulatorStage {
    simulation: Simulation<Puppet>,
    seen: Vec<Vec<Sight>>,
    /// The link of each puppet, in both directions.
    link: Bandwidth,
}

/// What has not happened after so much simulated time never will.
const PATIENCE: Duration = Duration::from_secs(3600);

impl SimulatorStage {
    /// A stage in a world of the simulator's usual properties.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Config::new(Seed(1)), Bandwidth::UNLIMITED)
    }

    /// A stage in a world of one's choice, where all have such a link.
    #[must_use]
    pub fn of(config: Config, link: Bandwidth) -> Self {
        Self {
            simulation: Simulation::new(config, ()),
            seen: Vec::new(),
            link,
        }
    }

    fn collect(&mut self) {
        for (NodeId(node), _, sight) in self.simulation.take_events() {
            self.seen[node as usize].push(sight);
        }
    }

    fn id(actor: Actor) -> NodeId {
        NodeId(u32::try_from(actor.0).expect("a node's number"))
    }
}

impl Default for SimulatorStage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage for SimulatorStage {
    fn start(&mut self, part: Part) -> Actor {
        let actor = Actor(self.seen.len());
        self.seen.push(Vec::new());
        let endpoint = simulator::endpoint(Self::id(actor).0 + 1);
        let config = NodeConfig::at(endpoint)
            .with_link(self.link, self.link)
            .with_slots(part.slots);
        let id = self.simulation.add(part.puppet, config);
        for (file, len, bytes) in part.files {
            let content = if bytes.is_empty() {
                Content::Absent
            } else {
                Content::Bytes(bytes)
            };
            self.simulation.disk(id).register(file, len, content);
        }
        actor
    }

    fn endpoint(&self, actor: Actor) -> Endpoint {
        self.simulation.endpoint(Self::id(actor))
    }

    fn host_name(&mut self, actor: Actor) -> String {
        let name = format!("host-{}.test", actor.0);
        let address = self.endpoint(actor).ip();
        self.simulation.name(&name, &[address]);
        name
    }

    fn deserted(&mut self) -> Endpoint {
        let host = self.start(Part::of(Puppet::idle()));
        self.endpoint(host).with_port(1)
    }

    fn throw(&mut self, to: Actor, bytes: &[u8]) {
        let (stranger, to) = (simulator::endpoint(u32::MAX), self.endpoint(to));
        self.simulation.throw(stranger, to, bytes.to_vec());
    }

    fn tell(&mut self, actor: Actor, command: Command) {
        self.simulation.command(Self::id(actor), command);
        self.collect();
    }

    fn wait(&mut self, actor: Actor, done: &mut dyn FnMut(&[Sight]) -> bool) {
        let limit = self.simulation.now() + PATIENCE;
        while !done(&self.seen[actor.0]) {
            assert!(
                self.simulation.now() < limit && self.simulation.step(),
                "waited in vain; {actor:?} saw {:?}",
                self.seen[actor.0]
            );
            self.collect();
        }
    }

    fn linger(&mut self, time: Duration) {
        self.simulation.run_for(time);
        self.collect();
    }

    fn seen(&self, actor: Actor) -> &[Sight] {
        &self.seen[actor.0]
    }

    fn file(&self, actor: Actor, file: FileId) -> Vec<u8> {
        self.simulation.disk_of(Self::id(actor)).bytes(file)
    }
}
