//! Every experiment, small: each figure is within its tolerance, and each output says so.

use std::sync::atomic::AtomicBool;

use lab::experiment::Size;
use lab::{Outcome, Request, experiments, table};

fn run(request: &Request) -> Outcome {
    let outcome = lab::run(request, &AtomicBool::new(false), &|_| {});
    outcome.expect("it fits into the memory")
}

#[test]
fn every_experiment_is_within_its_tolerance() {
    for experiment in experiments::ALL {
        let outcome = run(&Request::new(*experiment, Size::Quick));
        let (judged, _) = outcome.score();
        assert!(judged > 0, "{} judges nothing", outcome.about.name);
        assert!(outcome.is_good(), "{}", table::text(&outcome));
    }
}
