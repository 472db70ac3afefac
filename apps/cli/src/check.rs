//! `manyhop check`.

use crate::Outcome;
use crate::args::CheckArgs;
use crate::error::Failure;
use crate::output::Output;

pub(crate) fn run(args: CheckArgs, output: &Output) -> Result<Outcome, Failure> {
    let _ = (args, output);
    Err(Failure::new("`check` is not there yet"))
}
