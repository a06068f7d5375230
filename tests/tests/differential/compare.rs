//! Whether two runs can be told apart.

/// What a program printed and showed.
pub(crate) type Lines = Vec<String>;

/// How far numbers may be apart whose sums are taken in another order.
const CLOSE: f64 = 1e-4;

/// Characters of a line that are shown.
const LONG: usize = 160;

/// The first line that differs, in both versions.
pub(crate) fn difference(plain: &Lines, other: &Lines, inexact: bool) -> Option<String> {
    let same = |a: &str, b: &str| a == b || (inexact && are_close(a, b));
    for at in 0..plain.len().max(other.len()) {
        let (a, b) = (line(plain, at), line(other, at));
        if !same(a, b) {
            let (a, b) = shortened(a, b);
            let before = plain[..at.min(plain.len())].iter().rev().take(3).rev();
            let before: String = before
                .map(|line| format!("        {}\n", start(line)))
                .collect();
            return Some(format!(
                "line {at} of {}, after\n{before}    without: {a}\n    with:    {b}",
                plain.len()
            ));
        }
    }
    None
}

/// As much of a line as can be read.
fn start(line: &str) -> String {
    let start: String = line.chars().take(LONG).collect();
    if start == line { start } else { start + " .." }
}

/// Long lines from where they differ on.
fn shortened(a: &str, b: &str) -> (String, String) {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let from = if a.len().max(b.len()) < LONG {
        0
    } else {
        same.saturating_sub(LONG / 2)
    };
    let rest = |line: &str| start(&line.chars().skip(from).collect::<String>());
    (rest(a), rest(b))
}

fn line(lines: &Lines, at: usize) -> &str {
    lines.get(at).map_or("(nothing more)", String::as_str)
}

/// Whether two lines are the same but for their numbers, and those are close.
fn are_close(a: &str, b: &str) -> bool {
    let (a, b) = (pieces(a), pieces(b));
    a.len() == b.len()
        && a.iter()
            .zip(&b)
            .all(|(a, b)| match (a.parse::<f64>(), b.parse::<f64>()) {
                (Ok(a), Ok(b)) => (a - b).abs() <= CLOSE * a.abs().max(1e-2) + last_digit_of(a),
                _ => a == b,
            })
}

/// A number may have been rounded to four digits.
fn last_digit_of(number: f64) -> f64 {
    if number.fract() == 0.0 {
        0.0
    } else {
        number.abs() * 1e-3
    }
}

/// What stands around numbers.
const BETWEEN: &str = " ,[](){}:";

fn pieces(line: &str) -> Vec<&str> {
    line.split_inclusive(|c: char| BETWEEN.contains(c))
        .flat_map(|piece| match piece.char_indices().last() {
            Some((at, last)) if BETWEEN.contains(last) => vec![&piece[..at], &piece[at..]],
            _ => vec![piece],
        })
        .filter(|piece| !piece.is_empty())
        .collect()
}
