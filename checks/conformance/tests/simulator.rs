//! The simulator keeps what every driver promises.

use conformance::simulator::SimulatorStage;

conformance::conformance!(SimulatorStage::new());

/// The promises hold on narrow links and where streams are cut anywhere, too.
mod on_a_bad_day {
    use conformance::simulator::SimulatorStage;
    use core::time::Duration;
    use machine::Seed;
    use simulator::{Bandwidth, Config, Cuts, Latency};

    /// In bytes a second: fast enough for whatever is under way to arrive while a test lingers.
    const LINK: Bandwidth = Bandwidth::bytes_a_second(20_000_000);

    fn world() -> Config {
        let mut config = Config::new(Seed(7));
        config.network.cuts = Cuts::Anywhere;
        config.network.window = 16 * 1024;
        config.network.latency = Latency::Uniform {
            min: Duration::ZERO,
            max: Duration::from_millis(3),
        };
        config
    }

    conformance::conformance!(SimulatorStage::of(world(), LINK));
}
