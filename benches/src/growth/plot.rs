//! Time and memory over what they should grow with, all relative to the smallest size.

use std::path::Path;

use anyhow::Result;
use sam_examples::{Chart, Line, Spread};

use crate::{Growth, Size};

/// Draws both.
pub(crate) fn save(all: &[Growth], path: &Path) -> Result<()> {
    let charts = [
        chart("A SAM step's time", all, |size| size.ms),
        chart("A SAM step's memory", all, |size| size.mib),
    ];
    Chart::save(&charts, path)
}

fn chart(title: &str, all: &[Growth], of: fn(&Size) -> f64) -> Chart {
    let point = |x: f64, mean: f64| (x, Spread { mean, std: 0.0 });
    let mut lines: Vec<_> = all
        .iter()
        .map(|growth| {
            let first = &growth.sizes[0];
            let points = growth
                .sizes
                .iter()
                .map(|size| point(size.work / first.work, of(size) / of(first)));
            Line {
                name: growth.name.to_owned(),
                points: points.collect(),
            }
        })
        .collect();
    let most = lines.iter().flat_map(|line| &line.points);
    let most = most.map(|(x, _)| *x).fold(1.0, f64::max);
    lines.push(Line {
        name: "in proportion".to_owned(),
        points: vec![point(1.0, 1.0), point(most, most)],
    });
    Chart {
        title: title.to_owned(),
        x_label: "samples, weights or chunks, over the fewest",
        y_label: "over that of the smallest size",
        log: (true, true),
        lines,
    }
}
