//! What is wrong with an image folder.

use std::collections::BTreeMap;

/// What is wrong with an image folder, a class's folder in it, or an image file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderProblem {
    /// The path is no folder, or nothing is there.
    #[error("not a folder; give the folder that holds one sub-folder per class")]
    NotAFolder,
    /// There is no sub-folder to be a class.
    #[error(
        "has no class folders; put the images of each class into a sub-folder named after the class"
    )]
    NoClasses,
    /// The folder has another number of classes than the data set's type.
    #[error(
        "has {} class folders ({}), but the data set's type has {expected} classes; \
         choose a type with as many classes, or check the folder",
        .found.len(), shortened(.found)
    )]
    Classes {
        /// The names of the class folders, sorted.
        found: Vec<String>,
        /// Classes of the data set's type.
        expected: usize,
    },
    /// Another number of names was given than the data set's type has classes.
    #[error(
        "{given} class names were given for it, but the data set's type has {expected} classes; \
         choose a type with as many classes, or name as many"
    )]
    Names {
        /// Names given.
        given: usize,
        /// Classes of the data set's type.
        expected: usize,
    },
    /// One name was given for two classes.
    #[error("the class `{name}` was given twice; name each class once")]
    ClassTwice {
        /// The name.
        name: String,
    },
    /// A class that was asked for has no folder.
    #[error(
        "has no class folder `{name}`, but {}; rename its folder, or leave the class out",
        shortened(.found)
    )]
    NoSuchClass {
        /// The name.
        name: String,
        /// The names of the class folders that no other name has, sorted.
        found: Vec<String>,
    },
    /// A class has no image.
    #[error(
        "has no images{}; put {} into this class folder, or remove it",
        counted(.skipped), known(" files")
    )]
    EmptyClass {
        /// Files of other endings in it, by ending.
        skipped: BTreeMap<String, usize>,
    },
    /// What has an image's name is no file.
    #[error("is a pipe, a socket or a device, and no image; remove it, or rename it")]
    NotAFile,
    /// A link leads back to a folder that it lies in.
    #[error("leads back to a folder around it, so reading it would never end; remove the link")]
    Loop,
    /// The file is no image of a format that is read, or a damaged one.
    #[error(
        "can't decode it as {} ({reason}); replace, convert or remove the file",
        known("")
    )]
    Decode {
        /// The decoder's own words.
        reason: String,
    },
    /// The picture would take more memory than any is given.
    #[error(
        "its picture needs more than the {mib} MiB that one may take ({reason}); \
         the file is damaged or hostile, or must be made smaller first"
    )]
    TooLarge {
        /// The limit, in units of 2^20 bytes.
        mib: u64,
        /// The decoder's own words.
        reason: String,
    },
    /// The picture isn't of the data set's size, and [`Fit::Exact`](super::Fit::Exact) changes none.
    #[error(
        "its picture is {} rows x {} columns, but the data set's shape is {} x {}; \
         choose `Fit::Crop` or `Fit::Stretch`, or resize the file",
        .found[0], .found[1], .expected[0], .expected[1]
    )]
    Size {
        /// Rows and columns of the data set's shape.
        expected: [usize; 2],
        /// Rows and columns of the picture.
        found: [usize; 2],
    },
    /// [`Fit::CropFrom`](super::Fit::CropFrom) of no pixels.
    #[error("its shorter side can't be resized to 0 pixels; give `Fit::CropFrom` 1 or more")]
    NoSide,
}

/// The formats that are read.
fn known(files: &str) -> String {
    let mut formats = vec!["JPEG"];
    formats.extend(cfg!(feature = "webp").then_some("WebP"));
    formats.extend(cfg!(feature = "bmp").then_some("BMP"));
    formats.extend(cfg!(feature = "gif").then_some("GIF"));
    format!("{} or PNG{files}", formats.join(", "))
}

/// Files of other endings, in brackets.
fn counted(skipped: &BTreeMap<String, usize>) -> String {
    let each: Vec<String> = skipped
        .iter()
        .map(|(ending, count)| match ending.as_str() {
            "" => format!("{count} without an ending"),
            ending => format!("{count} `.{ending}`"),
        })
        .collect();
    match each.is_empty() {
        true => String::new(),
        false => format!(" (files of other endings: {})", shortened(&each)),
    }
}

/// The first names; a folder of a thousand classes would bury the message.
fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let first = names[..names.len().min(SHOWN)].join(", ");
    let rest = if names.len() > SHOWN { ", ..." } else { "" };
    format!("{first}{rest}")
}
