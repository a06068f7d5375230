//! One panel: which values it shows, and how.

use std::sync::Arc;

use kuva::{
    plot::{LegendPosition, LinePlot, ScatterPlot},
    render::{
        layout::{Layout, TickFormat},
        plots::Plot,
    },
};

use super::{
    super::metrics::{Record, names},
    series::Series,
};
use crate::plot::COLOURS;

/// What the panels show: title, axis label, factor, and values with what a line's name says of them.
type Kind = (
    &'static str,
    &'static str,
    f64,
    &'static [(&'static str, &'static str)],
);

const KINDS: [Kind; 8] = [
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
    (
        "Largest eigenvalue of the Hessian",
        "λ max",
        1.0,
        &[(names::LAMBDA_MAX, "")],
    ),
    (
        "m-sharpness",
        "L(w + e) − L(w)",
        1.0,
        &[(names::M_SHARPNESS, "")],
    ),
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
                    name: format!("{}{suffix}", short(split)),
                    colour,
                    dashed: i > 0,
                    series,
                });
            }
        }
    }
    let title = match lines.iter().map(|line| line.series.missing).sum() {
        0 => (*title).into(),
        1_usize => format!("{title} (1 value not drawn)"),
        n => format!("{title} ({n} values not drawn)"),
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
        let points = || {
            let lines = self.lines.iter();
            lines.flat_map(|line| line.series.segments.iter().flatten())
        };
        let x = apart(range(points().map(|point| point.0)));
        let (axis, y) = Axis::of(range(points().map(|point| point.1)));
        let legend = self.lines.len() > 1;
        let mut plots: Vec<Plot> = Vec::new();
        for line in &self.lines {
            // One entry in the legend, however many segments.
            let mut name = legend.then_some(&line.name);
            for segment in &line.series.segments {
                let segment = segment.iter().map(|&(x, y)| (x, axis.map(y)));
                plots.push(draw_segment(line, segment.collect(), name.take()));
            }
        }
        if plots.is_empty() {
            // Axes with nothing between them, rather than no axes.
            plots.push(LinePlot::new().with_data([(0.0, 0.0); 0]).into());
        }
        let label = match axis {
            Axis::Exponent => format!("log10 of {}", self.label),
            _ => self.label.into(),
        };
        let mut layout = Layout::new(x, y)
            .with_title(&self.title)
            .with_title_size(15)
            .with_x_label("epoch")
            .with_y_label(label)
            .with_label_size(13);
        match axis {
            Axis::Log => layout = layout.with_log_y(),
            Axis::Linear => layout = layout.with_y_tick_format(ticks(y)),
            Axis::Exponent => {}
        }
        if legend {
            let letters = self.lines.iter().map(|line| line.name.chars().count());
            let width = 55.0 + 7.0 * letters.max().unwrap_or(0) as f64;
            layout = layout
                .with_legend_position(LegendPosition::OutsideRightTop)
                .with_legend_width(width)
                .with_legend_box(false);
            layout.show_legend = true;
        }
        (plots, layout)
    }
}

/// Labels of ticks with as many digits as tell them apart, and no more.
fn ticks((low, high): (f64, f64)) -> TickFormat {
    let size = low.abs().max(high.abs());
    let digits = ((size / (high - low)).log10().max(0.0) + 3.0) as usize;
    let plain = (1e-3..1e6).contains(&size);
    TickFormat::Custom(Arc::new(move |tick| {
        // What is left of a sum that should be 0 is none.
        let tick = if tick.abs() < 1e-9 * (high - low) {
            0.0
        } else {
            tick
        };
        let rounded: f64 = format!("{tick:.digits$e}").parse().unwrap_or(tick);
        if plain || rounded == 0.0 {
            format!("{rounded}")
        } else {
            format!("{rounded:e}")
        }
    }))
}

/// How values stand on the vertical axis.
#[derive(Clone, Copy)]
enum Axis {
    Linear,
    /// Logarithmic, a tick for each decade.
    Log,
    /// The logarithms, where there are too many decades for that.
    Exponent,
}

impl Axis {
    /// The axis for values of this range, and its ends.
    fn of((low, high): (f64, f64)) -> (Self, (f64, f64)) {
        let axis = match high / low {
            _ if low <= 0.0 => Self::Linear,
            ratio if ratio > 1e12 => Self::Exponent,
            ratio if ratio > 100.0 => Self::Log,
            _ => Self::Linear,
        };
        (axis, apart((axis.map(low), axis.map(high))))
    }

    fn map(self, value: f64) -> f64 {
        match self {
            Self::Exponent => value.log10(),
            Self::Linear | Self::Log => value,
        }
    }
}

fn draw_segment(line: &Line, segment: Vec<(f64, f64)>, name: Option<&String>) -> Plot {
    if let [point] = segment[..] {
        let plot = ScatterPlot::new()
            .with_data([point])
            .with_color(line.colour);
        return match name {
            Some(name) => plot.with_legend(name),
            None => plot,
        }
        .into();
    }
    let mut plot = LinePlot::new().with_data(segment).with_color(line.colour);
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

/// A name that leaves room for the lines.
fn short(name: &str) -> String {
    match name.char_indices().nth(20) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.into(),
    }
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
