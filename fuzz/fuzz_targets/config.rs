//! Runs in TOML: one that is read gives usable numbers, and is read again as it is written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sam_runtime::run::RunConfig;

fuzz_target!(|text: &str| {
    let Ok(config) = toml::from_str::<RunConfig>(text) else {
        return;
    };
    assert!(config.epochs > 0 && config.checkpoints.keep > 0 && config.log.every > 0);
    for (step, batches) in [(0, 0), (0, 1), (99, 7), (u64::MAX, 1), (u64::MAX, usize::MAX)] {
        let (lr, rho) = (config.lr(step, batches), config.rho(step, batches));
        assert!(lr.is_finite() && rho.is_finite(), "{lr} {rho}: {config:?}");
    }
    // Numbers of TOML end at i64.
    if let Ok(written) = toml::to_string(&config) {
        let again = toml::from_str::<RunConfig>(&written).unwrap();
        assert_eq!(again, config, "{written}");
    }
});
