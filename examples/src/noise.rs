use std::iter;

use crate::{Spread, print_table};

/// Shares of wrong labels.
pub const NOISE: [f64; 5] = [0.0, 0.2, 0.4, 0.6, 0.8];

/// Prints accuracies, for each share of [`NOISE`], of rows with these names; `of` says what the names are.
pub fn print_by_noise<'a>(of: &str, rows: impl Iterator<Item = (String, &'a [Spread])>) {
    let noise = NOISE.map(|noise| format!("{:.0} %", 100.0 * noise));
    let columns = [vec![of.to_owned()], noise.to_vec()].concat();
    let cells = |(name, accuracies): (String, &[Spread])| {
        let accuracies = accuracies.iter().map(Spread::to_string);
        iter::once(name).chain(accuracies).collect()
    };
    print_table(&columns, &rows.map(cells).collect::<Vec<_>>());
}
