//! `manyhop show`.

use crate::Outcome;
use crate::args::ShowArgs;
use crate::error::Failure;
use crate::output::Output;

pub(crate) fn run(args: ShowArgs, output: &Output) -> Result<Outcome, Failure> {
    let _ = (args, output);
    Err(Failure::new("`show` is not there yet"))
}
