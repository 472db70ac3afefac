//! One choice of all parameters of an experiment.

use std::fmt;

use crate::parameter::{Parameter, Setting};

/// One choice of all parameters, in the order in which the experiment declares them.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    settings: Vec<(Parameter, Setting)>,
}

impl Case {
    /// All parameters at their defaults.
    #[must_use]
    pub fn of(parameters: &[Parameter]) -> Self {
        let settings = parameters
            .iter()
            .map(|parameter| (*parameter, parameter.default));
        Self {
            settings: settings.collect(),
        }
    }

    /// The same with another number.
    ///
    /// # Panics
    /// When the experiment declares no such parameter.
    #[must_use]
    pub fn with(self, name: &str, number: f64) -> Self {
        self.with_setting(name, Setting::Number(number))
    }

    /// The same with another word.
    ///
    /// # Panics
    /// When the experiment declares no such parameter.
    #[must_use]
    pub fn with_word(self, name: &str, word: &'static str) -> Self {
        self.with_setting(name, Setting::Word(word))
    }

    /// The same with another setting.
    ///
    /// # Panics
    /// When the experiment declares no such parameter.
    #[must_use]
    pub fn with_setting(mut self, name: &str, setting: Setting) -> Self {
        let place = self
            .settings
            .iter_mut()
            .find(|(parameter, _)| parameter.name == name);
        let (_, old) = place.unwrap_or_else(|| panic!("`{name}` is not declared"));
        *old = setting;
        self
    }

    /// A parameter that is counted.
    ///
    /// # Panics
    /// When the experiment declares no such parameter, or it is a word.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.number(name) as usize
    }

    /// A parameter that is a number, in the unit in which it is held.
    ///
    /// # Panics
    /// When the experiment declares no such parameter, or it is a word.
    #[must_use]
    pub fn number(&self, name: &str) -> f64 {
        match self.setting(name) {
            Setting::Number(number) => number,
            Setting::Word(_) => panic!("`{name}` is a word"),
        }
    }

    /// A parameter that is a word.
    ///
    /// # Panics
    /// When the experiment declares no such parameter, or it is a number.
    #[must_use]
    pub fn word(&self, name: &str) -> &'static str {
        match self.setting(name) {
            Setting::Word(word) => word,
            Setting::Number(_) => panic!("`{name}` is a number"),
        }
    }

    /// Tells whether a parameter has this number.
    #[must_use]
    pub fn is(&self, name: &str, number: f64) -> bool {
        (self.number(name) - number).abs() < 1e-9
    }

    /// A parameter's setting.
    ///
    /// # Panics
    /// When the experiment declares no such parameter.
    #[must_use]
    pub fn setting(&self, name: &str) -> Setting {
        let found = self
            .settings
            .iter()
            .find(|(parameter, _)| parameter.name == name);
        found
            .unwrap_or_else(|| panic!("`{name}` is not declared"))
            .1
    }

    /// All parameters and their settings.
    #[must_use]
    pub fn settings(&self) -> &[(Parameter, Setting)] {
        &self.settings
    }
}

/// As a replay line has it: `nodes=1000 rate=0.05/s`.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (parameter, setting)) in self.settings.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{}={}", parameter.name, parameter.write(*setting))?;
        }
        Ok(())
    }
}
