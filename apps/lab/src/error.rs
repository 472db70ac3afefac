//! What an experiment cannot be run for, and what to try next.

use crate::numbers;

/// Why nothing was run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LabError {
    /// There is no such experiment.
    #[error("there is no experiment `{name}`")]
    NoSuchExperiment {
        /// What was written.
        name: String,
        /// The nearest one there is.
        nearest: Option<&'static str>,
    },
    /// The experiment has no such parameter.
    #[error("`{experiment}` has no parameter `{name}`")]
    NoSuchParameter {
        /// The experiment.
        experiment: &'static str,
        /// What was written.
        name: String,
        /// What can be said instead.
        advice: String,
    },
    /// A parameter cannot be that.
    #[error("`{name}`: {problem}")]
    Setting {
        /// The parameter.
        name: String,
        /// What is wrong.
        problem: String,
        /// How it is written.
        advice: String,
    },
    /// Something else that was written is wrong.
    #[error("{problem}")]
    Written {
        /// What is wrong.
        problem: String,
        /// What would be right.
        advice: String,
    },
    /// Something in a scenario file is wrong.
    #[error("line {line}: {problem}")]
    Scenario {
        /// Where, counted from 1.
        line: usize,
        /// What is wrong, with its key.
        problem: String,
        /// What would be right.
        advice: String,
    },
    /// The simulated world would not fit into the memory.
    #[error(
        "{case} needs about {} of memory, and {} are free",
        numbers::bytes(*needed), numbers::bytes(*available)
    )]
    TooBig {
        /// The case.
        case: String,
        /// What it needs, in bytes.
        needed: u64,
        /// What there is, in bytes.
        available: u64,
        /// How many nodes would fit, if it has nodes.
        nodes_that_fit: Option<u64>,
    },
}

impl LabError {
    /// The next thing to try.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoSuchExperiment { nearest, .. } => match nearest {
                Some(name) => format!("did you mean `{name}`? `manyhop lab list` shows all"),
                None => "`manyhop lab list` shows all".into(),
            },
            Self::NoSuchParameter { advice, .. }
            | Self::Setting { advice, .. }
            | Self::Written { advice, .. }
            | Self::Scenario { advice, .. } => advice.clone(),
            Self::TooBig { nodes_that_fit, .. } => match nodes_that_fit {
                Some(nodes) => format!(
                    "about {} nodes fit: --nodes {nodes}",
                    numbers::count(*nodes)
                ),
                None => "make it smaller, or free some memory".into(),
            },
        }
    }
}
