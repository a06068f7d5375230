//! One panel: which values it shows, and how.

use kuva::{
    plot::{LegendPosition, LinePlot, ScatterPlot},
    render::{layout::Layout, plots::Plot},
};

use super::{
    super::metrics::{Record, names},
    series::Series,
};

/// Colours that also those tell apart who see few (Okabe & Ito 2008).
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];

/// What the panels show: title, axis label, factor, and values with what a line's name says of them.
type Kind = (
    &'static str,
    &'static str,
    f64,
    &'static [(&'static str, &'static str)],
);

const KINDS: [Kind; 6] = [
    ("Loss", "loss", 1.0, &[(names::LOSS, "")]),
    (
        "Accuracy",
        "accuracy (%)",
        100.0,
        &[(names::ACCURACY, ""), (names::TOP5, ", top 5")],
    ),
    (
        "Learning rate",
        "learning rate",
        1.0,
        &[(names::LEARNING_RATE, "")],
    ),
    (
        "Radius of the neighbourhood",
        "rho",
        1.0,
        &[(names::RHO, "")],
    ),
    (
        "Sharpness",
        "L(w + e) − L(w)",
        1.0,
        &[(names::SHARPNESS, "")],
    ),
    ("Gradient norm", "‖g‖", 1.0, &[(names::GRADIENT_NORM, "")]),
];

/// A panel and its lines.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    title: String,
    label: &'static str,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    name: String,
    colour: &'static str,
    dashed: bool,
    series: Series,
}

/// The panels that have anything to show.
pub(super) fn panels(records: &[Record]) -> Vec<Panel> {
    let mut splits: Vec<&str> = Vec::new();
    for record in records {
        if !splits.contains(&&*record.split) {
            splits.push(&record.split);
        }
    }
    let panels = KINDS
        .iter()
        .filter_map(|kind| panel(records, &splits, kind));
    panels.collect()
}

fn panel(
    records: &[Record],
    splits: &[&str],
    (title, label, scale, values): &Kind,
) -> Option<Panel> {
    let mut lines = Vec::new();
    for (split, colour) in splits.iter().zip(COLOURS.into_iter().cycle()) {
        for (i, (name, suffix)) in values.iter().enumerate() {
            if let Some(series) = Series::of(records, split, name, *scale) {
                lines.push(Line {
                    name: format!("{split}{suffix}"),
                    colour,
                    dashed: i > 0,
                    series,
                });
            }
        }
    }
    let title = match lines.iter().map(|line| line.series.missing).sum() {
        0 => (*title).into(),
        1_usize => format!("{title} (1 value is not finite)"),
        n => format!("{title} ({n} values are not finite)"),
    };
    (!lines.is_empty()).then_some(Panel {
        title,
        label,
        lines,
    })
}

impl Panel {
    /// The panel in kuva's terms.
    pub(super) fn draw(&self) -> (Vec<Plot>, Layout) {
        let mut plots: Vec<Plot> = Vec::new();
        let legend = self.lines.len() > 1;
        for line in &self.lines {
            // One entry in the legend, however many segments.
            let mut name = legend.then_some(&line.name);
            for segment in &line.series.segments {
                plots.push(draw_segment(line, segment, name.take()));
            }
        }
        let points = || {
            self.lines
                .iter()
                .flat_map(|line| line.series.segments.iter().flatten())
        };
        let x = range(points().map(|point| point.0));
        let y = range(points().map(|point| point.1));
        let log = y.0 > 0.0 && y.1 > 100.0 * y.0;
        let (x, y) = (apart(x), if log { y } else { apart(y) });
        let mut layout = Layout::new(x, y)
            .with_title(&self.title)
            .with_title_size(15)
            .with_x_label("epoch")
            .with_y_label(self.label)
            .with_label_size(13);
        if log {
            layout = layout.with_log_y();
        }
        if legend {
            layout = layout.with_legend_position(LegendPosition::OutsideRightTop);
            layout.show_legend = true;
        }
        (plots, layout)
    }
}

fn draw_segment(line: &Line, segment: &[(f64, f64)], name: Option<&String>) -> Plot {
    if let [point] = segment {
        let plot = ScatterPlot::new()
            .with_data([*point])
            .with_color(line.colour);
        return match name {
            Some(name) => plot.with_legend(name),
            None => plot,
        }
        .into();
    }
    let mut plot = LinePlot::new()
        .with_data(segment.iter().copied())
        .with_color(line.colour);
    plot = plot.with_stroke_width(1.5);
    if line.dashed {
        plot = plot.with_dashed();
    }
    match name {
        Some(name) => plot.with_legend(name),
        None => plot,
    }
    .into()
}

/// The least and the greatest; 0 and 1 of none.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let range = values
        .map(|x| (x, x))
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    range.unwrap_or((0.0, 1.0))
}

/// A range that is more than a point.
fn apart((low, high): (f64, f64)) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    if high - low > 1e-9 * size {
        return (low, high);
    }
    let margin = if size == 0.0 { 1.0 } else { 0.1 * size };
    (low - margin, high + margin)
}
