//! Scenario files: an experiment with other parameters than the paper's.
//!
//! ```toml
//! experiment = "chord-load"       # as `manyhop lab list` names them
//! seeds = 40                      # how many; the experiment's own number if left out
//! size = "full"                   # or "quick": which of its cases to start from
//!
//! [parameters]                    # those of the experiment; a list runs each of its values
//! nodes = [1_000, 10_000]
//! virtual-nodes = 20
//! ```
//!
//! Lengths of time and rates are texts with a unit: `"30 s"`, `"500 ms"`, `"0.05 /s"`, `"3 /min"`.
//! Shares are numbers or percents: `0.1`, `"10 %"`.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::LabError;
use crate::experiment::Size;
use crate::parameter::{Parameter, Setting};
use crate::request::{Request, advice};

/// The longest file that is read, in bytes: a scenario is a page.
pub const SCENARIO_MAX: usize = 64 * 1024;

const KEYS: [&str; 4] = ["experiment", "seeds", "size", "parameters"];

/// Reads a scenario.
///
/// # Errors
/// When it is not TOML, or a key, a value or a unit is wrong: with the line, the key and what would
/// be right.
pub fn read(text: &str) -> Result<Request, LabError> {
    let file = File { text };
    let parsed = DeTable::parse(text).map_err(|error| {
        let place = error.span().unwrap_or(0..0);
        let advice = "a scenario is a TOML file: `key = value`, one a line";
        file.wrong(
            &place,
            format!("this is not TOML: {}", error.message()),
            advice,
        )
    })?;
    let table = parsed.get_ref();
    for key in table.keys() {
        if !KEYS.contains(&key.get_ref().as_ref()) {
            let advice = advice(key.get_ref(), KEYS.into_iter());
            return Err(file.wrong(&key.span(), unknown(key.get_ref()), advice));
        }
    }
    let Some(name) = table.get("experiment") else {
        let advice = "write which one: experiment = \"chord-load\"";
        return Err(file.wrong(&(0..0), "`experiment` is missing".into(), advice));
    };
    let size = match table.get("size") {
        Some(size) => file.size(size)?,
        None => Size::Full,
    };
    let request = Request::named(&file.word(name, "experiment")?, size)
        .map_err(|error| file.at(&name.span(), "experiment", &error))?;
    let request = match table.get("seeds") {
        Some(seeds) => file.seeds(seeds, request)?,
        None => request,
    };
    match table.get("parameters") {
        Some(parameters) => file.parameters(parameters, request),
        None => Ok(request),
    }
}

#[derive(Debug, Clone, Copy)]
struct File<'a> {
    text: &'a str,
}

impl File<'_> {
    fn size(self, size: &Spanned<DeValue<'_>>) -> Result<Size, LabError> {
        match self.word(size, "size")?.as_str() {
            "quick" => Ok(Size::Quick),
            "full" => Ok(Size::Full),
            other => {
                let problem = format!("`size`: `{other}` is no size");
                let advice = advice(other, ["quick", "full"].into_iter());
                Err(self.wrong(&size.span(), problem, advice))
            }
        }
    }

    fn seeds(self, seeds: &Spanned<DeValue<'_>>, request: Request) -> Result<Request, LabError> {
        let count = seeds.get_ref().as_integer().and_then(|count| {
            let number = i64::from_str_radix(count.as_str(), count.radix()).ok()?;
            u32::try_from(number).ok()
        });
        let Some(count) = count else {
            let problem = "`seeds` is no whole number".into();
            return Err(self.wrong(&seeds.span(), problem, "write how many: seeds = 20"));
        };
        let request = request.with_seeds(count);
        request.map_err(|error| self.at(&seeds.span(), "seeds", &error))
    }

    fn parameters(
        self,
        parameters: &Spanned<DeValue<'_>>,
        mut request: Request,
    ) -> Result<Request, LabError> {
        let Some(table) = parameters.get_ref().as_table() else {
            let advice = "write [parameters] on a line of its own, and below it `name = value`";
            let problem = "`parameters` is no table".into();
            return Err(self.wrong(&parameters.span(), problem, advice));
        };
        for (key, value) in table {
            let parameter = request
                .parameter(key.get_ref())
                .map_err(|error| self.wrong(&key.span(), unknown(key.get_ref()), error.hint()))?;
            let settings = self.settings(&parameter, value)?;
            request = request.with_settings(parameter.name, &settings);
        }
        Ok(request)
    }

    /// One value, or a list of some.
    fn settings(
        self,
        parameter: &Parameter,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<Setting>, LabError> {
        match value.get_ref().as_array() {
            Some(list) if list.is_empty() => {
                let problem = format!("`{}`: the list is empty", parameter.name);
                Err(self.wrong(&value.span(), problem, parameter.advice("")))
            }
            Some(list) => list
                .iter()
                .map(|value| self.setting(parameter, value))
                .collect(),
            None => Ok(vec![self.setting(parameter, value)?]),
        }
    }

    fn setting(
        self,
        parameter: &Parameter,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Setting, LabError> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().into(),
            DeValue::Float(number) => number.as_str().into(),
            DeValue::Integer(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                let kind = value.get_ref().type_str();
                let problem = format!("`{}` cannot be a value of type {kind}", parameter.name);
                return Err(self.wrong(&value.span(), problem, parameter.advice("")));
            }
        };
        parameter.read(&text).map_err(|error| {
            let problem = format!("`{}`: {error}", parameter.name);
            self.wrong(&value.span(), problem, parameter.advice(&text))
        })
    }

    fn word(self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<String, LabError> {
        let word = value.get_ref().as_str().map(str::to_owned);
        word.ok_or_else(|| {
            let problem = format!("`{key}` is no text");
            self.wrong(&value.span(), problem, "put it between quotes: \"…\"")
        })
    }

    fn at(self, place: &Range<usize>, key: &str, error: &LabError) -> LabError {
        self.wrong(place, format!("`{key}`: {error}"), error.hint())
    }

    fn wrong(self, place: &Range<usize>, problem: String, advice: impl Into<String>) -> LabError {
        let before = self.text.get(..place.start).unwrap_or(self.text);
        LabError::Scenario {
            line: 1 + before.matches('\n').count(),
            problem,
            advice: advice.into(),
        }
    }
}

fn unknown(key: &str) -> String {
    format!("`{key}` is no key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> (usize, String, String) {
        match read(text) {
            Err(LabError::Scenario {
                line,
                problem,
                advice,
            }) => (line, problem, advice),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_scenario_says_what_differs() {
        let text = "experiment = \"chord-load\"\nseeds = 3\n[parameters]\n\
                    nodes = [100, 200]\nkeys = 1000\nvirtual-nodes = 1\n";
        let request = read(text).expect("it is right");
        assert_eq!(request.seeds.len(), 3);
        let cases: Vec<_> = request.cases.iter().map(ToString::to_string).collect();
        let expected = [
            "nodes=100 keys=1000 virtual-nodes=1",
            "nodes=200 keys=1000 virtual-nodes=1",
        ];
        assert_eq!(cases, expected);
    }

    #[test]
    fn a_wrong_key_is_named_with_its_line_and_the_nearest_right_one() {
        let (line, problem, advice) = complaint("experiment = \"chord-load\"\n\nseed = 3\n");
        assert_eq!((line, problem.as_str()), (3, "`seed` is no key"));
        assert!(advice.starts_with("did you mean `seeds`?"), "{advice}");
        let text = "experiment = \"chord-load\"\n[parameters]\nkeys = 1\nnoodes = 3\n";
        let (line, problem, advice) = complaint(text);
        assert_eq!((line, problem.as_str()), (4, "`noodes` is no key"));
        assert!(advice.starts_with("did you mean `nodes`?"), "{advice}");
    }

    #[test]
    fn wrong_values_are_named_with_their_line() {
        let (line, problem, advice) = complaint("experiment = \"chord-lod\"\n");
        assert_eq!(
            (line, problem.as_str()),
            (1, "`experiment`: there is no experiment `chord-lod`")
        );
        assert!(advice.contains("`chord-load`"), "{advice}");
        for (text, at) in [
            ("seeds = 3\n", 1),
            ("experiment = \"chord-load\"\nseeds = 0\n", 2),
            ("experiment = \"chord-load\"\nseeds = \"many\"\n", 2),
            ("experiment = \"chord-load\"\nsize = \"huge\"\n", 2),
            ("experiment = \"chord-load\"\nparameters = 3\n", 2),
            (
                "experiment = \"chord-load\"\n[parameters]\nkeys = [1,\n \"x\"]\n",
                4,
            ),
            ("experiment = \"chord-load\"\n[parameters]\nkeys = []\n", 3),
            (
                "experiment = \"chord-load\"\n[parameters]\nkeys = true\n",
                3,
            ),
            ("experiment = \"chord-load\"\n[parameters\n", 2),
            ("\u{0}", 1),
        ] {
            assert_eq!(complaint(text).0, at, "{text}");
        }
    }
}
