//! `manyhop tracker`.

use crate::Outcome;
use crate::args::TrackerArgs;
use crate::error::Failure;
use crate::output::Output;

pub(crate) fn run(args: TrackerArgs, output: &Output) -> Result<Outcome, Failure> {
    let _ = (args, output);
    Err(Failure::new("`tracker` is not there yet"))
}
