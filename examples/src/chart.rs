use std::{path::Path, sync::Arc};

use kuva::{
    backend::{png::PngBackend, svg::SvgBackend},
    plot::{LegendPosition, LinePlot, ScatterPlot},
    render::{
        figure::Figure,
        layout::{Layout, TickFormat},
        plots::Plot,
    },
};

use crate::Spread;

/// Colours that also those tell apart who see few (Okabe & Ito 2008).
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#000000",
];

/// A line of a [`Chart`].
pub struct Line {
    /// In the legend.
    pub name: String,
    /// `x`, and where the line lies there; the deviation is drawn as a bar.
    pub points: Vec<(f64, Spread)>,
}

/// Lines over an axis.
pub struct Chart {
    /// Above it.
    pub title: String,
    /// What the horizontal axis shows.
    pub x_label: &'static str,
    /// What the vertical axis shows.
    pub y_label: &'static str,
    /// Whether the axes are logarithmic: x, y.
    pub log: (bool, bool),
    /// At most six.
    pub lines: Vec<Line>,
}

impl Chart {
    /// Draws charts side by side into a file, as its name says: an SVG or a PNG image.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn save(charts: &[Self], path: &Path) -> anyhow::Result<()> {
        let (plots, layouts) = charts.iter().map(Self::draw).unzip();
        let scene = Figure::new(1, charts.len())
            .with_plots(plots)
            .with_layouts(layouts)
            .with_cell_size(520.0, 400.0)
            .render();
        let bytes = match path.extension().is_some_and(|extension| extension == "png") {
            true => PngBackend::new()
                .render_scene(&scene)
                .map_err(anyhow::Error::msg)?,
            false => SvgBackend::new().render_scene(&scene).into_bytes(),
        };
        Ok(std::fs::write(path, bytes)?)
    }

    fn draw(&self) -> (Vec<Plot>, Layout) {
        let mut plots: Vec<Plot> = Vec::new();
        for (line, colour) in self.lines.iter().zip(COLOURS) {
            let means = || line.points.iter().map(|(x, y)| (*x, y.mean));
            let mut plot = LinePlot::new()
                .with_data(means())
                .with_color(colour)
                .with_stroke_width(2.0)
                .with_legend(&line.name);
            if line.points.iter().any(|(_, y)| y.std > 0.0) {
                plot = plot.with_y_err(line.points.iter().map(|(_, y)| y.std));
            }
            plots.push(plot.into());
            // Marks on a dense curve would hide it.
            if line.points.len() < 50 {
                let marks = ScatterPlot::new().with_data(means());
                plots.push(marks.with_color(colour).with_size(3.0).into());
            }
        }
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = apart(range(points().map(|(x, _)| *x)), self.log.0);
        let y = range(points().flat_map(|(_, y)| [y.mean - y.std, y.mean + y.std]));
        let mut layout = Layout::new(x, y)
            .with_title(&self.title)
            .with_title_size(15)
            .with_x_label(self.x_label)
            .with_y_label(self.y_label)
            .with_label_size(13)
            .with_legend_position(LegendPosition::OutsideRightTop)
            .with_legend_box(false)
            .with_legend_width(55.0 + 7.5 * self.longest_name())
            .with_x_axis_min(x.0)
            .with_x_axis_max(x.1);
        layout.show_legend = self.lines.len() > 1;
        if self.log.0 {
            let plain = TickFormat::Custom(Arc::new(|x| x.to_string()));
            layout = layout.with_log_x().with_x_tick_format(plain);
        }
        if self.log.1 {
            layout = layout.with_log_y();
        }
        (plots, layout)
    }

    /// The letters of the longest name in the legend.
    fn longest_name(&self) -> f64 {
        let letters = self.lines.iter().map(|line| line.name.chars().count());
        letters.max().unwrap_or(0) as f64
    }
}

/// The smallest and the largest one.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// The same with a margin, so that nothing lies on the frame.
fn apart((low, high): (f64, f64), is_log: bool) -> (f64, f64) {
    const MARGIN: f64 = 0.03;
    match is_log {
        true => {
            let factor = (high / low).powf(MARGIN);
            (low / factor, high * factor)
        }
        false => {
            let margin = MARGIN * (high - low);
            (low - margin, high + margin)
        }
    }
}
