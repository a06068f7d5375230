//! Schedules in TOML: one that is read gives numbers at all steps, and is read again as it is written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sam_runtime::schedule::Schedule;

fuzz_target!(|text: &str| {
    let Ok(schedule) = toml::from_str::<Schedule>(text) else {
        return;
    };
    for step in [0, 1, 2, 99, 100, 1 << 20, 1 << 53, u64::MAX - 1, u64::MAX] {
        let value = schedule.at(step);
        assert!(value.is_finite(), "{value} at {step}: {schedule:?}");
    }
    let written = toml::to_string(&schedule).unwrap();
    assert_eq!(
        toml::from_str::<Schedule>(&written).unwrap(),
        schedule,
        "{written}"
    );
});
