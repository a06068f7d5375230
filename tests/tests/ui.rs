//! What the compiler says to a wrong use, word for word. One fact for each file.
//!
//! `TRYBUILD=overwrite cargo test -p sam-tests --test ui` writes the `.stderr` files anew; read them
//! before they are kept: the span is the smallest token that must change, and no error is the
//! consequence of another.

/// What `cargo check` finds.
#[test]
#[cfg_attr(miri, ignore)]
fn ui_check() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/args/*.rs");
    cases.compile_fail("tests/ui/nn/*.rs");
    cases.compile_fail("tests/ui/shape/*.rs");
    cases.compile_fail("tests/ui/types/*.rs");
}

/// What is found only when functions are made for their types, which `cargo check` doesn't do.
#[test]
#[cfg_attr(miri, ignore)]
fn ui_mono() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui_mono_pass/force_build.rs");
    cases.compile_fail("tests/ui_mono/*.rs");
}
