//! The points of one line.

use super::super::metrics::Record;

/// Points beyond this, or nearer to 0 than its inverse, would be lost in an axis's arithmetic.
const FAR: f64 = 1e100;

/// Pieces that a line is cut into for drawing.
const PIECES: usize = 400;

/// One value of one split over the epochs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    /// Unbroken runs of points.
    pub(super) segments: Vec<Vec<(f64, f64)>>,
    /// Values that can't be drawn.
    pub(super) missing: usize,
}

impl Series {
    /// The values called `name` of `split`, times `scale`; `None` if there are none at all.
    pub(super) fn of(records: &[Record], split: &str, name: &str, scale: f64) -> Option<Self> {
        let (mut segments, mut missing) = (vec![Vec::new()], 0);
        let of_split = records.iter().filter(|record| record.split == split);
        for (epoch, value) in of_split.filter_map(|r| Some((r.epoch, r.get(name)? * scale))) {
            if epoch.abs() < FAR && value.abs() < FAR {
                // Neither is NaN, or a comparison would have failed.
                let value = if value.abs() * FAR < 1.0 { 0.0 } else { value };
                segments.last_mut()?.push((epoch, value));
            } else {
                missing += 1;
                segments.push(Vec::new());
            }
        }
        segments.retain(|segment| !segment.is_empty());
        let segments = segments.into_iter().map(thinned).collect::<Vec<_>>();
        (!segments.is_empty() || missing > 0).then_some(Self { segments, missing })
    }
}

/// The same line with at most some two points for each of [`PIECES`]: the lowest and the highest, so that
/// no peak is lost, and both ends.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= 2 * PIECES {
        return points;
    }
    let mut kept = vec![points[0]];
    for piece in points.chunks(points.len().div_ceil(PIECES)) {
        let by_value = |a: &usize, b: &usize| piece[*a].1.total_cmp(&piece[*b].1);
        let lowest = (0..piece.len()).min_by(by_value);
        let highest = (0..piece.len()).max_by(by_value);
        if let (Some(lowest), Some(highest)) = (lowest, highest) {
            kept.push(piece[lowest.min(highest)]);
            kept.push(piece[lowest.max(highest)]);
        }
    }
    kept.push(points[points.len() - 1]);
    kept.dedup();
    kept
}
