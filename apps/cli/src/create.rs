//! `manyhop create`.

use crate::Outcome;
use crate::args::CreateArgs;
use crate::error::Failure;
use crate::output::Output;

pub(crate) fn run(args: CreateArgs, output: &Output) -> Result<Outcome, Failure> {
    let _ = (args, output);
    Err(Failure::new("`create` is not there yet"))
}
