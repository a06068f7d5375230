//! Which word was meant.

/// The one of `known` that the user most likely meant by `word`.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |k: &&str| edit_distance(word, k);
    let best = known.iter().copied().min_by_key(|k| distance(k))?;
    let allowed = (best.len() / 3).max(1);
    (distance(&best) <= allowed).then_some(best)
}

/// The number of edits between two words, a swap of neighbours being one (Damerau and Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replace = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swap = (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    .then(|| table[i - 2][j - 2] + 1);
                let shorter = table[i - 1][j].min(table[i][j - 1]) + 1;
                replace.min(shorter).min(swap.unwrap_or(usize::MAX))
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let known = ["rho", "norm", "nonfinite", "split"];
        assert_eq!(nearest("roh", &known), Some("rho"));
        assert_eq!(nearest("foo", &known), None);
        assert_eq!(nearest("rh", &known), Some("rho"));
        assert_eq!(nearest("non_finite", &known), Some("nonfinite"));
        assert_eq!(nearest("lr", &known), None);
    }
}
