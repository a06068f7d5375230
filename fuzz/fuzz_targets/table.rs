//! CSV files: a table or an error; fitted to it, an encoder or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sam_runtime::data::table::{
    Category, Columns, Csv, MissingCategory, MissingNumber, Number, TableEncoder, Unknown,
};

fuzz_target!(|input: (bool, &str)| {
    let (has_names, text) = input;
    let csv = if has_names {
        Csv::new()
    } else {
        Csv::new().names(["a", "b"])
    };
    let Ok(table) = csv.parse(text) else { return };
    let [a, b] = match table.names() {
        [a, b, ..] => [a.clone(), b.clone()],
        _ => return,
    };
    let columns = Columns::new()
        .number(Number::new(a).missing(MissingNumber::Indicator))
        .category(
            Category::new(b)
                .missing(MissingCategory::MostFrequent)
                .unknown(Unknown::Zeros),
        );
    let Ok(encoder) = columns.fit(&table) else {
        return;
    };
    assert_eq!(
        TableEncoder::from_json(&encoder.to_json()).unwrap(),
        encoder
    );
    let _ = encoder.inputs::<3>(&table);
});
