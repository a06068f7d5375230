//! The reference names all that there is: what the types say they take stands in the pages.

use std::fs;

use guide::page::{Page, pages, root};
use sam_runtime::{optim::OptimizerConfig, run::RunConfig, schedule::Schedule};
use serde::de::DeserializeOwned;

fn page(name: &str) -> Page {
    let mut pages = pages().into_iter();
    pages
        .find(|page| page.name() == format!("book/src/{name}"))
        .expect("the page is there")
}

/// What a type expects in place of the one thing that is wrong in `text`: serde lists it.
fn expected<T: DeserializeOwned>(text: &str) -> Vec<String> {
    let Err(error) = toml::from_str::<T>(text) else {
        panic!("{text} is read");
    };
    let message = error.message().to_owned();
    let (_, list) = message.split_once("expected").expect("there is a list");
    let names = list.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[track_caller]
fn all_named(page: &Page, names: &[String]) {
    assert!(names.len() > 2, "{names:?}");
    for name in names {
        let named = page.codes.iter().any(|code| code.to == *name);
        assert!(named, "{} does not name `{name}`", page.name());
    }
}

#[test]
fn every_key_of_the_attribute() {
    let source = fs::read_to_string(root().join("sam-macros/src/args/key.rs")).unwrap();
    let keys: Vec<String> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","))
        .map(str::to_owned)
        .collect();
    all_named(&page("keys.md"), &keys);
}

#[test]
fn every_key_of_a_run() {
    let page = page("config.md");
    let base = "out = 'x'\nepochs = 1\noptimizer.kind = 'sgd'";
    all_named(
        &page,
        &expected::<RunConfig>(&format!("{base}\nnonesuch = 1")),
    );
    for table in ["log", "checkpoints", "ema", "early_stopping", "plateau"] {
        let text = format!("{base}\n{table}.nonesuch = 1");
        let Err(error) = toml::from_str::<RunConfig>(&text) else {
            panic!("{table} takes what it doesn't know");
        };
        assert!(error.message().contains("nonesuch"), "{error}");
        let (_, list) = error.message().split_once("expected").unwrap();
        for name in list.split('`').skip(1).step_by(2) {
            let named = page.codes.iter().any(|code| code.to.contains(name));
            assert!(named, "config.md does not name `{name}` of `{table}`");
        }
    }
}

#[test]
fn every_schedule_and_every_optimizer() {
    let page = page("config.md");
    all_named(&page, &expected::<Schedule>("kind = 'nonesuch'"));
    all_named(&page, &expected::<OptimizerConfig>("kind = 'nonesuch'"));
    for kind in ["sgd", "adam", "adamw", "rmsprop"] {
        let text = format!("kind = '{kind}'\nnonesuch = 1");
        all_named(&page, &expected::<OptimizerConfig>(&text));
    }
}
