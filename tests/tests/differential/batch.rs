//! Some programs, each in two versions: written, compiled, run, compared.

use std::collections::BTreeMap;

use crate::{
    compare::{self, Lines},
    execute,
    generate::{Program, With},
    package::{CompileError, Package, Version},
};

/// The two versions of each program.
pub(crate) type Versions = [With; 2];

/// With the attribute, and without.
pub(crate) const ATTRIBUTE: Versions = [With::Nothing, With::Attribute];

/// Chunks at once, and one after the other.
pub(crate) const PARALLEL: Versions = [With::Attribute, With::Parallel];

/// The same twice.
pub(crate) const PLAIN: Versions = [With::Nothing; 2];

/// What became of a program.
pub(crate) enum End {
    Equal,
    /// The compiler takes only the first version, and says this first.
    Refused(CompileError),
    Different(String),
    /// The first version does not compile either, or its numbers ran away.
    Unusable,
}

/// Rounds of compilation: macros, types and borrows are looked at one after the other.
const ROUNDS: usize = 8;

pub(crate) fn run(programs: &[Program], versions: Versions) -> Vec<End> {
    let mut refused: BTreeMap<usize, CompileError> = BTreeMap::new();
    let package = Package::new(programs, versions);
    for round in 0.. {
        assert!(
            round < ROUNDS,
            "the compiler refuses more in each of {ROUNDS} rounds"
        );
        let errors = package.compile(&refused);
        if errors.is_empty() {
            break;
        }
        for error in errors {
            if error.version == Version::Plain {
                if versions[0] == With::Nothing {
                    println!("{}", generator_bug(&programs[error.program], &error));
                }
                refused.insert(error.program, error);
            } else {
                refused.entry(error.program).or_insert(error);
            }
        }
    }
    let mut results = execute::all(package.binaries());
    let mut end = |index: usize, program: &Program| {
        if let Some(error) = refused.remove(&index) {
            return match (error.version, versions[0]) {
                (Version::Plain, With::Nothing) => End::Unusable,
                _ => End::Refused(error),
            };
        }
        let mut taken = |version: &str| results.remove(&format!("{index} {version}"));
        let plain = taken("plain").expect("a result of every program");
        let near = taken("near").expect("a result of every program");
        if let Some(refusal) = refused_when_run(index, &near) {
            return End::Refused(refusal);
        }
        // The order in which chunks are summed up is the same.
        let is_inexact = program.inexact && versions[0] == With::Nothing;
        let mut found = compare::difference(&plain, &near, is_inexact);
        if let Some(zero) = taken("zero") {
            let at_zero = compare::difference(&plain, &zero, false);
            found = found.or(at_zero.map(|found| format!("at rho = 0, {found}")));
        }
        match found {
            None => End::Equal,
            Some(_) if ran_away(&plain) => End::Unusable,
            Some(found) => End::Different(found),
        }
    };
    programs
        .iter()
        .enumerate()
        .map(|(index, program)| end(index, program))
        .collect()
}

/// What the step says to a value that `m` can't cut, which only its length tells.
fn refused_when_run(program: usize, near: &Lines) -> Option<CompileError> {
    let refusal = near
        .iter()
        .find(|line| line.contains("can't be cut into chunks beside"))?;
    Some(CompileError {
        program,
        version: Version::Attributed,
        message: "when run: a value can't be cut into chunks beside the batch".to_owned(),
        rendered: refusal.clone(),
    })
}

fn ran_away(lines: &Lines) -> bool {
    lines
        .iter()
        .any(|line| line.contains("NaN") || line.contains("inf"))
}

/// What the compiler says to a program that it should take.
fn generator_bug(program: &Program, error: &CompileError) -> String {
    format!(
        "the generator wrote a program that does not compile: {:?}:{}\n{}",
        program.class, program.seed, error.rendered
    )
}
