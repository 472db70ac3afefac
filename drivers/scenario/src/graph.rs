//! Who knows whom at first: the usual random graphs.

use std::collections::BTreeSet;

use machine::Seed;

use crate::chance::{Purpose, below, rng, strikes};

/// Who knows whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    neighbours: Vec<Vec<u32>>,
}

/// A file that is no graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A line is not two numbers of nodes.
    #[error("line {line}: {text:?} is not the numbers of two nodes")]
    NotAnEdge {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A line names a node that there is not.
    #[error("line {line}: there is no node {node} of {nodes}")]
    NoSuchNode {
        /// The line, from 1.
        line: usize,
        /// The node.
        node: u32,
        /// How many there are.
        nodes: u32,
    },
}

impl Graph {
    /// Each knows `degree` others at random, who need not know it: what a list of hosts gives.
    #[must_use]
    pub fn random_out(seed: Seed, nodes: u32, degree: u32) -> Self {
        let mut graph = Self::empty(nodes);
        let degree = degree.min(nodes.saturating_sub(1));
        for node in 0..nodes {
            let mut rng = rng(seed, Purpose::Graph, node);
            let mut known = BTreeSet::new();
            while known.len() < degree as usize {
                let other = below(&mut rng, nodes);
                if other != node {
                    known.insert(other);
                }
            }
            graph.neighbours[node as usize] = known.into_iter().collect();
        }
        graph
    }

    /// Each knows the `reach` nearest on either side of a ring.
    #[must_use]
    pub fn ring_lattice(nodes: u32, reach: u32) -> Self {
        let mut graph = Self::empty(nodes);
        for node in 0..nodes {
            for step in 1..=reach {
                graph.join(
                    node,
                    ((u64::from(node) + u64::from(step)) % u64::from(nodes)) as u32,
                );
            }
        }
        graph
    }

    /// A ring lattice of which each edge is turned to a random node with a probability (Watts,
    /// Strogatz 1998): a few long ways make a small world.
    #[must_use]
    pub fn small_world(seed: Seed, nodes: u32, reach: u32, turned: f64) -> Self {
        let mut graph = Self::ring_lattice(nodes, reach);
        for node in 0..nodes {
            let mut rng = rng(seed, Purpose::Graph, node);
            for step in 1..=reach {
                let next = ((u64::from(node) + u64::from(step)) % u64::from(nodes)) as u32;
                let full = graph.degree(node) as u64 + 1 >= u64::from(nodes);
                if !strikes(&mut rng, turned) || full || !graph.knows(node, next) {
                    continue;
                }
                let other = loop {
                    let other = below(&mut rng, nodes);
                    if other != node && !graph.knows(node, other) {
                        break other;
                    }
                };
                graph.part(node, next);
                graph.join(node, other);
            }
        }
        graph
    }

    /// Each newcomer joins `links` of the older ones, the more likely the more know them already
    /// (Barabasi, Albert 1999): degrees fall as a power.
    #[must_use]
    pub fn preferential(seed: Seed, nodes: u32, links: u32) -> Self {
        let mut graph = Self::empty(nodes);
        let mut rng = rng(seed, Purpose::Graph, nodes);
        // Each node stands here as often as it has edges.
        let mut ends = Vec::new();
        for node in 1..nodes {
            let mut chosen = BTreeSet::new();
            if node <= links {
                chosen.extend(0..node);
            }
            while chosen.len() < links.min(node) as usize {
                let end = rng.index(ends.len()).map(|index| ends[index]);
                chosen.extend(end);
            }
            for &other in &chosen {
                graph.join(node, other);
                ends.extend([node, other]);
            }
        }
        graph
    }

    /// Each but the first knows its parent, and up to `children` children.
    #[must_use]
    pub fn tree(nodes: u32, children: u32) -> Self {
        let mut graph = Self::empty(nodes);
        for node in 1..nodes {
            graph.join(node, (node - 1) / children.max(1));
        }
        graph
    }

    /// Reads edges: a line has the numbers of two nodes, from 0, who know each other; what begins
    /// with `#` is a comment.
    ///
    /// # Errors
    /// When a line is no edge, or names a node beyond `nodes`.
    pub fn read(text: &str, nodes: u32) -> Result<Self, GraphError> {
        let mut graph = Self::empty(nodes);
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let numbers: Option<Vec<u32>> = text
                .split_whitespace()
                .map(|word| word.parse().ok())
                .collect();
            let Some(&[one, other]) = numbers.as_deref() else {
                let text = text.into();
                return Err(GraphError::NotAnEdge { line, text });
            };
            if let Some(node) = [one, other].into_iter().find(|&node| node >= nodes) {
                return Err(GraphError::NoSuchNode { line, node, nodes });
            }
            if one != other && !graph.knows(one, other) {
                graph.join(one, other);
            }
        }
        Ok(graph)
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        u32::try_from(self.neighbours.len()).expect("made of so many")
    }

    /// Whom a node knows; none if there is no such node.
    #[must_use]
    pub fn neighbours(&self, node: u32) -> &[u32] {
        self.neighbours
            .get(node as usize)
            .map_or(&[], Vec::as_slice)
    }

    /// How many a node knows.
    #[must_use]
    pub fn degree(&self, node: u32) -> usize {
        self.neighbours(node).len()
    }

    fn empty(nodes: u32) -> Self {
        Self {
            neighbours: vec![Vec::new(); nodes as usize],
        }
    }

    fn knows(&self, one: u32, other: u32) -> bool {
        self.neighbours(one).contains(&other)
    }

    fn join(&mut self, one: u32, other: u32) {
        if one != other && !self.knows(one, other) {
            self.neighbours[one as usize].push(other);
            self.neighbours[other as usize].push(one);
        }
    }

    fn part(&mut self, one: u32, other: u32) {
        self.neighbours[one as usize].retain(|&known| known != other);
        self.neighbours[other as usize].retain(|&known| known != one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: u32 = 2000;

    fn edges(graph: &Graph) -> usize {
        (0..graph.nodes())
            .map(|node| graph.degree(node))
            .sum::<usize>()
            / 2
    }

    /// The share of a node's pairs of neighbours who know each other, on the mean.
    fn clustering(graph: &Graph) -> f64 {
        let of = |node| {
            let known = graph.neighbours(node);
            let pairs = (0..known.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
            let joined = pairs.filter(|&(one, other)| graph.knows(known[one], known[other]));
            let all = known.len() * known.len().saturating_sub(1) / 2;
            joined.count() as f64 / all.max(1) as f64
        };
        (0..graph.nodes()).map(of).sum::<f64>() / f64::from(graph.nodes())
    }

    #[test]
    fn random_neighbours_are_spread_evenly() {
        let graph = Graph::random_out(Seed(1), NODES, 10);
        let mut known_by = vec![0u32; NODES as usize];
        for node in 0..NODES {
            assert_eq!(graph.degree(node), 10);
            assert!(!graph.knows(node, node));
            for &other in graph.neighbours(node) {
                known_by[other as usize] += 1;
            }
        }
        // Binomial with mean 10: the variance is 10 too; its standard error is 0.32.
        let squares: f64 = known_by
            .iter()
            .map(|&count| (f64::from(count) - 10.0).powi(2))
            .sum();
        let variance = squares / f64::from(NODES);
        assert!((variance - 9.95).abs() < 1.9, "{variance}");
        assert_ne!(graph, Graph::random_out(Seed(2), NODES, 10));
        assert_eq!(Graph::random_out(Seed(1), 3, 10).degree(0), 2);
    }

    #[test]
    fn a_small_world_lies_between_a_lattice_and_chance() {
        let reach = 5;
        let lattice = Graph::ring_lattice(NODES, reach);
        // 3 (k - 2) / 4 (k - 1) for k neighbours (Watts, Strogatz 1998).
        let of_lattice = 3.0 * 8.0 / (4.0 * 9.0);
        assert!((clustering(&lattice) - of_lattice).abs() < 1e-9);
        let turned = 0.1;
        let world = Graph::small_world(Seed(1), NODES, reach, turned);
        assert_eq!(edges(&world), edges(&lattice));
        // A triangle stands while none of its three edges is turned (Barrat, Weigt 2000).
        let expected = of_lattice * (1.0_f64 - turned).powi(3);
        let found = clustering(&world);
        assert!(
            (found - expected).abs() < 0.02,
            "{found} instead of {expected}"
        );
        assert_eq!(Graph::small_world(Seed(1), NODES, reach, 0.0), lattice);
    }

    #[test]
    fn preference_makes_a_power_law() {
        let (nodes, links) = (20_000, 3);
        let graph = Graph::preferential(Seed(1), nodes, links);
        assert_eq!(
            edges(&graph),
            (nodes * links - links * (links + 1) / 2) as usize
        );
        // P(degree >= k) = m (m + 1) / k (k + 1) in the limit (Bollobas et al. 2001).
        for least in [6, 12, 24] {
            let share = f64::from(links * (links + 1)) / f64::from(least * (least + 1));
            let found = (0..nodes)
                .filter(|&node| graph.degree(node) >= least as usize)
                .count();
            let found = found as f64 / f64::from(nodes);
            assert!(
                (found - share).abs() < 0.15 * share,
                "{least}: {found}, not {share}"
            );
        }
    }

    #[test]
    fn a_tree_has_one_way_to_each() {
        let graph = Graph::tree(13, 3);
        assert_eq!(edges(&graph), 12);
        assert_eq!(graph.neighbours(0), [1, 2, 3]);
        assert_eq!(graph.neighbours(1), [0, 4, 5, 6]);
        assert_eq!(graph.neighbours(12), [3]);
    }

    #[test]
    fn a_file_is_read_or_told_what_is_wrong() {
        let graph = Graph::read("# a path\n0 1\n1 2\n1 0\n2 2\n", 3).expect("a graph");
        assert_eq!([0, 1, 2].map(|node| graph.degree(node)), [1, 2, 1]);
        let error = |text| Graph::read(text, 3).expect_err("no graph").to_string();
        assert_eq!(
            error("0 1\n1"),
            "line 2: \"1\" is not the numbers of two nodes"
        );
        assert_eq!(error("0 3"), "line 1: there is no node 3 of 3");
    }
}
