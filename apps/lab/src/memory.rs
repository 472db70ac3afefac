//! How much memory there is: a world that does not fit is refused before it is built.

/// The bytes that can be had without pushing others out; none where the system does not say.
#[must_use]
pub fn available() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn parse(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_are_understood() {
        let text = "MemTotal:       24683644 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(parse(text), Some(20_480_000_000));
        assert_eq!(parse("MemTotal: 1 kB"), None);
        assert_eq!(parse("MemAvailable: many"), None);
    }
}
