//! A plot of some lines, and a table, as files.

use std::{fs, path::Path};

use kuva::{
    backend::svg::SvgBackend,
    plot::{LegendPosition, LinePlot, ScatterPlot},
    render::{layout::Layout, plots::Plot, render::render_multiple},
};

/// Colours that also those tell apart who see few (Okabe & Ito 2008).
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// A line of a chart: its name, and its points.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) dashed: bool,
}

/// What stands around the lines.
pub(crate) struct Frame<'a> {
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    pub(crate) legend: LegendPosition,
    /// Names for x = 0, 1, 2 ..., where x is no number.
    pub(crate) names: Option<Vec<String>>,
}

/// Writes a chart as SVG.
pub(crate) fn save(path: &Path, frame: Frame<'_>, lines: &[Line<'_>]) -> anyhow::Result<()> {
    let mut plots = Vec::new();
    // Lines of one name share a colour: the name before the comma.
    let mut subjects: Vec<&str> = Vec::new();
    for line in lines {
        let subject = line.name.split(',').next().unwrap_or(line.name);
        let seen = subjects.iter().position(|s| *s == subject);
        let index = seen.unwrap_or_else(|| {
            subjects.push(subject);
            subjects.len() - 1
        });
        let colour = COLOURS[index % COLOURS.len()];
        let mut plot = LinePlot::new()
            .with_data(line.points.clone())
            .with_color(colour)
            .with_stroke_width(2.0)
            .with_legend(line.name);
        if line.dashed {
            plot = plot.with_dashed();
        }
        plots.push(Plot::Line(plot));
        if frame.names.is_some() {
            let dots = ScatterPlot::new()
                .with_data(line.points.clone())
                .with_color(colour)
                .with_size(4.0);
            plots.push(Plot::Scatter(dots));
        }
    }
    let mut layout = Layout::auto_from_plots(&plots)
        .with_x_label(frame.x)
        .with_y_label(frame.y)
        .with_width(480.0)
        .with_height(340.0)
        .with_legend_position(frame.legend);
    if let Some(names) = frame.names {
        let last = names.len().saturating_sub(1) as f64;
        layout = layout
            .with_x_axis_min(-0.2)
            .with_x_axis_max(last + 0.2)
            .with_x_tick_step(1.0)
            .with_x_tick_format(kuva::render::layout::TickFormat::Custom(
                std::sync::Arc::new(move |x: f64| {
                    let on_a_name = (x - x.round()).abs() < 1e-9 && x > -0.5;
                    let name = on_a_name.then(|| names.get(x.round() as usize)).flatten();
                    name.cloned().unwrap_or_default()
                }),
            ));
    }
    let svg = SvgBackend::new().render_scene(&render_multiple(plots, layout));
    fs::write(path, svg)?;
    Ok(())
}

/// Writes a table as Markdown, to be included by a page.
pub(crate) fn table(path: &Path, head: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.to_vec());
    text += &line(vec!["---"; head.len()]);
    for row in rows {
        text += &line(row.iter().map(String::as_str).collect());
    }
    fs::write(path, text)?;
    Ok(())
}

/// A share as per cent, which stays on one line.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", 100.0 * share)
}
