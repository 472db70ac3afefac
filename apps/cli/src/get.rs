//! `manyhop get`.

use crate::Outcome;
use crate::args::GetArgs;
use crate::error::Failure;
use crate::output::Output;

pub(crate) fn run(args: GetArgs, output: &Output) -> Result<Outcome, Failure> {
    let _ = (args, output);
    Err(Failure::new("`get` is not there yet"))
}
