//! The house keeps its rules.

use std::path::Path;

use manyhop_tidy::{TidyError, violations};

#[test]
fn the_house_keeps_its_rules() -> Result<(), TidyError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let found = violations(&root)?;
    let listing: String = found.iter().map(|one| format!("{one}\n")).collect();
    assert!(
        found.is_empty(),
        "{} places break a rule:\n{listing}",
        found.len()
    );
    Ok(())
}
