use crate::known::ALL;

/// Each list is a row of the table in the guide, and the table has no others.
#[test]
fn the_guide_shows_the_names_that_the_macro_goes_by() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../book/src/attribute.md");
    let page = std::fs::read_to_string(page).expect("the guide has a page on the attribute");
    let (_, rest) = page
        .split_once("\n## What it knows by name\n")
        .expect("the page has a section on names");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let shown: Vec<(String, Vec<String>)> = section
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| |"))
        .map(|row| {
            let mut cells = row.split('|').skip(1).map(str::trim);
            let mut cell = || cells.next().unwrap_or_default();
            let (list, names) = (cell(), cell());
            let names = names
                .split(", ")
                .map(|name| name.trim_matches(['`', '!']).to_owned());
            (list.to_owned(), names.collect())
        })
        .collect();
    let known: Vec<(String, Vec<String>)> = ALL
        .iter()
        .map(|(list, names)| {
            (
                (*list).to_owned(),
                names.iter().map(str::to_owned).collect(),
            )
        })
        .collect();
    assert_eq!(shown, known, "the table in `attribute.md`, and `known.rs`");
}

/// So that a name is found, and stands there once.
#[test]
fn each_list_is_sorted() {
    for (list, names) in ALL {
        let names: Vec<&str> = names.iter().collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{list}: {names:?}");
    }
}
