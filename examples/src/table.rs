use std::fmt::Display;

/// Prints a table in Markdown: the names of its columns, and its rows.
pub fn print_table<Cell: Display>(columns: &[String], rows: &[Vec<Cell>]) {
    println!("| {} |", columns.join(" | "));
    println!("{}|", "|---".repeat(columns.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(Cell::to_string).collect();
        println!("| {} |", cells.join(" | "));
    }
}
