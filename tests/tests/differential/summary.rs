//! What became of the programs, by class.

use std::{collections::BTreeMap, fmt};

use crate::{
    batch::End,
    generate::{Class, Program, With},
};

#[derive(Default)]
struct Counts {
    equal: usize,
    refused: usize,
    unusable: usize,
    different: usize,
}

impl Counts {
    fn all(&self) -> usize {
        self.equal + self.refused + self.unusable + self.different
    }
}

/// How many programs contain a thing, and of these, how many were refused.
#[derive(Default)]
struct Kind {
    all: usize,
    refused: usize,
    different: usize,
}

#[derive(Default)]
pub(crate) struct Summary {
    classes: BTreeMap<Class, Counts>,
    /// What the compiler said, with a program to which it did.
    reasons: BTreeMap<(Class, String), (usize, u64)>,
    kinds: BTreeMap<&'static str, Kind>,
    /// How programs are different, and their source.
    differences: Vec<(String, String)>,
}

impl Summary {
    pub(crate) fn add(&mut self, programs: &[Program], ends: Vec<End>) {
        for (program, end) in programs.iter().zip(ends) {
            let counts = self.classes.entry(program.class).or_default();
            let is_refused = matches!(end, End::Refused(_));
            let is_different = matches!(end, End::Different(_));
            match end {
                End::Equal => counts.equal += 1,
                End::Unusable => counts.unusable += 1,
                End::Refused(error) => {
                    counts.refused += 1;
                    let reason = self
                        .reasons
                        .entry((program.class, error.message))
                        .or_insert((0, program.seed));
                    reason.0 += 1;
                }
                End::Different(how) => {
                    counts.different += 1;
                    let how = format!(
                        "{}:{} is different: {how}",
                        name(program.class),
                        program.seed
                    );
                    self.differences
                        .push((how, program.source(With::Attribute)));
                }
            }
            for kind in &program.kinds {
                let kind = self.kinds.entry(kind).or_default();
                kind.all += 1;
                kind.refused += usize::from(is_refused);
                kind.different += usize::from(is_different);
            }
        }
    }

    /// Fails if a program is different, if too many everyday ones were refused, or if the generator's numbers ran
    /// away too often to test anything.
    pub(crate) fn check(&self, refused_percent: f64) {
        let whole = self.differences.iter().take(5);
        let whole = whole.map(|(how, source)| format!("{how}\n{source}\n"));
        let others = self
            .differences
            .iter()
            .skip(5)
            .map(|(how, _)| format!("{how}\n"));
        assert!(
            self.differences.is_empty(),
            "{} programs are different:\n{}",
            self.differences.len(),
            whole.chain(others).collect::<String>(),
        );
        for (class, counts) in &self.classes {
            let percent = |of: usize| 100.0 * of as f64 / counts.all() as f64;
            assert!(percent(counts.unusable) <= 1.0, "{self}");
            let may_be_refused =
                *class == Class::Breaking || percent(counts.refused) <= refused_percent;
            assert!(
                may_be_refused,
                "too many everyday programs are refused:\n{self}"
            );
        }
    }
}

fn name(class: Class) -> &'static str {
    match class {
        Class::Everyday => "everyday",
        Class::Breaking => "breaking",
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (class, counts) in &self.classes {
            writeln!(
                f,
                "{:8} {} programs: {} equal, {} refused, {} different, {} unusable",
                name(*class),
                counts.all(),
                counts.equal,
                counts.refused,
                counts.different,
                counts.unusable,
            )?;
        }
        for (how, _) in &self.differences {
            writeln!(f, "{}", how.lines().next().unwrap_or_default())?;
        }
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for ((class, reason), (count, seed)) in reasons {
            writeln!(f, "{count:5} refused, as {}:{seed}: {reason}", name(*class))?;
        }
        for (name, kind) in &self.kinds {
            let Kind {
                all,
                refused,
                different,
            } = kind;
            writeln!(
                f,
                "{all:5} with: {name} ({refused} refused, {different} different)"
            )?;
        }
        Ok(())
    }
}
