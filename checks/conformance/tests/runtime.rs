//! The runtime keeps what every driver promises.

use conformance::runtime::RuntimeStage;

conformance::conformance!(RuntimeStage::new());
