//! `manyhop seed`.

use crate::Outcome;
use crate::args::SeedArgs;
use crate::error::Failure;
use crate::output::Output;

pub(crate) fn run(args: SeedArgs, output: &Output) -> Result<Outcome, Failure> {
    let _ = (args, output);
    Err(Failure::new("`seed` is not there yet"))
}
