//! A confusion matrix as text.

use std::fmt::{self, Write};

use super::{Average, ConfusionMatrix};

/// Letters of a name at most.
const NAME: usize = 24;

/// Confusions that are listed at most.
const LISTED: usize = 15;

impl ConfusionMatrix {
    /// The matrix on lines of up to `columns` letters: targets down, predictions across, the recall of each class at the right and its precision below.
    /// Where there are too many classes for that, a line for each class, and the most frequent confusions.
    pub fn text(&self, columns: usize) -> String {
        let mut text = String::new();
        // Writing into a string can't fail.
        let _ = match self.grid(columns) {
            Some(grid) => write!(text, "{grid}"),
            None => self.list(&mut text),
        };
        let _ = self.summary(&mut text);
        text
    }

    /// The whole matrix, if there is room for it.
    fn grid(&self, columns: usize) -> Option<String> {
        let names: Vec<String> = self.names().iter().map(|name| short(name, NAME)).collect();
        let longest = |texts: &[String]| texts.iter().map(|text| letters(text)).max();
        let first = longest(&names)?.max("precision".len());
        let counts = self.rows().flatten().map(u64::to_string);
        let digits = longest(&counts.collect::<Vec<_>>())?.max("100.0".len());
        // Names across have at least the room of counts, and more where there is any.
        let room = columns.checked_sub(first + " recall".len())? / names.len();
        let cell = room.checked_sub(1)?.min(longest(&names)?.max(digits));
        if cell < digits {
            return None;
        }
        let mut text = format!("{:first$}", "target");
        for name in &names {
            let _ = write!(text, " {:>cell$}", short(name, cell));
        }
        text.push_str(" recall\n");
        let scores = self.scores();
        for ((name, row), scores) in names.iter().zip(self.rows()).zip(&scores) {
            let _ = write!(text, "{name:first$}");
            for count in row {
                let _ = write!(text, " {count:>cell$}");
            }
            let _ = writeln!(text, " {:>6.1}", 100.0 * scores.recall);
        }
        let _ = write!(text, "{:first$}", "precision");
        for scores in &scores {
            let _ = write!(text, " {:>cell$.1}", 100.0 * scores.precision);
        }
        text.push('\n');
        Some(text)
    }

    fn list(&self, text: &mut String) -> fmt::Result {
        let names: Vec<String> = self.names().iter().map(|name| short(name, NAME)).collect();
        let first = names
            .iter()
            .map(|name| letters(name))
            .max()
            .unwrap_or(0)
            .max(5);
        writeln!(
            text,
            "{:first$}  samples  precision  recall     F1",
            "class"
        )?;
        for (name, scores) in names.iter().zip(self.scores()) {
            let [precision, recall, f1] =
                [scores.precision, scores.recall, scores.f1].map(|score| 100.0 * score);
            let samples = scores.samples;
            writeln!(
                text,
                "{name:first$} {samples:>8} {precision:>10.1} {recall:>7.1} {f1:>6.1}"
            )?;
        }
        let rows = self.rows().enumerate();
        let mut confused: Vec<(u64, usize, usize)> = rows
            .flat_map(|(target, row)| row.iter().enumerate().map(move |(p, n)| (*n, target, p)))
            .filter(|(count, target, predicted)| *count > 0 && target != predicted)
            .collect();
        confused.sort_unstable_by_key(|&(count, target, predicted)| {
            (std::cmp::Reverse(count), target, predicted)
        });
        if !confused.is_empty() {
            writeln!(text, "most often taken for another:")?;
        }
        for (count, target, predicted) in confused.into_iter().take(LISTED) {
            writeln!(
                text,
                "{count:>8}  {} for {}",
                names[target], names[predicted]
            )?;
        }
        Ok(())
    }

    fn summary(&self, text: &mut String) -> fmt::Result {
        let samples = self.samples();
        if samples == 0 {
            return text.write_str("no samples\n");
        }
        let [accuracy, balanced, f1] = [
            self.accuracy(),
            self.balanced_accuracy(),
            self.f1(Average::Macro),
        ]
        .map(|share| 100.0 * share);
        writeln!(
            text,
            "accuracy {accuracy:.1} %, balanced {balanced:.1} %, macro F1 {f1:.1} %; {samples} samples"
        )
    }
}

/// On lines of up to 80 letters; see [`text`](ConfusionMatrix::text).
impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(80).trim_end())
    }
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

/// The same in at most so many letters, on one line.
pub(super) fn short(name: &str, most: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let name: String = name.chars().map(plain).collect();
    if letters(&name) <= most {
        return name;
    }
    let start = name.chars().take(most.saturating_sub(1));
    start.chain(['…']).collect()
}
