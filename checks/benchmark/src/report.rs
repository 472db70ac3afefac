//! What a run has found, on its way to a file and back.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};

use crate::machine::{self, Pace};
use crate::metric::{Figures, Metric};

/// A whole run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    /// What the user has typed.
    pub(crate) command: String,
    /// Where it ran.
    pub(crate) machine: String,
    /// What was asked, in order.
    pub(crate) rows: Vec<RowReport>,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowReport {
    /// What was asked.
    pub(crate) name: String,
    /// The same at length.
    pub(crate) title: String,
    /// How fast the machine was just before.
    pub(crate) pace: Pace,
    /// Who could have answered but was not there, and why.
    pub(crate) skipped: Vec<String>,
    /// All trials, in the order of time.
    pub(crate) samples: Vec<Sample>,
}

/// One trial.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// Whose.
    pub(crate) contender: String,
    /// What was measured, or what went wrong.
    pub(crate) outcome: Result<Figures, String>,
}

impl Report {
    /// Begins one, here.
    pub(crate) fn new(command: String) -> Self {
        Self {
            command,
            machine: machine::describe(),
            rows: Vec::new(),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let mut text = serde_json::to_string_pretty(&self.to_json())?;
        text.push('\n');
        fs::write(file, text).with_context(|| file.display().to_string())
    }

    /// Reads one.
    ///
    /// # Errors
    /// Those of the disk; or when it is none.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let value: Value = serde_json::from_str(&text)?;
        Self::of_json(&value).with_context(|| format!("{} is no report", file.display()))
    }

    fn to_json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(RowReport::to_json).collect();
        json!({ "command": self.command, "machine": self.machine, "rows": rows })
    }

    fn of_json(value: &Value) -> anyhow::Result<Self> {
        Ok(Self {
            command: text(value, "command")?,
            machine: text(value, "machine")?,
            rows: list(value, "rows", RowReport::of_json)?,
        })
    }
}

impl RowReport {
    fn to_json(&self) -> Value {
        let samples: Vec<Value> = self.samples.iter().map(Sample::to_json).collect();
        json!({
            "row": self.name,
            "title": self.title,
            "pace": self.pace.to_json(),
            "skipped": self.skipped,
            "samples": samples,
        })
    }

    fn of_json(value: &Value) -> anyhow::Result<Self> {
        Ok(Self {
            name: text(value, "row")?,
            title: text(value, "title")?,
            pace: Pace::of_json(&value["pace"]).context("pace")?,
            skipped: list(value, "skipped", |one| {
                one.as_str().map(str::to_owned).context("a text")
            })?,
            samples: list(value, "samples", Sample::of_json)?,
        })
    }
}

impl Sample {
    fn to_json(&self) -> Value {
        let mut members = Map::new();
        members.insert("contender".to_owned(), self.contender.as_str().into());
        match &self.outcome {
            Ok(figures) => members.extend(
                figures
                    .iter()
                    .map(|(metric, &figure)| (metric.key().to_owned(), figure.into())),
            ),
            Err(error) => drop(members.insert("error".to_owned(), error.as_str().into())),
        }
        Value::Object(members)
    }

    fn of_json(value: &Value) -> anyhow::Result<Self> {
        let members = value.as_object().context("a trial is an object")?;
        let figures = members.iter().filter_map(|(key, figure)| {
            let metric = Metric::of_key(key)?;
            figure.as_f64().map(|figure| (metric, figure))
        });
        let figures: Figures = figures.collect();
        let error = members.get("error").and_then(Value::as_str);
        ensure!(error.is_some() == figures.is_empty(), "figures or an error");
        Ok(Self {
            contender: text(value, "contender")?,
            outcome: error.map_or(Ok(figures), |error| Err(error.to_owned())),
        })
    }
}

fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    let text = value[key].as_str();
    Ok(text.with_context(|| format!("{key} is a text"))?.to_owned())
}

fn list<T>(
    value: &Value,
    key: &str,
    read: impl Fn(&Value) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let list = value[key].as_array();
    let list = list.with_context(|| format!("{key} is a list"))?;
    list.iter().map(read).collect()
}

#[cfg(test)]
pub(crate) mod made_up {
    //! A row that nobody has measured.

    use super::*;

    /// Two of ours, three of aria2, of which one failed, and one of rtorrent.
    pub(crate) fn row() -> RowReport {
        let sample = |contender: &str, figures: &[(Metric, f64)]| Sample {
            contender: contender.to_owned(),
            outcome: Ok(figures.iter().copied().collect()),
        };
        let (wall, cpu) = (Metric::Wall, Metric::CpuPerGib);
        let samples = vec![
            sample("aria2", &[(wall, 4.0), (cpu, 1.0), (Metric::Others, 2.5)]),
            sample("manyhop", &[(wall, 2.0), (cpu, 2.0)]),
            sample("rtorrent", &[(wall, 3.0), (cpu, 8.0)]),
            sample("manyhop", &[(wall, 1.0), (cpu, 2.0)]),
            sample("aria2", &[(wall, 6.0), (cpu, 1.0)]),
            Sample {
                contender: "aria2".to_owned(),
                outcome: Err("it was tired".to_owned()),
            },
        ];
        RowReport {
            name: "leech".to_owned(),
            title: "leech 1 GiB".to_owned(),
            pace: Pace {
                hash: 1.5,
                copy: 7.25,
            },
            skipped: vec!["rqbit: rqbit is not installed".to_owned()],
            samples,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let report = Report {
            command: "cargo xtask bench leech".to_owned(),
            machine: "2 x A Fine One".to_owned(),
            rows: vec![made_up::row()],
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results/run.json");
        report.write(&file).unwrap();
        assert_eq!(Report::read(&file).unwrap(), report);
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for text in [
            "{}",
            r#"{"command":"","machine":"","rows":[{}]}"#,
            r#"{"command":"","machine":"","rows":1}"#,
        ] {
            let value = serde_json::from_str(text).unwrap();
            assert!(Report::of_json(&value).is_err(), "{text}");
        }
        assert!(Sample::of_json(&json!({ "contender": "a" })).is_err());
    }
}
