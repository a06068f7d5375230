//! The points of one line: of one run, or the mean of several.

use super::{super::metrics::Record, spread::Spread};

/// Points beyond this, or nearer to 0 than its inverse, would be lost in an axis's arithmetic.
const FAR: f64 = 1e100;

/// Pieces that a line is cut into for drawing.
const PIECES: usize = 400;

/// A value at an epoch, with the ends of its band, which are the value itself where there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// One value of one split over the epochs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    /// Unbroken runs of points.
    pub(super) segments: Vec<Vec<Point>>,
    /// Values that can't be drawn.
    pub(super) missing: usize,
}

impl Series {
    /// The values called `name` of `split`, times `scale`; `None` if there are none at all. Of several runs their mean at each epoch
    /// that one of them has a value at; the others are taken on the straight line between their own.
    pub(super) fn of(
        runs: &[&[Record]],
        (split, name): (&str, &str),
        scale: f64,
        spread: Spread,
    ) -> Option<Self> {
        let lines = runs
            .iter()
            .map(|records| Line::of(records, split, name, scale));
        let lines: Vec<Line> = lines.collect();
        let missing = lines.iter().map(|line| line.missing).sum();
        let segments = match &lines[..] {
            [line] => line.points(),
            lines => mean(lines, spread),
        };
        let segments: Vec<_> = segments.into_iter().map(thinned).collect();
        (!segments.is_empty() || missing > 0).then_some(Self { segments, missing })
    }
}

/// The points of one run.
struct Line {
    segments: Vec<Vec<(f64, f64)>>,
    missing: usize,
}

impl Line {
    fn of(records: &[Record], split: &str, name: &str, scale: f64) -> Self {
        let (mut segments, mut missing) = (vec![], 0);
        let mut segment = Vec::new();
        let of_split = records.iter().filter(|record| record.split == split);
        for (epoch, value) in of_split.filter_map(|r| Some((r.epoch, r.get(name)? * scale))) {
            if epoch.abs() < FAR && value.abs() < FAR {
                // Neither is NaN, or a comparison would have failed.
                let value = if value.abs() * FAR < 1.0 { 0.0 } else { value };
                segment.push((epoch, value));
            } else {
                missing += 1;
                segments.push(std::mem::take(&mut segment));
            }
        }
        segments.push(segment);
        segments.retain(|segment| !segment.is_empty());
        Self { segments, missing }
    }

    fn points(&self) -> Vec<Vec<Point>> {
        let point = |&(x, y): &(f64, f64)| Point {
            x,
            y,
            low: y,
            high: y,
        };
        let segments = self.segments.iter();
        segments
            .map(|segment| segment.iter().map(point).collect())
            .collect()
    }

    /// With the epochs of each segment in order, as interpolation needs them.
    fn sorted(&self) -> Vec<Vec<(f64, f64)>> {
        let mut segments = self.segments.clone();
        for segment in &mut segments {
            segment.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        segments
    }
}

/// The segment around `x`.
fn around(segments: &[Vec<(f64, f64)>], x: f64) -> Option<usize> {
    let holds = |segment: &Vec<(f64, f64)>| match (segment.first(), segment.last()) {
        (Some(first), Some(last)) => first.0 <= x && x <= last.0,
        _ => false,
    };
    segments.iter().position(holds)
}

/// A segment's value at `x`, which is within it.
fn at(segment: &[(f64, f64)], x: f64) -> f64 {
    let next = segment.partition_point(|point| point.0 < x);
    let next = next.min(segment.len() - 1);
    let (b, before) = (segment[next], segment[next.saturating_sub(1)]);
    let width = b.0 - before.0;
    match x == b.0 || width <= 0.0 {
        true => b.1,
        false => before.1 + (b.1 - before.1) * ((x - before.0) / width),
    }
}

fn mean(lines: &[Line], spread: Spread) -> Vec<Vec<Point>> {
    let lines: Vec<_> = lines.iter().map(Line::sorted).collect();
    let points = lines.iter().flatten().flatten();
    let mut epochs: Vec<f64> = points.map(|point| point.0).collect();
    epochs.sort_by(f64::total_cmp);
    epochs.dedup();
    let mut segments: Vec<Vec<Point>> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    for x in epochs {
        let places: Vec<_> = lines.iter().map(|line| around(line, x)).collect();
        let there = lines.iter().zip(&places);
        let values: Vec<f64> = there
            .filter_map(|(line, place)| place.map(|place| at(&line[place], x)))
            .collect();
        let mut pairs = before.iter().zip(&places);
        let goes_on = pairs.any(|(before, now)| now.is_some() && before == now);
        let (y, low, high) = spread.of(&values);
        let point = Point { x, y, low, high };
        match segments.last_mut() {
            Some(segment) if goes_on => segment.push(point),
            _ => segments.push(vec![point]),
        }
        before = places;
    }
    segments
}

/// The same line with at most some four points for each of [`PIECES`]: the lowest and the highest of line and band, so that
/// no peak is lost, and both ends.
fn thinned(points: Vec<Point>) -> Vec<Point> {
    if points.len() <= 2 * PIECES {
        return points;
    }
    let mut kept = vec![points[0]];
    for piece in points.chunks(points.len().div_ceil(PIECES)) {
        let least = |of: fn(&Point) -> f64| {
            let places = 0..piece.len();
            places.min_by(|&a, &b| of(&piece[a]).total_cmp(&of(&piece[b])))
        };
        let ends = [
            least(|point| point.y),
            least(|point| -point.y),
            least(|point| point.low),
            least(|point| -point.high),
        ];
        let mut ends: Vec<usize> = ends.into_iter().flatten().collect();
        ends.sort_unstable();
        ends.dedup();
        kept.extend(ends.into_iter().map(|place| piece[place]));
    }
    kept.push(points[points.len() - 1]);
    kept.dedup();
    kept
}
