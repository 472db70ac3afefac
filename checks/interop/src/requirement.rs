//! What a case needs of the machine, and what happens when it is not there.

use std::env;
use std::io::{self, Write as _};
use std::process::Command;
use std::sync::OnceLock;

use crate::namespace::Namespace;

/// With this set to 1 in the environment, a missing program fails its cases.
const REQUIRE_ALL: &str = "MANYHOP_REQUIRE_ALL";

/// Something that the machine may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Network namespaces: iproute2, and the rights of root.
    Namespaces,
    /// A program on the search path.
    Program(&'static str),
    /// A module of the system's own Python, which alone sees Debian's modules.
    PythonModule(&'static str),
}

impl Requirement {
    /// Gives what is missing, in words; `None` if all is well.
    pub fn missing(self) -> Option<String> {
        match self {
            Self::Namespaces => missing_for_namespaces(),
            Self::Program(name) if is_on_path(name) => None,
            Self::Program(name) => Some(format!("{name} is not installed")),
            Self::PythonModule(name) if python_has(name) => None,
            Self::PythonModule(name) => Some(format!("{PYTHON} has no module {name}")),
        }
    }
}

/// The system's own Python; the first one on the path may be another.
pub const PYTHON: &str = "/usr/bin/python3";

/// Tells whether all that `case` needs is there. If not, says so in the words that
/// `cargo xtask test` counts.
///
/// # Panics
/// If something is missing where nothing may be.
pub fn is_there(case: &str, requirements: &[Requirement]) -> bool {
    let mut missing = requirements.iter().filter_map(|one| one.missing());
    let Some(missing) = missing.next() else {
        return true;
    };
    let line = format!("skipped: {case}: {missing}");
    assert!(
        env::var_os(REQUIRE_ALL).is_none_or(|value| value != "1"),
        "nothing may be {line}"
    );
    // Not by `print`, which the test harness would keep to itself. Who reads is none of our trouble.
    let _ = io::stdout().write_all(format!("{line}\n").as_bytes());
    false
}

fn missing_for_namespaces() -> Option<String> {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let look = || {
        if !rustix::process::geteuid().is_root() {
            return Some("only root makes network namespaces".to_owned());
        }
        // Root is not everywhere what it used to be: containers take rights away.
        Namespace::new().err().map(|error| format!("{error:#}"))
    };
    MISSING.get_or_init(look).clone()
}

fn is_on_path(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn python_has(module: &str) -> bool {
    // To look for it costs less than to import it.
    let look = format!("import importlib.util as u; assert u.find_spec('{module}')");
    let output = Command::new(PYTHON).args(["-c", &look]).output();
    output.is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(Requirement::Program("sh").missing(), None);
        let missing = Requirement::Program("manyhop-no-such-program").missing();
        assert!(missing.is_some_and(|text| text.contains("manyhop-no-such-program")));
    }
}
