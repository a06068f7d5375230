//! What a model file says beside the weights, as the texts of its metadata.

use std::{collections::BTreeMap, path::Path};

use serde::{Serialize, de::DeserializeOwned};

use super::{Description, PredictError, Preprocessing};

const FORMAT: &str = "sam-train model";
/// Of the format; another one is not read.
const VERSION: &str = "1";

/// The texts that say what `about` says.
pub(super) fn of(about: &Description) -> BTreeMap<String, String> {
    let (inputs, preprocessing) = match &about.preprocessing {
        Preprocessing::None => ("tensors", None),
        #[cfg(feature = "image")]
        Preprocessing::Pictures(input) => ("pictures", Some(json(input))),
        #[cfg(feature = "table")]
        Preprocessing::Rows(encoder) => ("rows", Some(json(encoder))),
    };
    let mut texts: BTreeMap<String, String> = [
        ("format", FORMAT.to_owned()),
        ("version", VERSION.to_owned()),
        ("classes", json(&about.classes)),
        ("inputs", inputs.to_owned()),
    ]
    .map(|(key, text)| (key.to_owned(), text))
    .into();
    texts.extend(preprocessing.map(|text| ("preprocessing".to_owned(), text)));
    texts
}

/// What `texts`, those of the file `path`, say.
pub(super) fn read(
    path: &Path,
    texts: &BTreeMap<String, String>,
) -> Result<Description, PredictError> {
    let texts = Texts { path, texts };
    match texts.texts.get("format") {
        Some(format) if format == FORMAT => {}
        found => {
            return Err(PredictError::NotAModel {
                path: path.into(),
                found: found.cloned(),
            });
        }
    }
    let version = texts.get("version")?;
    if version != VERSION {
        return Err(PredictError::Version {
            path: path.into(),
            found: version.to_owned(),
            read: VERSION,
        });
    }
    let preprocessing = match texts.get("inputs")? {
        "tensors" => Preprocessing::None,
        #[cfg(feature = "image")]
        "pictures" => Preprocessing::Pictures(texts.parse("preprocessing")?),
        #[cfg(feature = "table")]
        "rows" => Preprocessing::Rows(texts.parse("preprocessing")?),
        #[cfg(not(feature = "image"))]
        "pictures" => return Err(texts.without("pictures", "image")),
        #[cfg(not(feature = "table"))]
        "rows" => return Err(texts.without("rows", "table")),
        other => {
            let reason = format!("`{other}` is none of `pictures`, `rows` and `tensors`");
            return Err(texts.wrong("inputs", reason));
        }
    };
    let about = Description {
        classes: texts.parse("classes")?,
        preprocessing,
    };
    let checked = about.check();
    checked.map_err(|error| texts.wrong("classes", error.to_string()))?;
    Ok(about)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("finite numbers and texts can be written")
}

/// The texts of a file.
struct Texts<'a> {
    path: &'a Path,
    texts: &'a BTreeMap<String, String>,
}

impl Texts<'_> {
    fn get(&self, key: &'static str) -> Result<&str, PredictError> {
        let text = self.texts.get(key).map(String::as_str);
        text.ok_or_else(|| self.wrong(key, "it is missing".into()))
    }

    fn parse<T: DeserializeOwned>(&self, key: &'static str) -> Result<T, PredictError> {
        let value = serde_json::from_str(self.get(key)?);
        value.map_err(|error| self.wrong(key, error.to_string()))
    }

    fn wrong(&self, key: &'static str, reason: String) -> PredictError {
        PredictError::Metadata {
            path: self.path.into(),
            key,
            reason,
        }
    }

    #[cfg(not(all(feature = "image", feature = "table")))]
    fn without(&self, inputs: &'static str, feature: &'static str) -> PredictError {
        PredictError::Feature {
            path: self.path.into(),
            inputs,
            feature,
        }
    }
}
