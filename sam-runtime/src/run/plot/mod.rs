//! The curves of a run, as SVG and PNG. With the feature `plot`.

mod panel;
mod series;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
};

use kuva::{
    backend::{png::PngBackend, svg::SvgBackend},
    render::{figure::Figure, render::Scene},
};

use super::metrics::Record;
use crate::files;
use panel::Panel;

/// A figure with a panel for each of loss, accuracy, learning rate, rho, sharpness and gradient norm
/// that the records have, over the epochs, with a line for each split.
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
        Ok(SvgBackend::new().render_scene(&self.scene()?))
    }

    /// The figure as a PNG image, two pixels for each unit of the SVG. Its font comes with the crate.
    ///
    /// # Errors
    /// [`PlotError::Empty`], [`PlotError::Image`].
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        let image = PngBackend::new().render_scene(&self.scene()?);
        image.map_err(|reason| PlotError::Image { reason })
    }

    /// Writes the figure, as its name says: `.svg` or `.png`.
    ///
    /// # Errors
    /// See [`PlotError`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        let path = path.as_ref();
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let bytes = match extension.to_str() {
            Some("svg") => self.svg()?.into_bytes(),
            Some("png") => self.png()?,
            _ => return Err(PlotError::Format { path: path.into() }),
        };
        files::save(path, &bytes).map_err(|reason| PlotError::File {
            path: path.into(),
            reason,
        })
    }

    fn scene(&self) -> Result<Scene, PlotError> {
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
        Ok(figure.render())
    }
}

/// Why curves could not be drawn or written.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// There is nothing to draw.
    #[error(
        "the records have no loss, accuracy or other value that is drawn; did the run write any?"
    )]
    Empty,
    /// A file's name doesn't say what to write.
    #[error("{}: end the name with .svg or .png", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The file can't be written.
    #[error("{}", files::failure(.path, "write", .reason))]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// The image can't be made.
    #[error("can't make the PNG image ({reason}); write an .svg instead")]
    Image {
        /// The reason of the library that draws.
        reason: String,
    },
}

crate::debug::debug_as_display!(PlotError);
