//! The lines of a summary.

use std::fmt;

use super::{Row, Summary};

/// What stands above the columns.
const HEADS: [&str; 5] = ["name", "layer", "output", "parameters", "mult-adds"];

/// Columns of words, which begin on the left; the others are numbers, which end on the right.
const WORDS: usize = 3;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<[String; 5]> = self.rows.iter().map(cells).collect();
        let mut widths = HEADS.map(str::len);
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * (HEADS.len() - 1));
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String; 5]| {
            let columns = cells.iter().zip(widths).enumerate();
            let columns: Vec<String> = columns
                .map(|(i, (cell, width))| match i < WORDS {
                    true => format!("{cell:width$}"),
                    false => format!("{cell:>width$}"),
                })
                .collect();
            writeln!(f, "{}", columns.join("  ").trim_end())
        };
        line(f, &HEADS.map(str::to_owned))?;
        writeln!(f, "{rule}")?;
        lines.iter().try_for_each(|cells| line(f, cells))?;
        writeln!(f, "{rule}")?;
        writeln!(f, "parameters  {}", thousands(self.parameters() as u64))?;
        writeln!(f, "buffers     {}", thousands(self.buffers() as u64))?;
        write!(f, "mult-adds   {}", thousands(self.multiplications()))
    }
}

fn cells(row: &Row) -> [String; 5] {
    let counted = |n: u64| match n {
        0 => String::new(),
        n => thousands(n),
    };
    let tensors = || {
        let tensors = row.tensors.iter();
        let tensors: Vec<String> = tensors
            .map(|(name, shape)| format!("{name} {shape:?}"))
            .collect();
        tensors.join(", ")
    };
    [
        row.name.clone(),
        row.layer.map_or_else(tensors, str::to_owned),
        row.output
            .as_ref()
            .map_or_else(String::new, |shape| format!("{shape:?}")),
        counted(row.parameters as u64),
        counted(row.multiplications),
    ]
}

/// `1234567` as `1,234,567`.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
