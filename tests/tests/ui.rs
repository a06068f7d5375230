//! What the compiler says to a wrong use, word for word. One fact for each file.
//!
//! `TRYBUILD=overwrite cargo test -p sam-tests --test ui` writes the `.stderr` files anew; read them
//! before they are kept: the span is the smallest token that must change, and no error is the
//! consequence of another. They are the messages of the guide's error index; see `error_index`.

/// What `cargo check` finds.
#[test]
#[cfg_attr(miri, ignore)]
fn ui_check() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*/*.rs");
}

/// What is found only when functions are made for their types, which `cargo check` doesn't do.
///
/// A case that passes makes trybuild run `cargo build` and not `cargo check` for all cases beside it.
/// To run one of them: `cargo test --test ui -- ui_mono trybuild=m-does-not-divide trybuild=<name>`.
#[test]
#[cfg_attr(miri, ignore)]
fn ui_mono() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/mended/args/m-does-not-divide.rs");
    cases.compile_fail("tests/ui_mono/*/*.rs");
}
