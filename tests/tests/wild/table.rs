//! Which loops are read with nothing but the attribute, and why the others are not.

use std::{collections::BTreeMap, fs, path::Path};

/// How the attribute takes a loop.
#[derive(Debug)]
enum Read {
    /// With nothing changed but the attribute, whatever its keys.
    Alone,
    /// It is refused, for this reason.
    Refused(&'static str),
}
use Read::{Alone, Refused};

/// A loop: what of `tests` has it, its name there, how it is taken.
type Row = (&'static str, &'static str, Read);

const TABLE: [Row; 53] = [
    ("loops/supervised.rs", "mnist", Alone),
    ("loops/supervised.rs", "full_batch", Alone),
    ("loops/supervised.rs", "autoencoder", Alone),
    ("loops/supervised.rs", "logistic_regression", Alone),
    ("loops/supervised.rs", "accumulation", Alone),
    ("loops/supervised.rs", "dynamic_batch", Alone),
    ("loops/supervised.rs", "schedule", Alone),
    ("loops/supervised.rs", "regularized", Alone),
    ("loops/structured.rs", "generic", Alone),
    ("loops/structured.rs", "housed", Alone),
    ("loops/structured.rs", "optional_gradients", Alone),
    ("loops/structured.rs", "custom_module", Alone),
    ("loops/structured.rs", "helper", Alone),
    ("loops/control.rs", "early_stop", Alone),
    ("loops/control.rs", "labelled", Alone),
    ("loops/control.rs", "skipped", Alone),
    ("loops/control.rs", "block", Alone),
    ("loops/control.rs", "filled_target", Alone),
    ("loops/control.rs", "deferred", Alone),
    ("loops/control.rs", "owned_elsewhere", Alone),
    ("loops/control.rs", "of_the_model", Alone),
    ("loops/composed.rs", "dqn", Alone),
    ("loops/composed.rs", "ppo", Alone),
    ("loops/composed.rs", "policy_gradient", Alone),
    ("loops/composed.rs", "two_heads", Alone),
    ("loops/composed.rs", "split_tape", Alone),
    ("loops/composed.rs", "distillation", Alone),
    ("loops/composed.rs", "through_another", Alone),
    ("loops/composed.rs", "ensemble", Alone),
    ("loops/composed.rs", "recurrent", Alone),
    ("loops/composed.rs", "transfer", Alone),
    ("dfdx_examples.rs", "optim_05", Alone),
    ("dfdx_examples.rs", "mnist_06", Alone),
    ("dfdx_examples.rs", "multi_headed_11", Alone),
    ("dfdx_examples.rs", "gradient_accum_12", Alone),
    ("dfdx_examples.rs", "housing_13", Alone),
    ("dfdx_examples.rs", "generic_train_loop", Alone),
    ("dfdx_examples.rs", "rl::dqn", Alone),
    ("dfdx_examples.rs", "rl::ppo", Alone),
    ("wild/programs", "accumulated_epoch", Alone),
    ("wild/programs", "actor_critic", Alone),
    ("wild/programs", "blocks_in_closure", Alone),
    ("wild/programs", "gan", Alone),
    ("wild/programs", "helper_traces", Alone),
    ("wild/programs", "learner_spans", Alone),
    (
        "wild/programs",
        "manual_update",
        Refused("nothing says which tensors are the weights: its mended form is a model"),
    ),
    ("wild/programs", "masked_logits", Alone),
    (
        "wild/programs",
        "method_forward",
        Refused("a `&mut self` method of an owner that is not `Clone` runs the model"),
    ),
    ("wild/programs", "minibatch_policy", Alone),
    ("wild/programs", "ppo_agent", Alone),
    (
        "wild/programs",
        "put_tape",
        Refused("a `&mut self` method of an owner that is not `Clone` runs the model"),
    ),
    ("wild/programs", "retaped_tuple", Alone),
    ("wild/programs", "sampled_pictures", Alone),
];

/// Nearly all loops that people write are read as they are.
#[test]
fn nearly_all_are_read() {
    let mut refused = 0;
    for (place, name, read) in &TABLE {
        match read {
            Alone => println!("read     {place} {name}"),
            Refused(why) => {
                refused += 1;
                println!("refused  {place} {name}: {why}");
            }
        }
    }
    println!("{} of {} are read", TABLE.len() - refused, TABLE.len());
    let (small, refused_small) = small_forms();
    println!("{} of {small} small forms are read", small - refused_small);
    let (all, refused) = (TABLE.len() + small, refused + refused_small);
    assert!(100 * refused <= 5 * all, "{refused} of {all} are not read");
}

/// The loops of the table that are in `place`, with whether they are read.
fn rows(place: &str) -> BTreeMap<String, bool> {
    let rows = TABLE.iter().filter(|(of, ..)| *of == place);
    rows.map(|(_, name, read)| ((*name).to_owned(), matches!(read, Alone)))
        .collect()
}

/// The small forms of `wild/programs/small`, and how many of them are refused.
fn small_forms() -> (usize, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wild/programs/small");
    let files = fs::read_dir(folder).expect("the small forms");
    let sources = files.map(|file| fs::read_to_string(file.expect("a file").path()).expect("text"));
    sources.fold((0, 0), |(all, refused), source| {
        let refused_here = source.matches("#[refused(").count();
        let read_here = source.matches("#[sam_train(").count();
        (all + read_here + refused_here, refused + refused_here)
    })
}

fn read(path: &str) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    fs::read_to_string(tests.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether the program whose `drive` has this path below `programs` says that it is refused.
pub(crate) fn is_refused(drive: &str) -> bool {
    let path: Vec<&str> = drive.split("::").map(str::trim).collect();
    let (file, form) = match path[..] {
        [program, _] => (program.to_owned(), None),
        ["small", kind, _] => (format!("small/{kind}"), None),
        ["small", kind, form, _] => (format!("small/{kind}"), Some(form)),
        _ => panic!("{drive}: no program's"),
    };
    let source = read(&format!("wild/programs/{file}.rs"));
    let mut forms = source.split("\npub(crate) mod ");
    let of_the_form = |text: &&str| form.is_none_or(|form| text.starts_with(&format!("{form} ")));
    let text = forms.find(of_the_form).expect("the form is in its file");
    text.contains("#[refused(")
}

/// A loop for each module, all under the attribute.
#[test]
fn the_table_has_all_loops() {
    for place in ["composed", "control", "structured", "supervised"] {
        let place = format!("loops/{place}.rs");
        let source = read(&place);
        let modules = source.lines().filter_map(|line| {
            let name = line.strip_prefix("mod ")?.strip_suffix(" {")?;
            Some((name.to_owned(), true))
        });
        assert_eq!(modules.collect::<BTreeMap<_, _>>(), rows(&place), "{place}");
    }
}

#[test]
fn the_table_has_all_examples_of_dfdx() {
    let examples = read("dfdx_examples.rs").matches("#[sam_train(").count();
    let read = rows("dfdx_examples.rs");
    assert_eq!(examples, read.values().filter(|read| **read).count());
}

/// A program for each file, under the attribute or `refused`; the small forms are not counted.
#[test]
fn the_table_has_all_programs() {
    let modules = read("wild/programs/mod.rs");
    let programs = modules.lines().filter_map(|line| {
        let name = line.strip_prefix("pub(crate) mod ")?.strip_suffix(";")?;
        let counts = name != "small" && !name.ends_with("_mended");
        counts.then(|| {
            let source = read(&format!("wild/programs/{name}.rs"));
            (name.to_owned(), !source.contains("#[refused("))
        })
    });
    assert_eq!(programs.collect::<BTreeMap<_, _>>(), rows("wild/programs"));
}
