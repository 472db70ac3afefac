//! How much memory there is: a world that does not fit is refused before it is built.

/// The bytes that can be had without pushing others out; none where the system does not say.
#[must_use]
pub fn available() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    kibibytes(&meminfo, "MemAvailable:")
}

/// The bytes of memory that this process holds; none where the system does not say.
#[must_use]
pub fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    kibibytes(&status, "VmRSS:")
}

/// A line of the system's, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_are_understood() {
        let text = "MemTotal:       24683644 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(kibibytes(text, "MemAvailable:"), Some(20_480_000_000));
        assert_eq!(kibibytes("MemTotal: 1 kB", "MemAvailable:"), None);
        assert_eq!(kibibytes("MemAvailable: many", "MemAvailable:"), None);
    }
}
