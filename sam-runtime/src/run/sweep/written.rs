//! A sweep's table as text, CSV and JSON lines.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value, json};

use super::{Row, Summary, SweepTable};

/// In the text, what a row has no value of.
const NONE: &str = "-";

impl fmt::Display for SweepTable {
    /// A line for each row: its values, how many trials are done, and each mean with its deviation over seeds. Below, which trials have
    /// failed, and why.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys();
        let mut head: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        head.push("trials".to_owned());
        head.extend(self.names.iter().cloned());
        let mut lines = vec![head];
        for row in &self.rows {
            let mut line: Vec<String> = labels(row).map(one_line).collect();
            line.push(match row.trials().len() {
                all if all == row.done() => all.to_string(),
                all => format!("{}/{all}", row.done()),
            });
            let shown = |name: &String| row.value(name).map_or(NONE.to_owned(), shown);
            line.extend(self.names.iter().map(shown));
            lines.push(line);
        }
        let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|i| {
                let cells = lines.iter().filter_map(|line| line.get(i));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for line in &lines {
            let mut text = String::new();
            for (cell, width) in line.iter().zip(&widths) {
                write!(text, "{cell:<width$}  ")?;
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        let mut is_first = true;
        for (row, seed, reason) in self.failed() {
            if std::mem::take(&mut is_first) {
                writeln!(f, "\nfailed:")?;
            }
            let settings = row.settings().iter();
            let mut name: Vec<String> = settings.map(|(k, v)| format!("{k}={v}")).collect();
            name.extend(seed.map(|seed| format!("seed={seed}")));
            writeln!(f, "  {}: {}", one_line(&name.join(", ")), one_line(reason))?;
        }
        match self.open() {
            0 => Ok(()),
            1 => writeln!(f, "\n1 trial is still to be run"),
            open => writeln!(f, "\n{open} trials are still to be run"),
        }
    }
}

impl SweepTable {
    /// As CSV: the keys; `done`, `failed` and `open`, how many trials are so; and for each value its mean under its own name,
    /// `NAME_deviation`, `NAME_lowest` and `NAME_highest`.
    pub fn csv(&self) -> String {
        let mut head: Vec<String> = self.keys().into_iter().map(str::to_owned).collect();
        head.extend(["done", "failed", "open"].map(str::to_owned));
        for name in &self.names {
            head.push(name.clone());
            head.extend(["deviation", "lowest", "highest"].map(|of| format!("{name}_{of}")));
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut lines = vec![head];
        for row in &self.rows {
            let mut line: Vec<String> = labels(row).map(str::to_owned).collect();
            line.extend(counts(row).map(|(_, count): (_, usize)| count.to_string()));
            for name in &self.names {
                let value = row.value(name);
                let text = |of: fn(Summary) -> Option<f64>| {
                    value.and_then(of).map_or(String::new(), |x| x.to_string())
                };
                line.extend([
                    text(|value| Some(value.mean)),
                    text(|value| value.deviation),
                    text(|value| Some(value.lowest)),
                    text(|value| Some(value.highest)),
                ]);
            }
            lines.push(line);
        }
        for line in lines {
            // Into memory, lines of one length: nothing can fail.
            let _ = writer.write_record(line);
        }
        let bytes = writer.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// As JSON, a line for each row: `settings`, `done`, `failed` and `open`, and under `values` for each name `mean`, `deviation`,
    /// `lowest`, `highest` and `all`, those of its trials. What is no finite number is `null`.
    pub fn json_lines(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let settings = row.settings().iter();
            let settings: Map<String, Value> =
                settings.map(|(k, v)| (k.clone(), scalar(v))).collect();
            let values = self.names.iter().filter_map(|name| {
                let value = row.value(name)?;
                let all: Vec<f64> = row.values(name).collect();
                let of = json!({
                    "mean": value.mean,
                    "deviation": value.deviation,
                    "lowest": value.lowest,
                    "highest": value.highest,
                    "all": all,
                });
                Some((name.clone(), of))
            });
            let mut line = Map::new();
            line.insert("settings".into(), settings.into());
            for (name, count) in counts(row) {
                line.insert(name.into(), count.into());
            }
            line.insert("values".into(), values.collect::<Map<_, _>>().into());
            text.push_str(&Value::from(line).to_string());
            text.push('\n');
        }
        text
    }

    pub(super) fn keys(&self) -> Vec<&str> {
        let settings = self.rows.first().map(Row::settings).unwrap_or_default();
        settings.iter().map(|(key, _)| &**key).collect()
    }
}

fn labels(row: &Row) -> impl Iterator<Item = &str> {
    row.settings().iter().map(|(_, label)| &**label)
}

fn counts(row: &Row) -> [(&'static str, usize); 3] {
    let (done, failed) = (row.done(), row.failures());
    [
        ("done", done),
        ("failed", failed),
        ("open", row.trials().len() - done - failed),
    ]
}

/// A number or truth value as one, anything else as a text.
fn scalar(label: &str) -> Value {
    match serde_json::from_str(label) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => label.into(),
    }
}

/// A mean with its deviation, both to the digit that the deviation leaves sure, and one more.
fn shown(value: Summary) -> String {
    let digits = |x: f64| -> usize {
        let exponent = x.abs().log10().floor();
        if exponent.is_finite() {
            (3.0 - exponent).clamp(0.0, 12.0) as usize
        } else {
            4
        }
    };
    let is_plain = |x: f64| x == 0.0 || (1e-4..1e6).contains(&x.abs());
    let Summary {
        mean, deviation, ..
    } = value;
    if !is_plain(mean) {
        return match deviation {
            Some(deviation) => format!("{mean:.3e} ± {deviation:.1e}"),
            None => format!("{mean:.3e}"),
        };
    }
    match deviation {
        Some(deviation) => {
            // Two digits of the deviation.
            let of_it = if deviation > 0.0 {
                digits(deviation).saturating_sub(2)
            } else {
                0
            };
            let digits = digits(mean).max(of_it);
            format!("{mean:.digits$} ± {deviation:.digits$}")
        }
        None => format!("{mean:.0$}", digits(mean)),
    }
}

/// A text without line breaks, that a line has room for.
fn one_line(text: &str) -> String {
    const LONG: usize = 200;
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
