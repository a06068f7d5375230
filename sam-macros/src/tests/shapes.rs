//! The loops that are read: what their slice is and what it takes from outside, see `cases/*.txt`.

use super::cases;

#[test]
fn forward() {
    cases::check("forward");
}

#[test]
fn records() {
    cases::check("records");
}

#[test]
fn pruned() {
    cases::check("pruned");
}

#[test]
fn steps() {
    cases::check("steps");
}

#[test]
fn helpers() {
    cases::check("helpers");
}

#[test]
fn chunks() {
    cases::check("chunks");
}
