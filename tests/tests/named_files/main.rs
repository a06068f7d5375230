//! What comments, tables and pages name is there: files, folders, modules, tests.
//!
//! | file | what |
//! |---|---|
//! | `tree` | the repository: its files, and what they define |
//! | `text` | where a file speaks of others: comments, tables, pages |
//! | `claims` | what a word claims to be there, and whether it is |

mod claims;
mod text;
mod tree;

use std::{fs, path::Path};

use self::{
    claims::{Named, missing},
    text::{Kind, Line, lines},
    tree::{Tree, root},
};

/// Tells what isn't right, all at once.
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_is_named_is_there() {
    let tree = Tree::read();
    let mut wrong = Vec::new();
    let mut found = 0;
    // What changed may be gone.
    for file in tree
        .files()
        .filter(|file| *file != Path::new("CHANGELOG.md"))
    {
        let Some(kind) = Kind::of(file) else { continue };
        let text = fs::read_to_string(root().join(file)).expect("it is a text");
        for Line {
            number,
            text,
            table,
        } in lines(kind, &text)
        {
            for named in claims::named(kind, &text, table) {
                found += 1;
                if let Some(problem) = missing(&tree, file, &named) {
                    let name = named.name();
                    wrong.push(format!("{}:{number}: `{name}` {problem}", file.display()));
                }
            }
        }
    }
    assert!(found > 300, "{found} names");
    assert_none(&wrong);
}

#[test]
fn tables_of_modules_name_all_of_their_files() {
    let tree = Tree::read();
    let mut wrong = Vec::new();
    for file in tree.files().filter(|file| file.ends_with("mod.rs")) {
        let text = fs::read_to_string(root().join(file)).expect("it is a text");
        let named: Vec<String> = lines(Kind::Rust, &text)
            .filter(|line| line.table)
            .flat_map(|line| claims::named(Kind::Rust, &line.text, true))
            .filter_map(|named| match named {
                Named::Row(name) => Some(name),
                _ => None,
            })
            .collect();
        if named.is_empty() {
            continue;
        }
        let folder = file.parent().expect("it is in a folder");
        for module in tree.modules(folder) {
            let is_test = module == "tests" || module.ends_with("_tests");
            if !is_test
                && !named
                    .iter()
                    .any(|name| name.split('/').next() == Some(&*module))
            {
                wrong.push(format!("{}: its table has no `{module}`", file.display()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_table_of_the_tests_names_all_of_them() {
    let tree = Tree::read();
    let readme = fs::read_to_string(root().join("tests/README.md")).expect("it is a text");
    let wrong: Vec<String> = tree
        .within(Path::new("tests/tests"))
        .filter(|name| !readme.contains(&format!("`{name}`")))
        .map(|name| format!("tests/README.md: no row for `{name}`"))
        .collect();
    assert_none(&wrong);
}

#[test]
fn what_is_not_there_is_found() {
    let tree = Tree::read();
    let file = Path::new("sam-runtime/src/step/mod.rs");
    for (text, table, name) in [
        ("see `tests/nonesuch`", false, "tests/nonesuch"),
        ("in `step/nonesuch`, as always", false, "step/nonesuch"),
        ("`nonesuch.rs`", false, "nonesuch.rs"),
        (
            "by tests/peers/nonesuch.py.",
            false,
            "tests/peers/nonesuch.py",
        ),
        ("the test `same::nonesuch`", false, "same::nonesuch"),
        ("| `nonesuch` | what |", true, "nonesuch"),
    ] {
        let named = claims::named(Kind::Rust, text, table);
        let wrong: Vec<_> = named
            .iter()
            .filter(|named| missing(&tree, file, named).is_some())
            .map(Named::name)
            .collect();
        assert_eq!(wrong, [name], "{text}");
    }
    for (text, table) in [
        (
            "`tests/gpu.sh`, `step/report`, `mod.rs`, a/b, `runs/mnist`, `toml::from_str`",
            false,
        ),
        ("tests/tests/law, and tests/README.md.", false),
        ("| `report`, `sam.rs` | `nonesuch` |", true),
    ] {
        for named in claims::named(Kind::Rust, text, table) {
            assert_eq!(missing(&tree, file, &named), None, "{text}");
        }
    }
}
