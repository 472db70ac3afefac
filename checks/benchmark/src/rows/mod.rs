//! The questions: one file for those that are alike.

mod disk;
mod many;
mod simulator;
mod swarm;
mod transfer;

use std::path::Path;

use anyhow::{Context as _, bail};
use manyhop_interop::{Requirement, folder};
use tempfile::TempDir;

use crate::contenders::{self, Contender, PIECE_LEN, Skill};
use crate::metric::Figures;
use crate::options::{Options, RowName, Size};
use crate::payload::Payload;
use crate::trial::Trial;

/// A question that is ready to be asked.
pub(crate) struct Row {
    /// What it is.
    pub(crate) title: String,
    /// Whom it is asked.
    pub(crate) contenders: Vec<&'static dyn Contender>,
    /// Who else could be asked, but is not there.
    pub(crate) skipped: Vec<String>,
    /// Asks one.
    pub(crate) trial: Ask,
    /// What all trials share; it lasts as long as the row.
    pub(crate) folder: TempDir,
}

/// Makes a row ready.
///
/// # Errors
/// When that cannot be asked here.
pub(crate) fn prepare(name: RowName, options: &Options) -> anyhow::Result<Row> {
    let folder = folder()?;
    let skill = match name {
        RowName::Create => Skill::Create,
        RowName::Recheck => Skill::Check,
        RowName::Leech | RowName::FirstByte => Skill::Leech,
        RowName::Seed => Skill::Seed,
        RowName::Swarm => Skill::Share,
        RowName::Many => Skill::SeedMany,
        RowName::Simulator => return simulator::prepare(folder),
    };
    let (contenders, skipped) = choose(skill, &options.only);
    let size = options.size(name);
    let payload = || payload(folder.path(), size);
    let (title, trial) = match name {
        RowName::Create => disk::create(payload()?, size),
        RowName::Recheck => disk::recheck(payload()?, size),
        RowName::Leech => transfer::leech(payload()?, size)?,
        RowName::FirstByte => transfer::first_byte(payload()?, size)?,
        RowName::Seed => transfer::seed(payload()?, size)?,
        RowName::Swarm => swarm::swarm(payload()?, size)?,
        RowName::Many => many::many(folder.path(), options)?,
        RowName::Simulator => bail!("it has no contenders"),
    };
    Ok(Row {
        title,
        contenders,
        skipped,
        trial,
        folder,
    })
}

/// Asks one contender once.
pub(crate) type Ask = Box<dyn Fn(&dyn Contender) -> anyhow::Result<Figures>>;

/// Checks names that the user has typed.
///
/// # Errors
/// When one is nobody's.
pub(crate) fn check_names(names: &[String]) -> anyhow::Result<()> {
    let all = contenders::ALL.map(|one| one.name());
    let unknown = names.iter().find(|name| !all.contains(&name.as_str()));
    match unknown {
        Some(name) => bail!("there is no contender {name}; there are {}", all.join(", ")),
        None => Ok(()),
    }
}

/// A row's title, and how one contender is asked.
type Question = (String, Ask);

fn payload(folder: &Path, size: Size) -> anyhow::Result<Payload> {
    Payload::write(folder, 0, size, PIECE_LEN, &Trial::tracker_url())
}

/// Those who can, and the names of those who could.
fn choose(skill: Skill, only: &[String]) -> (Vec<&'static dyn Contender>, Vec<String>) {
    let is_wanted = |one: &dyn Contender| {
        let is_named = only.is_empty() || only.iter().any(|name| name == one.name());
        is_named && one.skills().contains(&skill)
    };
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for one in contenders::ALL.into_iter().filter(|one| is_wanted(*one)) {
        match missing_for(one) {
            None => there.push(one),
            Some(what) => missing.push(format!("{}: {what}", one.name())),
        }
    }
    (there, missing)
}

fn missing_for(contender: &dyn Contender) -> Option<String> {
    let mut requirements = contender.requirements().iter();
    requirements.find_map(|one: &Requirement| one.missing())
}

/// The first of `candidates` that is there: the other side of a transfer, the same for all.
fn fixed(candidates: &[&'static dyn Contender]) -> anyhow::Result<&'static dyn Contender> {
    let mut there = candidates.iter().filter(|one| missing_for(**one).is_none());
    there.next().copied().with_context(|| {
        let names: Vec<_> = candidates.iter().map(|one| one.name()).collect();
        format!("one of {} is needed as the other side", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_can_take_part_unless_some_are_named() {
        let (there, missing) = choose(Skill::Create, &[]);
        let who_can = contenders::ALL.iter();
        let who_can = who_can.filter(|one| one.skills().contains(&Skill::Create));
        assert_eq!(there.len() + missing.len(), who_can.count());
        let (there, _) = choose(Skill::Create, &["manyhop".to_owned()]);
        assert_eq!(there.len(), 1);
        let (there, missing) = choose(Skill::Leech, &["mktorrent".to_owned()]);
        assert!(there.is_empty() && missing.is_empty());
    }

    #[test]
    fn names_of_nobody_are_refused() {
        assert!(check_names(&["mktorrent".to_owned()]).is_ok());
        assert!(check_names(&["mktorrent".to_owned(), "mktorent".to_owned()]).is_err());
    }
}
