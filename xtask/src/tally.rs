//! Counts what `cargo test` prints: who ran, what passed, what failed, what was left out.
//!
//! Beside the lines of cargo and of the test harness it knows one of our own: a test that lacks a
//! foreign program prints `skipped: <case>: <what is missing>`.

/// What one test binary, or the documentation of one crate, came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Suite {
    name: String,
    passed: usize,
    failed: usize,
    ignored: usize,
    reported: bool,
}

/// The sum of a run of `cargo test`.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    suites: Vec<Suite>,
    skipped: Vec<String>,
    failures: Vec<String>,
    /// Whether cargo failed without a test that did: what does not build proves nothing.
    never_ran: bool,
}

impl Tally {
    /// Reads the next line, in the order in which cargo and the tests print.
    pub(crate) fn read_line(&mut self, line: &str) {
        let words = line.trim_start();
        let title = words
            .strip_prefix("Running ")
            .or_else(|| words.strip_prefix("Doc-tests "));
        if let (Some(title), true) = (title, line.starts_with("   ")) {
            self.suites.push(Suite {
                name: name_of(title),
                ..Suite::default()
            });
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.add_result(result);
        } else if let Some((_, case)) = skip_in(line) {
            self.skipped.push(case.to_owned());
        } else if let Some(test) = line.strip_prefix("test ")
            && let Some(test) = test.strip_suffix(" ... FAILED")
        {
            let suite = self.suites.last().map_or("", |suite| suite.name.as_str());
            self.failures.push(format!("{suite} {test}"));
        }
    }

    /// Ends the run. A binary that ended without a result crashed, and counts as one failure; so
    /// does a run that cargo calls failed though no test has.
    pub(crate) fn finish(&mut self, succeeded: bool) {
        for suite in self.suites.iter_mut().filter(|suite| !suite.reported) {
            suite.failed += 1;
            self.failures
                .push(format!("{} ended without a result", suite.name));
        }
        self.never_ran = !succeeded && self.sum(|suite| suite.failed) == 0;
        if self.never_ran {
            self.failures
                .push("cargo test, before any test could".to_owned());
        }
    }

    /// How many tests did not run, for whatever reason.
    pub(crate) fn left_out(&self) -> usize {
        self.sum(|suite| suite.ignored) + self.skipped.len()
    }

    /// `N passed, M failed`.
    pub(crate) fn closing_line(&self) -> String {
        let (passed, failed) = (
            self.sum(|suite| suite.passed),
            self.sum(|suite| suite.failed),
        );
        format!("{passed} passed, {failed} failed")
    }

    /// Prints who ran, then by name what failed and what was skipped.
    pub(crate) fn print_table(&self) {
        println!(
            "\n{:>7} {:>7} {:>7}  tests of",
            "passed", "failed", "ignored"
        );
        let ran = |suite: &&Suite| suite.passed + suite.failed + suite.ignored > 0;
        for suite in self.suites.iter().filter(ran) {
            let Suite {
                name,
                passed,
                failed,
                ignored,
                ..
            } = suite;
            println!("{passed:>7} {failed:>7} {ignored:>7}  {name}");
        }
        for failure in &self.failures {
            println!("failed: {failure}");
        }
        for case in &self.skipped {
            println!("skipped: {case}");
        }
    }

    fn add_result(&mut self, result: &str) {
        let count = |what: &str| {
            let mut parts = result.split([';', '.']).map(str::trim);
            let number = parts.find_map(|part| part.strip_suffix(what));
            number
                .and_then(|number| number.trim().parse().ok())
                .unwrap_or(0)
        };
        let (passed, failed, ignored) = (count("passed"), count("failed"), count("ignored"));
        if let Some(suite) = self.suites.last_mut() {
            suite.passed += passed;
            suite.failed += failed;
            suite.ignored += ignored;
            suite.reported = true;
        }
    }

    fn sum(&self, of: impl Fn(&Suite) -> usize) -> usize {
        self.suites.iter().map(of).sum()
    }
}

/// `unittests src/lib.rs (target/debug/deps/wire-0123456789abcdef)` becomes `wire src/lib.rs`.
fn name_of(title: &str) -> String {
    let Some((file, binary)) = title.rsplit_once(" (") else {
        return format!("{title} (documentation)");
    };
    let file = file.strip_prefix("unittests ").unwrap_or(file);
    let binary = binary
        .trim_end_matches(')')
        .rsplit('/')
        .next()
        .unwrap_or(binary);
    let name = binary.rsplit_once('-').map_or(binary, |(name, _)| name);
    format!("{name} {file}")
}

/// The place and the rest of a `skipped: ` that opens the line, or follows a test's name.
fn skip_in(line: &str) -> Option<(&str, &str)> {
    line.split_once("skipped: ")
        .filter(|(before, _)| before.is_empty() || before.ends_with("... "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "\
   Compiling wire v0.1.0
     Running unittests src/lib.rs (target/debug/deps/wire-0123456789abcdef)

running 3 tests
test bencode::a ... ok
test bencode::b ... FAILED

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s

     Running tests/clients.rs (target/debug/deps/clients-0123456789abcdef)
skipped: aria2 seeds: aria2c is missing
test rtorrent_seeds ... skipped: rtorrent is missing
a line that was skipped: not one of ours
test result: ok. 20 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 2.50s

   Doc-tests wire
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    fn tally(run: &str) -> Tally {
        let mut tally = Tally::default();
        run.lines().for_each(|line| tally.read_line(line));
        tally.finish(!run.contains("error"));
        tally
    }

    #[test]
    fn all_suites_are_summed() {
        let tally = tally(RUN);
        let names: Vec<_> = tally
            .suites
            .iter()
            .map(|suite| suite.name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "wire src/lib.rs",
                "clients tests/clients.rs",
                "wire (documentation)"
            ]
        );
        assert_eq!(tally.closing_line(), "24 passed, 1 failed");
        assert_eq!(tally.failures, ["wire src/lib.rs bencode::b"]);
    }

    #[test]
    fn what_is_left_out_is_named() {
        let tally = tally(RUN);
        assert_eq!(
            tally.skipped,
            ["aria2 seeds: aria2c is missing", "rtorrent is missing"]
        );
        assert_eq!(tally.left_out(), 3);
    }

    #[test]
    fn a_crash_is_a_failure() {
        let crash = "     Running tests/x.rs (target/debug/deps/x-0)\nrunning 2 tests\n";
        let tally = tally(&format!("{crash}{RUN}"));
        assert_eq!(tally.closing_line(), "24 passed, 2 failed");
        assert_eq!(tally.failures[1], "x tests/x.rs ended without a result");
    }

    #[test]
    fn nothing_ran_nothing_passed() {
        assert_eq!(
            tally("error: could not compile").closing_line(),
            "0 passed, 0 failed"
        );
    }
}
