//! What happens in an experiment: who comes and goes, who asks for what, who knows whom.
//!
//! Everything here is a pure function of a [`Seed`](machine::Seed): a list of what is to happen and
//! when, which an experiment then lets happen in the simulator. So a scenario can be looked at,
//! counted and tested without any network, and the same one can be played to different protocols.
//!
//! - [`Lifetime`]: how long nodes stay: for ever, exponential, Weibull, Pareto.
//! - [`Churn`]: joins, graceful leaves and crashes that follow from lifetimes, or from a file
//!   ([`read_trace`]); [`casualties`]: who is struck by a mass failure.
//! - [`Poisson`], [`Zipf`], [`Workload`]: requests at random moments for things of different
//!   popularity.
//! - [`Graph`]: who knows whom at first, by the usual random graphs or from a file.

#![forbid(unsafe_code)]

mod chance;
mod churn;
mod graph;
mod lifetime;
mod trace;
mod workload;

pub use churn::{Change, Churn, Story, What, casualties};
pub use graph::{Graph, GraphError};
pub use lifetime::Lifetime;
pub use trace::{TraceError, read_trace};
pub use workload::{Mix, Poisson, Request, Verb, Workload, Zipf};
