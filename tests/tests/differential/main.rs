//! The attribute's law, by its own words: the same program with and without `#[sam_train]`, at a rho too small
//! to be felt, can't be told apart.
//!
//! Random training functions are written as source text, each with and without the attribute, compiled by the
//! hundred and run on the same data. What they print, return, count and leave behind is compared. A program ends
//! as equal, as refused (the compiler takes it without the attribute only), or as different, which is a failure.
//!
//! ```text
//! cargo test -p sam-tests --test differential
//! SAM_DIFFERENTIAL=20000 SEED=7 cargo test -p sam-tests --test differential -- --ignored --nocapture many
//! SAM_DIFFERENTIAL_SHOW=breaking:1234 cargo test -p sam-tests --test differential -- --ignored --nocapture show
//! ```
//!
//! | folder or file | what |
//! |---|---|
//! | `generate` | writes a program |
//! | `world` | what the programs are made of: networks, data, helpers, things with a state |
//! | `package` | programs as a crate in the target folder, and what the compiler says to them |
//! | `execute` | runs the crate |
//! | `compare` | whether two runs are the same |
//! | `batch` | all of that for some programs |
//! | `summary` | what became of them |

mod batch;
mod compare;
mod execute;
mod generate;
mod package;
mod summary;
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    unreachable_pub,
    missing_docs,
    clippy::all,
    reason = "the programs use it, as a crate; here it is formatted and type-checked"
)]
mod world;

use std::{
    env,
    sync::{Mutex, PoisonError},
};

use batch::{ATTRIBUTE, End, PARALLEL, PLAIN, Versions};
use generate::{Class, Program, With};
use summary::Summary;

/// Programs in one crate.
const BATCH: usize = 300;

/// How many of a hundred everyday programs may be refused.
const REFUSED: f64 = 3.0;

fn programs(base: u64, from: usize, to: usize) -> Vec<Program> {
    let class = |i: usize| {
        if i.is_multiple_of(2) {
            Class::Everyday
        } else {
            Class::Breaking
        }
    };
    let seed = |i: usize| base.wrapping_mul(1_000_003).wrapping_add(i as u64);
    (from..to)
        .map(|i| Program::new(seed(i), class(i)))
        .collect()
}

/// Programs are written into one folder, whichever test runs them.
static FOLDER: Mutex<()> = Mutex::new(());

fn run(count: usize, seed: u64, versions: Versions) -> Summary {
    let _alone = FOLDER.lock().unwrap_or_else(PoisonError::into_inner);
    let mut summary = Summary::default();
    for from in (0..count).step_by(BATCH) {
        let mut programs = programs(seed, from, count.min(from + BATCH));
        if versions == PARALLEL {
            programs.retain(Program::is_in_chunks);
        }
        let ends = batch::run(&programs, versions);
        summary.add(&programs, ends);
        if count > BATCH {
            println!("{summary}");
        }
    }
    summary
}

#[test]
fn the_attribute_changes_nothing_but_the_gradient() {
    let summary = run(BATCH, 1, ATTRIBUTE);
    println!("{summary}");
    summary.check(REFUSED);
}

/// The law of the key `parallel`: a program with its chunks at once can't be told from the same one with its chunks one after
/// the other, at a rho that is felt.
#[test]
fn chunks_at_once_change_nothing() {
    let count = number("SAM_DIFFERENTIAL").unwrap_or(BATCH as u64) as usize;
    let summary = run(count, number("SEED").unwrap_or(3), PARALLEL);
    println!("{summary}");
    summary.check(100.0);
}

/// The generator's own law: a program is equal to itself, and the compiler takes each.
#[test]
#[ignore = "tests the generator: run it when that changes"]
fn a_program_is_equal_to_itself() {
    let count = number("SAM_DIFFERENTIAL").unwrap_or(BATCH as u64) as usize;
    let summary = run(count, number("SEED").unwrap_or(1), PLAIN);
    println!("{summary}");
    summary.check(0.0);
}

#[test]
#[ignore = "takes as long as it is told to, in SAM_DIFFERENTIAL and SEED"]
fn many() {
    let count = number("SAM_DIFFERENTIAL").unwrap_or(3000) as usize;
    let summary = run(count, number("SEED").unwrap_or(2), ATTRIBUTE);
    println!("{summary}");
    summary.check(REFUSED);
}

/// Prints and runs one program, as named by a failure.
#[test]
#[ignore = "shows the program that SAM_DIFFERENTIAL_SHOW names"]
fn show() {
    let Ok(named) = env::var("SAM_DIFFERENTIAL_SHOW") else {
        return;
    };
    let (class, seed) = named.split_once(':').expect("class:seed");
    let class = match class {
        "everyday" => Class::Everyday,
        "breaking" => Class::Breaking,
        _ => panic!("a class is `everyday` or `breaking`"),
    };
    let programs = [Program::new(seed.parse().expect("a seed"), class)];
    println!("{}", programs[0].source(With::Attribute));
    let ends = batch::run(&programs, ATTRIBUTE);
    if let End::Refused(error) = &ends[0] {
        println!("{}", error.rendered);
    }
    let mut summary = Summary::default();
    summary.add(&programs, ends);
    println!("{summary}");
    summary.check(100.0);
}

fn number(name: &str) -> Option<u64> {
    Some(
        env::var(name)
            .ok()?
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}
