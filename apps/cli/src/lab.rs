//! `manyhop lab`: the tables of the papers, measured on the code that runs on the net.
//!
//! Unlike the other verbs it answers `--json` with one value, not with a line for each event: its
//! result is a table, and progress goes to standard error.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use lab::experiment::{About, Size};
use lab::request::find;
use lab::{
    LabError, Outcome as LabOutcome, Progress, Request, experiments, report, scenario, table,
};
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::{LabArgs, LabRunArgs, LabVerb};
use crate::error::Failure;
use crate::output::{Format, Output};
use crate::signals::Stop;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How the progress of runs is drawn.
const BAR: &str = "{prefix} {bar:24.cyan/blue} {pos}/{len} runs  {eta} left  {wide_msg:.dim}";

/// Runs all experiments that there are.
const ALL: &str = "all";

pub(crate) fn run(args: LabArgs, output: &Output) -> Result<Outcome, Failure> {
    match args.verb {
        LabVerb::List => list(output),
        LabVerb::Run(args) => run_all(&args, output),
        LabVerb::Replay { line, csv } => {
            let request = Request::from_replay(&line)?;
            let stop = Stop::watch_flag()?;
            let outcome = carry_out(&request, &stop, output)?;
            tell(&[outcome], Form::of(csv, output), output)
        }
    }
}

/// What a result looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Json,
    Csv,
}

impl Form {
    fn of(csv: bool, output: &Output) -> Self {
        match (csv, output.format()) {
            (true, _) => Self::Csv,
            (false, Format::Json) => Self::Json,
            (false, Format::Text) => Self::Table,
        }
    }
}

fn list(output: &Output) -> Result<Outcome, Failure> {
    let all = || experiments::ALL.iter().map(|experiment| experiment.about());
    match output.format() {
        Format::Json => write_out(&all().map(in_json).collect::<Value>().to_string())?,
        Format::Text => {
            let width = all().map(|about| about.name.len()).max().unwrap_or(0);
            let lines = all().map(|about| {
                let parameters: Vec<_> = about
                    .parameters
                    .iter()
                    .map(|p| format!("{}={}", p.name, p.write(p.default)))
                    .collect();
                format!(
                    "{:width$}  {}\n{:width$}  {}",
                    about.name,
                    about.purpose,
                    "",
                    parameters.join(" ")
                )
            });
            write_out(&lines.collect::<Vec<_>>().join("\n"))?;
        }
    }
    Ok(Outcome::Done)
}

fn in_json(about: &About) -> Value {
    let parameters = about.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "meaning": parameter.meaning,
            "default": parameter.write(parameter.default),
        })
    });
    json!({
        "name": about.name,
        "purpose": about.purpose,
        "source": about.source,
        "parameters": parameters.collect::<Value>(),
    })
}

fn run_all(args: &LabRunArgs, output: &Output) -> Result<Outcome, Failure> {
    let requests = requests(args)?;
    let form = Form::of(args.csv, output);
    let stop = Stop::watch_flag()?;
    let mut outcomes = Vec::new();
    let mut refused = None;
    for request in &requests {
        let outcome = match carry_out(request, &stop, output) {
            Ok(outcome) => outcome,
            // One of many that does not fit does not keep the others from running.
            Err(failure) if requests.len() > 1 => {
                output
                    .bars()
                    .map_or_else(|| say(&failure), |bars| bars.suspend(|| say(&failure)));
                refused = Some(Outcome::NotDone);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if let Some(folder) = &args.out {
            let page = report::write(folder, request.experiment, &outcome);
            let page = page.map_err(|error| cannot_write(folder, &error))?;
            let _ = writeln!(io::stderr(), "report: {}", page.display());
        }
        if form == Form::Table {
            let gap = if requests.len() > 1 { "\n" } else { "" };
            write_out(&format!("{}{gap}", table::text(&outcome)))?;
        }
        outcomes.push(outcome);
        if stop.is_wanted() {
            break;
        }
    }
    if let (Some(folder), true) = (&args.out, requests.len() > 1) {
        let page = report::write_index(folder, &outcomes);
        page.map_err(|error| cannot_write(folder, &error))?;
    }
    let told = match form {
        Form::Table => verdict(&outcomes),
        Form::Json | Form::Csv => tell(&outcomes, form, output)?,
    };
    Ok(refused.unwrap_or(told))
}

/// Reads what is asked for: a name, a file, or all.
fn requests(args: &LabRunArgs) -> Result<Vec<Request>, Failure> {
    let size = if args.quick { Size::Quick } else { Size::Full };
    let named = args.what.to_str().unwrap_or_default();
    let requests: Vec<Request> = if named == ALL {
        let all = experiments::ALL.iter();
        all.map(|experiment| Request::new(*experiment, size))
            .collect()
    } else if is_file(&args.what) {
        vec![from_file(Path::new(&args.what))?]
    } else {
        vec![Request::new(find(named)?, size)]
    };
    let nodes = (!args.nodes.is_empty()).then(|| ("nodes".to_owned(), args.nodes.clone()));
    let mut settings: Vec<_> = nodes.into_iter().collect();
    for setting in &args.set {
        let Some((name, values)) = setting.split_once('=') else {
            let failure = Failure::usage(format!("`{setting}` is no PARAMETER=VALUE"));
            return Err(failure
                .hint("write it so: --set nodes=100,1000")
                .field("--set"));
        };
        let values = values.split(',').map(str::to_owned).collect();
        settings.push((name.to_owned(), values));
    }
    if named == ALL && !settings.is_empty() {
        let failure = Failure::usage("experiments differ in what can be set");
        return Err(failure.hint("name one of them; `manyhop lab list` shows all"));
    }
    let adapt = |mut request: Request| -> Result<Request, Failure> {
        for (name, values) in &settings {
            request = request.with_values(name, values)?;
        }
        match args.seeds {
            Some(seeds) => Ok(request.with_seeds(seeds)?),
            None => Ok(request),
        }
    };
    requests.into_iter().map(adapt).collect()
}

fn is_file(what: &OsStr) -> bool {
    let path = Path::new(what);
    path.extension()
        .is_some_and(|extension| extension == "toml")
        || path.components().count() > 1
}

fn from_file(path: &Path) -> Result<Request, Failure> {
    let cannot = |reason: String| {
        Failure::new(format!("cannot read {}: {reason}", path.display()))
            .hint("name a scenario file, or an experiment: `manyhop lab list` shows all")
    };
    let length = std::fs::metadata(path)
        .map_err(|error| cannot(error.to_string()))?
        .len();
    if length > scenario::SCENARIO_MAX as u64 {
        return Err(cannot(format!(
            "it has {length} bytes, and a scenario at most {}",
            scenario::SCENARIO_MAX
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?;
    scenario::read(&text).map_err(|error| Failure::from(error).about(path.display()))
}

fn carry_out(request: &Request, stop: &Stop, output: &Output) -> Result<LabOutcome, Failure> {
    let name = request.experiment.about().name;
    let bar = output.bars().map(|bars| {
        let style = ProgressStyle::with_template(BAR).expect("the template is constant");
        let bar = ProgressBar::new(0).with_style(style.progress_chars("━╸─"));
        bars.add(bar.with_prefix(name))
    });
    let next_line = Mutex::new(Instant::now() + LINE_EVERY);
    let show = |progress: &Progress<'_>| match &bar {
        Some(bar) => {
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
            bar.set_message(progress.case.to_string());
        }
        None => {
            let mut next = next_line
                .lock()
                .unwrap_or_else(|broken| broken.into_inner());
            if Instant::now() >= *next {
                *next = Instant::now() + LINE_EVERY;
                let Progress { done, total, case } = progress;
                let _ = writeln!(io::stderr(), "{name}: {done} of {total} runs, {case}");
            }
        }
    };
    let outcome = lab::run(request, stop.flag(), &show);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(outcome?)
}

/// Tells the outcomes, all at once.
fn tell(outcomes: &[LabOutcome], form: Form, output: &Output) -> Result<Outcome, Failure> {
    let all = |each: fn(&LabOutcome) -> String| {
        let texts: Vec<_> = outcomes.iter().map(each).collect();
        texts.join("\n")
    };
    let text = match (form, outcomes) {
        (Form::Table, _) => all(table::text),
        (Form::Csv, _) => all(|outcome| outcome.to_csv()).trim_end().to_owned(),
        (Form::Json, [outcome]) => outcome.to_json().to_string(),
        (Form::Json, _) => {
            let values = outcomes.iter().map(LabOutcome::to_json);
            values.collect::<Value>().to_string()
        }
    };
    match output.bars() {
        Some(bars) => bars.suspend(|| write_out(&text))?,
        None => write_out(&text)?,
    }
    Ok(verdict(outcomes))
}

/// All is as it should be when all was run, and all is within its tolerance.
fn verdict(outcomes: &[LabOutcome]) -> Outcome {
    let is_whole = |outcome: &LabOutcome| outcome.extent == lab::outcome::Extent::Whole;
    if outcomes
        .iter()
        .all(|outcome| outcome.is_good() && is_whole(outcome))
    {
        Outcome::Done
    } else {
        Outcome::NotDone
    }
}

fn write_out(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    written.map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))
}

fn say(failure: &Failure) {
    let _ = writeln!(io::stderr(), "error: {failure}");
}

fn cannot_write(folder: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot write into {}: {error}", folder.display()))
        .hint("name a folder of yours with --out")
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        let hint = error.hint();
        let failure = match error {
            LabError::TooBig { .. } => Self::new(error.to_string()),
            LabError::NoSuchExperiment { .. }
            | LabError::NoSuchParameter { .. }
            | LabError::Setting { .. }
            | LabError::Written { .. }
            | LabError::Scenario { .. } => Self::usage(error.to_string()),
        };
        failure.hint(hint)
    }
}
