//! Equality with independent computations, properties, and the configuration form.

mod config;
mod properties;
mod pytorch;
mod values;

/// Asserts that two values agree up to rounding.
#[track_caller]
fn assert_close(actual: f64, expected: f64) {
    let tolerance = 1e-12 * expected.abs().max(1e-3);
    assert!(
        (actual - expected).abs() <= tolerance,
        "{actual} isn't {expected}"
    );
}
