//! `manyhop chord put`, `get` and `delete`: values on the ring.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use bytes::Bytes;
use chord::identity;
use chord::storage::VALUE_MAX;
use chord::visitor::{Command, Event, Got, Stored};
use keyspace::{Id, Space};
use library::folder::write_atomically;
use serde_json::{Value, json};

use super::args::{DeleteArgs, DoorArgs, GetArgs, PutArgs, ReplicaArgs};
use super::visit;
use crate::Outcome;
use crate::error::Failure;
use crate::output::{Format, Output};
use crate::units::{Size, count};

pub(super) fn put(args: &PutArgs, output: &Output) -> Result<Outcome, Failure> {
    let value = match (&args.file, &args.value) {
        (Some(path), _) => read(path)?,
        (None, value) => Bytes::from(value.clone().unwrap_or_default()),
    };
    let len = value.len();
    let command = Command::Put(place(&args.key), value);
    let stored = store(&args.door, &args.replicas, command)?;
    let size = Size(len as u64);
    let text = format!("{:?} holds {size} now, {}", args.key, copies(&stored));
    output.result(text, members(&stored))?;
    Ok(Outcome::Done)
}

pub(super) fn get(args: &GetArgs, output: &Output) -> Result<Outcome, Failure> {
    let config = visit::config(&args.replicas);
    let last = visit::ask(&args.door, config, Command::Get(place(&args.key)), |_| {})?;
    let Event::Got(got) = last else {
        return Err(Failure::new("the ring has not told the value"));
    };
    let Some(value) = &got.value else {
        return Err(
            Failure::new(format!("there is no value under {:?}", args.key))
                .field("key")
                .hint("check the key: each letter counts"),
        );
    };
    if let Some(path) = &args.file {
        write_atomically(path, value)?;
        let text = format!("{} are in {}", Size(value.len() as u64), path.display());
        output.result(text, without_value(&got, value))?;
        return Ok(Outcome::Done);
    }
    match output.format() {
        Format::Json => output.result("", with_value(&got, value))?,
        Format::Text => write(value)
            .map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))?,
    }
    Ok(Outcome::Done)
}

pub(super) fn delete(args: &DeleteArgs, output: &Output) -> Result<Outcome, Failure> {
    let command = Command::Delete(place(&args.key));
    let stored = store(&args.door, &args.replicas, command)?;
    let text = format!("{:?} holds nothing any more, {}", args.key, copies(&stored));
    output.result(text, members(&stored))?;
    Ok(Outcome::Done)
}

fn place(key: &str) -> Id {
    identity::of_key(key.as_bytes(), Space::FULL)
}

fn store(door: &DoorArgs, replicas: &ReplicaArgs, command: Command) -> Result<Stored, Failure> {
    match visit::ask(door, visit::config(replicas), command, |_| {})? {
        Event::Stored(stored) => Ok(stored),
        _ => Err(Failure::new("the ring has not told what became of it")),
    }
}

/// Reads a file that may be a value.
fn read(path: &Path) -> Result<Bytes, Failure> {
    let shown = path.display();
    let cannot = |error: io::Error| {
        Failure::new(format!("cannot read {shown}: {error}"))
            .field("--file")
            .hint("check the path of the file")
    };
    let mut bytes = Vec::new();
    let mut start = File::open(path).map_err(cannot)?.take(VALUE_MAX as u64 + 1);
    start.read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > VALUE_MAX {
        let most = Size(VALUE_MAX as u64);
        return Err(Failure::new(format!(
            "{shown} is longer than {most}, the most of a value"
        ))
        .field("--file")
        .hint("cut it into parts, and put each under a key of its own"));
    }
    Ok(Bytes::from(bytes))
}

/// Writes a value as it is; people get a line break behind it.
fn write(value: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(value)?;
    if out.is_terminal() {
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn copies(stored: &Stored) -> String {
    let copies = count(stored.copies, "node");
    let knows = if stored.copies == 1 { "knows" } else { "know" };
    format!("as {copies} of {} {knows}", stored.replicas)
}

fn members(stored: &Stored) -> Value {
    json!({
        "key": stored.key.to_string(),
        "version": stored.version.counter,
        "copies": stored.copies,
        "replicas": stored.replicas,
    })
}

fn without_value(got: &Got, value: &[u8]) -> Value {
    json!({
        "key": got.key.to_string(),
        "version": got.version.counter,
        "bytes": value.len(),
    })
}

/// With the value as text; or in hexadecimal, if it is none.
fn with_value(got: &Got, value: &[u8]) -> Value {
    let mut members = without_value(got, value);
    match str::from_utf8(value) {
        Ok(text) => members["value"] = text.into(),
        Err(_) => {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            members["hex"] = hex.into();
        }
    }
    members
}
