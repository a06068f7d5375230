//! Numbers of a configuration that must lie in a range. The error is at the number: serde gives it the
//! place in the file.

use serde::{Deserialize, Deserializer, de::Error};

/// A count, at least 1.
pub(super) fn at_least_one<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + PartialEq + From<u8>,
    D: Deserializer<'de>,
{
    let number = T::deserialize(from)?;
    if number == T::from(0) {
        return Err(D::Error::custom("must be at least 1"));
    }
    Ok(number)
}

/// A finite number above 0.
pub(super) fn positive<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    within(from, |x| x.is_finite() && x > 0.0, "finite and above 0").map(Some)
}

/// A finite number that is not negative.
pub(super) fn not_negative<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    within(
        from,
        |x| x.is_finite() && x >= 0.0,
        "finite and not negative",
    )
}

/// The same, of a key that may be left out.
pub(super) fn radius<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    not_negative(from).map(Some)
}

/// Above 0 and up to 1.
pub(super) fn part<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    within(from, |x| x > 0.0 && x <= 1.0, "above 0 and up to 1")
}

/// From 0 to 1.
pub(super) fn share<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    within(from, |x| (0.0..=1.0).contains(&x), "from 0 to 1")
}

/// Above 0 and below 1.
pub(super) fn factor<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    within(from, |x| x > 0.0 && x < 1.0, "above 0 and below 1")
}

fn within<'de, D: Deserializer<'de>>(
    from: D,
    fits: impl Fn(f64) -> bool,
    range: &str,
) -> Result<f64, D::Error> {
    let number = f64::deserialize(from)?;
    if fits(number) {
        return Ok(number);
    }
    Err(D::Error::custom(format!(
        "is {number}, and must be {range}"
    )))
}
