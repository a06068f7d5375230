//! Pictures as SVG and PNG: [`Curves`](crate::run::plot::Curves) of a run, and what
//! [`analysis`](crate::analysis) finds. With the feature `plot`.

use std::{
    io,
    path::{Path, PathBuf},
};

use kuva::{
    backend::{png::PngBackend, svg::SvgBackend},
    render::{
        figure::Figure,
        layout::Layout,
        plots::Plot,
        render::{Scene, render_multiple},
    },
};

use crate::files;

/// Colours that also those tell apart who see few (Okabe & Ito 2008).
pub(crate) const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];

/// The same, for lines on a dark ground.
const COLOURS_ON_DARK: [&str; 6] = [
    "#56b4e9", "#e69f00", "#2fc79a", "#cc79a7", "#f0e442", "#f07838",
];

/// What a picture stands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on a dark grey.
    Dark,
}

impl Theme {
    /// Colours for lines, the most distinct ones first.
    pub(crate) fn colours(self) -> [&'static str; 6] {
        match self {
            Self::Light => COLOURS,
            Self::Dark => COLOURS_ON_DARK,
        }
    }

    pub(crate) fn background(self) -> &'static str {
        match self {
            Self::Light => "#ffffff",
            Self::Dark => "#1e1e1e",
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Light => "#101010",
            Self::Dark => "#e0e0e0",
        }
    }

    /// Of frames.
    pub(crate) fn line(self) -> &'static str {
        match self {
            Self::Light => "#606060",
            Self::Dark => "#a0a0a0",
        }
    }

    /// The library's own.
    pub(crate) fn of_kuva(self) -> kuva::render::theme::Theme {
        match self {
            Self::Light => kuva::render::theme::Theme::light(),
            Self::Dark => kuva::render::theme::Theme::dark(),
        }
    }
}

/// A picture, to be had as SVG or PNG.
///
/// ```
/// use sam_runtime::analysis::LossLine;
///
/// let line = LossLine { at: vec![0.0, 0.5, 1.0], losses: vec![0.2, 1.5, 0.1] };
/// assert!(line.picture().svg().starts_with("<svg"));
/// ```
pub struct Picture(Scene);

impl Picture {
    /// One panel.
    pub(crate) fn of(plots: Vec<Plot>, layout: Layout) -> Self {
        Self(render_multiple(plots, layout))
    }

    /// Several panels.
    pub(crate) fn of_figure(figure: Figure) -> Self {
        Self(figure.render())
    }

    /// What was drawn by hand.
    pub(crate) fn of_scene(scene: Scene) -> Self {
        Self(scene)
    }

    /// As SVG.
    pub fn svg(&self) -> String {
        SvgBackend::new().render_scene(&self.0)
    }

    /// As a PNG image, two pixels for each unit of the SVG. Its font comes with the crate.
    ///
    /// # Errors
    /// [`PlotError::Image`].
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        let image = PngBackend::new().render_scene(&self.0);
        image.map_err(|reason| PlotError::Image { reason })
    }

    /// Writes the picture, as the file's name says: `.svg` or `.png`.
    ///
    /// # Errors
    /// See [`PlotError`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        let path = path.as_ref();
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let bytes = match extension.to_str() {
            Some("svg") => self.svg().into_bytes(),
            Some("png") => self.png()?,
            _ => return Err(PlotError::Format { path: path.into() }),
        };
        files::save(path, &bytes).map_err(|reason| PlotError::File {
            path: path.into(),
            reason,
        })
    }
}

/// Why a picture could not be drawn or written.
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
