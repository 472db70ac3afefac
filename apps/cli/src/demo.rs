//! `manyhop demo`.

use crate::Outcome;
use crate::args::DemoArgs;
use crate::error::Failure;
use crate::output::Output;

pub(crate) fn run(args: DemoArgs, output: &Output) -> Result<Outcome, Failure> {
    let _ = (args, output);
    Err(Failure::new("`demo` is not there yet"))
}
