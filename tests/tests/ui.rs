//! What the compiler says to a wrong use, word for word. One fact for each file.
//!
//! `SAM_BLESS=1 cargo test -p sam-tests --test ui` writes the `.stderr` files anew; read them
//! before they are kept: the span is the smallest token that must change, and no error is the
//! consequence of another. They are the messages of the guide's error index; see `error_index`.

use std::{env, process::Command};

/// Under `SAM_BLESS=1`: whether `test` ran in a process of its own, and wrote its files. trybuild has another
/// variable for that, which it reads from the environment.
fn blessed(test: &str) -> bool {
    if env::var_os("SAM_BLESS").is_none() || env::var_os("TRYBUILD").is_some() {
        return false;
    }
    let mut this = Command::new(env::current_exe().expect("a test has a program"));
    this.args(env::args_os().skip(1).filter(|word| word != test));
    this.args(["--exact", test]).env("TRYBUILD", "overwrite");
    assert!(this.status().expect("it starts").success());
    true
}

/// What `cargo check` finds.
#[test]
#[cfg_attr(miri, ignore)]
fn ui_check() {
    if blessed("ui_check") {
        return;
    }
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
    if blessed("ui_mono") {
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.pass("tests/mended/args/m-does-not-divide.rs");
    cases.compile_fail("tests/ui_mono/*/*.rs");
}
