//! How even consistent hashing is, by the number of tokens each node throws on the ring.

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::ring::{Owners, drawn};
use crate::measure::{Measurements, Spread};
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// Tokens on a ring.
#[derive(Debug)]
pub(crate) struct ConsistentHashing;

const NODES: &str = "nodes";
const TOKENS: &str = "tokens";

const VARIATION: &str = "coefficient of variation of shares";
const MAX: &str = "greatest share";
const MOVED: &str = "keys that move when a node joins";

/// How many tokens a run throws, on as many rings as that makes: small rings differ much.
const TOKENS_A_RUN: usize = 200_000;
const RINGS_MAX: usize = 2000;

static ABOUT: About = About {
    name: "consistent-hashing",
    purpose: "how evenly nodes share a ring, by the number of tokens each throws on it",
    source: "Karger et al. (STOC 1997); tokens as in Dynamo (SOSP 2007), section 4.2",
    notes: &[
        "The share of a node is Beta(v, (n - 1) v), so that its coefficient of variation is exactly \
         sqrt((n - 1) / (n v + 1)). The greatest share at v = 1 is expected to be H(n), the harmonic \
         number, times the mean; the others are judged against an independent simulation.",
        "A run throws 200,000 tokens, on as many rings as they make; percentiles are over rings.",
        "Keys that move when a node joins all move to it; that none moves elsewhere is checked.",
    ],
    parameters: &[
        Parameter::count(NODES, 30, 100_000, "nodes on the ring"),
        Parameter::count(TOKENS, 64, 10_000, "tokens that each node throws"),
    ],
    seeds: Seeds { quick: 4, full: 60 },
};

const TOKEN_COUNTS: [usize; 7] = [1, 8, 16, 64, 128, 256, 1000];

/// The greatest share, times the mean, by nodes and tokens.
const GREATEST: [(usize, [f64; 7]); 4] = [
    (10, [3.05, 1.65, 1.39, 1.20, 1.15, 1.10, 1.05]),
    (30, [3.89, 1.86, 1.58, 1.27, 1.19, 1.14, 1.07]),
    (100, [5.03, 2.07, 1.74, 1.36, 1.24, 1.16, 1.08]),
    (1000, [7.69, 2.55, 2.02, 1.45, 1.30, 1.22, 1.10]),
];

impl Experiment for ConsistentHashing {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let mut cases = Vec::new();
        for (nodes, _) in GREATEST {
            for tokens in TOKEN_COUNTS {
                let case = Case::of(ABOUT.parameters)
                    .with(NODES, nodes as f64)
                    .with(TOKENS, tokens as f64);
                if size == Size::Full || (nodes == 30 && tokens <= 64) {
                    cases.push(case);
                }
            }
        }
        cases
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let (nodes, tokens) = (run.case.count(NODES), run.case.count(TOKENS));
        let mut rng = run.rng(1);
        let mut greatest = Spread::new();
        let mut moved = Spread::new();
        let mut squares = 0.0;
        let rings = rings(nodes, tokens);
        for _ in 0..rings {
            run.go_on()?;
            let owners = Owners::drawn(nodes, tokens, &mut rng);
            let shares = owners.shares(nodes);
            let scaled = shares.iter().map(|share| share * nodes as f64);
            greatest.add(scaled.clone().fold(0.0, f64::max));
            squares += scaled.map(|share| (share - 1.0).powi(2)).sum::<f64>();
            moved.add(join(owners, &shares, tokens, &mut rng)?);
        }
        let variation = (squares / (rings * nodes) as f64).sqrt();
        Ok(Measurements::default()
            .with(VARIATION, variation)
            .with_spread(MAX, greatest)
            .with_spread(MOVED, moved))
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let (nodes, tokens) = (case.count(NODES), case.count(TOKENS));
        let (n, v) = (nodes as f64, tokens as f64);
        let expected = ((n - 1.0) / (n * v + 1.0)).sqrt();
        let table = GREATEST.iter().find(|(of, _)| *of == nodes);
        let column = TOKEN_COUNTS.iter().position(|of| *of == tokens);
        let greatest = match (table, column) {
            // The expectation of the greatest of n spacings.
            (_, Some(0)) => Some((1..=nodes).map(|i| 1.0 / i as f64).sum()),
            (Some((_, row)), Some(column)) => Some(row[column]),
            _ => None,
        };
        let share = 1.0 / (n + 1.0);
        let deviation = (share * (1.0 - share) / ((n + 1.0) * v + 1.0)).sqrt();
        let sure = 3.0 * deviation / (rings(nodes, tokens) as f64).sqrt();
        let max = Figure::new(MAX, "× mean");
        vec![
            Figure::new(VARIATION, "")
                .paper(expected)
                .about(expected, 0.03),
            greatest.map_or(max, |figure: f64| max.paper(figure).about(figure, 0.04)),
            Figure::new(MOVED, "share").paper(share).near(share, sure),
        ]
    }

    fn bytes(&self, case: &Case) -> u64 {
        (case.count(NODES) * case.count(TOKENS)) as u64 * 64
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let tokens = Axis::log10("tokens per node");
        let mut greatest = Plot::new("The greatest share", tokens, Axis::log10("share (× mean)"));
        let mut variation = Plot::new(
            "How shares vary",
            tokens,
            Axis::log10("coefficient of variation"),
        );
        for (nodes, name) in [
            (10.0, "10 nodes"),
            (30.0, "30"),
            (100.0, "100"),
            (1000.0, "1,000"),
        ] {
            let of_nodes = |case: &Case| case.is(NODES, nodes);
            greatest = greatest.with(Line::new(name, outcome, TOKENS, MAX, of_nodes));
            variation = variation.with(Line::new(name, outcome, TOKENS, VARIATION, of_nodes));
        }
        vec![greatest, variation]
    }
}

fn rings(nodes: usize, tokens: usize) -> usize {
    (TOKENS_A_RUN / (nodes * tokens)).clamp(1, RINGS_MAX)
}

/// Lets one more node throw its tokens; tells the share it takes from the others.
fn join(
    owners: Owners,
    before: &[f64],
    tokens: usize,
    rng: &mut machine::Rng,
) -> Result<f64, Trouble> {
    let newcomer = before.len();
    let mut points = owners.points().to_vec();
    points.extend((0..tokens).map(|_| (drawn(rng), newcomer as u32)));
    let after = Owners::of(points).shares(newcomer + 1);
    // Shares are sums of floats: what grows by less did not grow.
    let grew = |(after, before): (&f64, &f64)| after - before > 1e-9;
    if let Some(node) = after.iter().zip(before).position(grew) {
        return Err(Trouble::Broken(format!(
            "node {node} got keys when another joined"
        )));
    }
    Ok(after[newcomer])
}
