//! The curves of a run, as SVG and PNG. With the feature `plot`.

mod panel;
mod series;
#[cfg(test)]
mod tests;

use std::path::Path;

use kuva::render::figure::Figure;

use super::metrics::Record;
use crate::plot::Picture;
pub use crate::plot::PlotError;
use panel::Panel;

/// A figure with a panel for each of loss, accuracy, learning rate, rho, sharpness, gradient norm, `lambda_max` and
/// m-sharpness that the records have, over the epochs, with a line for each split.
///
/// A panel has a logarithmic axis where its values are positive and span more than two decades. Lines
/// have gaps where values are not finite or beyond 1e100, and the panel says how many. Of long runs, what
/// is drawn keeps every peak.
///
/// ```
/// use sam_runtime::run::{metrics::Record, plot::Curves};
///
/// let records: Vec<Record> = (1..=30)
///     .map(|epoch| Record::new(390 * epoch, epoch as f64, "train").with("loss", 2.3 / epoch as f64))
///     .collect();
/// let svg = Curves::new(&records).title("ResNet-20 with SAM").svg()?;
/// assert!(svg.contains("ResNet-20 with SAM"));
/// # Ok::<(), sam_runtime::run::plot::PlotError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Curves {
    title: Option<String>,
    panels: Vec<Panel>,
}

impl Curves {
    /// The curves in `records`, as from [`read_jsonl`](super::metrics::read_jsonl).
    pub fn new(records: &[Record]) -> Self {
        Self {
            title: None,
            panels: panel::panels(records),
        }
    }

    /// The same under this title.
    pub fn title(self, title: impl Into<String>) -> Self {
        let title = Some(title.into());
        Self { title, ..self }
    }

    /// The figure as SVG.
    ///
    /// # Errors
    /// [`PlotError::Empty`].
    pub fn svg(&self) -> Result<String, PlotError> {
        Ok(self.picture()?.svg())
    }

    /// The figure as a PNG image, two pixels for each unit of the SVG. Its font comes with the crate.
    ///
    /// # Errors
    /// [`PlotError::Empty`], [`PlotError::Image`].
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        self.picture()?.png()
    }

    /// Writes the figure, as its name says: `.svg` or `.png`.
    ///
    /// # Errors
    /// See [`PlotError`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        self.picture()?.save(path)
    }

    fn picture(&self) -> Result<Picture, PlotError> {
        if self.panels.is_empty() {
            return Err(PlotError::Empty);
        }
        let columns = self.panels.len().min(2);
        let (plots, layouts) = self.panels.iter().map(Panel::draw).unzip();
        let mut figure = Figure::new(self.panels.len().div_ceil(columns), columns)
            .with_cell_size(520.0, 320.0)
            .with_spacing(24.0)
            .with_padding(20.0)
            .with_plots(plots)
            .with_layouts(layouts);
        if let Some(title) = &self.title {
            figure = figure.with_title(title);
        }
        Ok(Picture::of_figure(figure))
    }
}
