//! The guide's error index, written from the compile-fail cases of `ui`, and from those of `ui_run`, which fail
//! when they run.
//!
//! A case is the source of its entry: the doc comment at its head says what is wrong, why, and how it
//! is mended; its code and its `.stderr` are shown as they are; the file of the same name in `mended`
//! is the mended code. A case that shows another form of an error says `Entry: ..`.
//!
//! `SAM_BLESS=1 cargo test -p sam-tests --test error_index` writes the pages anew.

mod case;
mod first;
mod named;
mod page;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use self::{
    case::{About, Case, header_and_code, read},
    page::{Entry, GROUPS},
};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn book() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/src")
}

/// The files of `folder` with this ending, in order.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|found| found == ending));
    files.sort();
    files
}

/// All cases, by name.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, _) in GROUPS {
        for suite in ["ui", "ui_mono", "ui_run"] {
            let folder = tests().join(suite).join(group);
            cases.extend(files(&folder, "rs").iter().map(|path| Case::read(path)));
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn entries<'a>(cases: &'a [Case]) -> Vec<Entry<'a>> {
    let entry = |case: &'a Case| {
        let Case { name, group, .. } = case;
        let About::Entry { why, mended, .. } = &case.about else {
            return None;
        };
        let program = tests().join(format!("mended/{group}/{name}.rs"));
        let is_form = |form: &&Case| matches!(&form.about, About::Form(of) if of == name);
        Some(Entry {
            case,
            why,
            how: mended,
            mended: header_and_code(&read(&program)).1,
            forms: cases.iter().filter(is_form).collect(),
        })
    };
    cases.iter().filter_map(entry).collect()
}

/// The names of the cases that are entries, of rustc's own errors or of the project's.
fn names(cases: &[Case], of_rustc: bool) -> BTreeSet<String> {
    let is_one =
        |case: &&Case| matches!(case.about, About::Entry { by_rustc, .. } if by_rustc == of_rustc);
    let found = cases.iter().filter(is_one);
    found.map(|case| case.name.clone()).collect()
}

#[test]
fn the_pages_are_what_the_cases_say() {
    let cases = cases();
    let entries = entries(&cases);
    let folder = book().join("errors");
    let mut pages = vec![
        ("index".to_owned(), page::index(&entries)),
        ("first".to_owned(), first::page(&first::mistakes())),
    ];
    pages.extend(entries.iter().map(|e| (e.case.name.clone(), e.page())));
    if std::env::var_os("SAM_BLESS").is_some() {
        fs::create_dir_all(&folder).expect("the guide can be written");
        for stale in files(&folder, "md") {
            fs::remove_file(stale).expect("the guide can be written");
        }
        for (name, page) in &pages {
            fs::write(folder.join(format!("{name}.md")), page).expect("the guide can be written");
        }
    }
    for (name, page) in &pages {
        let committed = fs::read_to_string(folder.join(format!("{name}.md"))).unwrap_or_default();
        assert_eq!(
            &committed, page,
            "errors/{name}.md is not what its case says: read the case, then write the page anew with \
             SAM_BLESS=1"
        );
    }
    let count = files(&folder, "md").len();
    assert_eq!(count, pages.len(), "a page in errors/ has no case");
}

#[test]
fn every_error_has_an_entry_and_every_entry_an_error() {
    let mut named = named::by_the_macro();
    named.extend(named::by_the_runtime(
        &tests().join("../../sam-runtime/src"),
    ));
    assert_eq!(names(&cases(), false), named);
}

#[test]
fn every_message_names_the_entry_of_its_case() {
    let cases = cases();
    let of_rustc = names(&cases, true);
    let all: BTreeSet<String> = names(&cases, false).union(&of_rustc).cloned().collect();
    for case in &cases {
        let named = named::named_in(&case.message);
        let name = &case.name;
        assert!(named.is_subset(&all), "{name} names what is no entry");
        match case.entry() {
            Some(entry) if of_rustc.contains(entry) => {
                assert!(named.is_empty(), "{name} is not rustc's own error");
            }
            Some(entry) => assert!(named.contains(entry), "{name} does not name its entry"),
            None => {}
        }
    }
}

#[test]
fn every_form_is_one_of_an_entry() {
    let cases = cases();
    for case in &cases {
        if let About::Form(of) = &case.about {
            let is_it = |c: &Case| matches!(c.about, About::Entry { .. }) && c.name == *of;
            assert!(cases.iter().any(is_it), "{}: `{of}` is no entry", case.name);
        }
    }
}

/// Every mended program belongs to an entry, and is compiled: in `mended`, or in `ui` where it must run.
#[test]
fn every_mended_program_is_compiled() {
    let (mended, ui) = (
        read(&tests().join("mended/main.rs")),
        read(&tests().join("ui.rs")),
    );
    let cases = cases();
    let mut expected = BTreeSet::new();
    for case in entries(&cases).iter().map(|entry| entry.case) {
        let file = format!("{}/{}.rs", case.group, case.name);
        let is_module = mended.contains(&format!("#[path = \"{file}\"]"));
        let is_run = ui.contains(&format!("cases.pass(\"tests/mended/{file}\")"));
        assert!(is_module || is_run, "mended/{file} is not compiled");
        expected.insert(file);
    }
    let found = GROUPS.iter().flat_map(|(group, _)| {
        let files = files(&tests().join("mended").join(group), "rs");
        files.into_iter().map(move |path| {
            let name = path
                .file_name()
                .expect("a file has a name")
                .to_string_lossy();
            format!("{group}/{name}")
        })
    });
    assert_eq!(found.collect::<BTreeSet<String>>(), expected);
}

#[test]
fn every_first_mistake_is_mended_in_a_program_that_is_compiled() {
    let main = read(&tests().join("mended/main.rs"));
    assert!(main.contains("\nmod first;\n"));
    let compiled = read(&tests().join("mended/first.rs"));
    let mistakes = first::mistakes();
    assert!(mistakes.len() >= 30, "{} mistakes", mistakes.len());
    for first::Mistake { name, .. } in &mistakes {
        let path = format!("#[path = \"first/{name}.rs\"]");
        assert!(compiled.contains(&path), "mended/first.rs has no `{name}`");
    }
    let mended = files(&tests().join("mended/first"), "rs").len();
    assert_eq!(
        mended,
        mistakes.len(),
        "a program in mended/first has no case"
    );
}

#[test]
fn the_pages_that_first_mistakes_name_are_there() {
    let cases = cases();
    let all: BTreeSet<String> = entries(&cases)
        .iter()
        .map(|e| e.case.name.clone())
        .collect();
    for first::Mistake { name, message, .. } in first::mistakes() {
        let named = named::named_in(&message);
        assert!(named.is_subset(&all), "{name} names what is no entry");
    }
}

/// Lines of a terminal that shows a message as a whole.
const SCREEN: usize = 40;

/// Messages that are longer, and why.
const LONGER: [(&str, &str); 7] = [
    (
        "description-as-model",
        "dfdx's traits say it once for each method that is called; the second error says what to write",
    ),
    (
        "groups-of-unequal-size",
        "rustc shows the table of groups, and says it for the type and for the call",
    ),
    (
        "input-without-rows",
        "rustc says the same of the input and of the call around it",
    ),
    (
        "loader-without-batch-size",
        "rustc asks again wherever the loader is used; the first error says what to write",
    ),
    (
        "not-a-model",
        "two facts: it is not `Clone`, which rustc shows how to mend, and no `TensorCollection`",
    ),
    (
        "parallel-on-any-device",
        "two facts: of the device, and of what is on it; the first says what to write",
    ),
    (
        "sum-to-the-batch-under-m",
        "dfdx's trait lists its shapes twice; nothing of ours is asked before it",
    ),
];

#[test]
fn no_message_is_longer_than_a_screen() {
    let mut long = BTreeSet::new();
    for suite in ["ui", "ui_mono"] {
        for group in fs::read_dir(tests().join(suite)).expect("there are cases") {
            for path in files(&group.expect("a folder").path(), "stderr") {
                let lines = read(&path).lines().count();
                let name = path.file_stem().expect("a file has a name");
                if lines > SCREEN {
                    long.insert((name.to_string_lossy().into_owned(), lines));
                }
            }
        }
    }
    let is_listed = |(name, _): &(String, usize)| LONGER.iter().any(|(known, _)| known == name);
    let not_listed: Vec<_> = long.iter().filter(|found| !is_listed(found)).collect();
    assert!(
        not_listed.is_empty(),
        "longer than {SCREEN} lines: {not_listed:?}"
    );
    assert_eq!(long.len(), LONGER.len(), "a message is no longer so long");
}

/// mdBook shows only what `SUMMARY.md` lists. It lists the whole index, in this order.
#[test]
fn the_summary_lists_the_index() {
    let cases = cases();
    let lines = page::summary(&entries(&cases));
    let summary = read(&book().join("SUMMARY.md"));
    assert!(
        summary.contains(&lines),
        "these lines are missing in SUMMARY.md, or stand in another order:\n{lines}"
    );
}
