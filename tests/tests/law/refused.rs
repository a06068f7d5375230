//! The programs that the attribute refuses are those that `ui/law` compiles, each as a file of its own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The folders of programs, and the file of `law` that those use.
const FOLDERS: [(&str, &str); 2] = [("cases", "common"), ("shapes", "common_f64")];

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the tests");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files that are compiled for the refused programs of a source, by name.
fn programs(source: &str, common: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for module in source.split("\n/// ").skip(1) {
        let (about, code) = module.split_once('\n').expect("a doc comment is a line");
        let Some((name, code)) = code
            .strip_prefix("pub(crate) mod ")
            .and_then(|code| code.split_once(" {\n    use super::super::*;\n"))
        else {
            continue;
        };
        if !code.contains("#[refused(") {
            continue;
        }
        let end = code.find("\n    pub(crate) fn run(").expect("it is run");
        let code = code[..end].replace("\n    ", "\n");
        let code = code
            .replace("#[refused(", "#[sam_train(")
            .replace("RHO", "0.05");
        let code = code.replace("use crate::step::println;\n", "");
        let program = format!(
            "//! {about}\n//!\n//! Entry: none, for `law` shows it, and the form that it takes as \
             `{name}_mended`.\n\n#[path = \"../../law/{common}.rs\"]\nmod common;\n\nuse \
             common::*;\nuse sam_runtime::sam_train;\n{code}\nfn main() {{}}\n"
        );
        found.insert(name.to_owned(), program);
        let mended = format!("mod {name}_mended ");
        assert!(source.contains(&mended), "{name} has a mended form");
    }
    found
}

/// Whether a program says that it is refused.
pub(crate) fn is_refused(folder: &str, kind: &str, name: &str) -> bool {
    let source = read(&tests().join(format!("law/{folder}/{kind}.rs")));
    programs(&source, "common").contains_key(name)
}

/// `SAM_BLESS=1` writes the files anew.
#[test]
fn ui_law_has_what_is_refused() {
    let mut wanted = BTreeMap::new();
    for (folder, common) in FOLDERS {
        for path in rust_files(&tests().join("law").join(folder)) {
            wanted.extend(programs(&read(&path), common));
        }
    }
    let folder = tests().join("ui/law");
    if std::env::var_os("SAM_BLESS").is_some() {
        fs::create_dir_all(&folder).expect("the tests can be written");
        for stale in rust_files(&folder) {
            fs::remove_file(stale).expect("the tests can be written");
        }
        for (name, program) in &wanted {
            let path = folder.join(name).with_extension("rs");
            fs::write(path, program).expect("the tests can be written");
        }
    }
    let named = |path: PathBuf| {
        let name = path.file_stem().expect("a file").to_string_lossy();
        (name.into_owned(), read(&path))
    };
    let found: BTreeMap<_, _> = rust_files(&folder).into_iter().map(named).collect();
    assert_eq!(found, wanted, "SAM_BLESS=1 writes them anew");
}
