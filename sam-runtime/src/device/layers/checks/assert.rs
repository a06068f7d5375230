//! How close numbers must be, and what is refused.

use std::fmt::Debug;

/// How far a result may be off, as a part of the largest one.
pub(in crate::device) fn of_result<E>() -> f64 {
    if size_of::<E>() == 8 { 1e-12 } else { 5e-6 }
}

/// How far a gradient may be off: in `f64`, what finite differences are worth.
pub(in crate::device) fn of_gradient<E>() -> f64 {
    if size_of::<E>() == 8 { 1e-7 } else { 2e-5 }
}

/// Panics, with the place, unless `got` is `want` up to `tolerance` of the largest number.
pub(in crate::device) fn assert_close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}: how many");
    let largest = want.iter().fold(1.0, |l: f64, w| l.max(w.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let off = (g - w).abs();
        assert!(
            off <= tolerance * largest,
            "{what}: number {i} is {g}, not {w}"
        );
    }
}

/// An error for a wrong number of elements, and no other.
pub(in crate::device) fn refused<X, Err: Debug>(what: &str, outcome: Result<X, Err>) {
    match outcome {
        Ok(_) => panic!("{what} was accepted"),
        Err(error) => assert!(format!("{error:?}").contains("WrongNumElements"), "{what}"),
    }
}
