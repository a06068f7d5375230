//! The attribute.

use super::writer::Writer;

/// Below every weight's last bit.
const SMALL: &str = "1e-30";

/// The attribute's text, and whether its rho is the run's (and so can be 0).
pub(super) fn attribute(w: &mut Writer, model: &str, chunks: Option<usize>) -> (String, bool) {
    let by_run = w.chance(60);
    let rho = if by_run { "radius()" } else { SMALL };
    let mut keys = vec![format!("rho = {rho}")];
    if w.chance(25) {
        let norm = w.pick(&["l1", "l2", "linf", "l1.5"]);
        keys.push(format!("norm = \"{norm}\""));
    }
    if let Some(m) = chunks {
        let m = if w.chance(30) {
            format!("{{ {} / 2 }}", 2 * m)
        } else {
            m.to_string()
        };
        keys.push(format!("m = {m}"));
    }
    if w.chance(10) {
        keys.push("nonfinite = \"skip\"".to_owned());
    }
    if w.chance(10) {
        keys.push("clip = 1e6".to_owned());
    }
    if w.chance(10) {
        keys.push(format!("model = {model}"));
    }
    (format!("#[sam_train({})]", keys.join(", ")), by_run)
}
