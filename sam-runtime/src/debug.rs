//! `Debug` of errors: what Rust prints when `main` returns one. It says what `Display` says.

use std::{error::Error, fmt};

/// Writes `error` as a user should read it: its text, and the reasons underneath that the text doesn't
/// already hold.
pub(crate) fn say(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        let more = reason.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = reason.source();
    }
    f.write_str(&text)
}

/// Gives errors a `Debug` that is their `Display`.
macro_rules! debug_as_display {
    ($($error:ty),+ $(,)?) => {$(
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::debug::say(self, f)
            }
        }
    )+};
}
pub(crate) use debug_as_display;

#[cfg(all(test, feature = "data", feature = "run"))]
mod tests {
    use std::path::PathBuf;

    use crate::{
        data::DataError,
        nn::weights::WeightsError,
        optim::StateError,
        run::{ConfigError, RunConfig, RunError, checkpoint::CheckpointError, load},
        schedule::Schedule,
        step::StepError,
    };

    /// What a `main` that returns this error prints after `Error: `.
    fn printed(error: impl Into<Box<dyn std::error::Error>>) -> String {
        format!("{:?}", error.into())
    }

    #[test]
    fn a_main_prints_sentences() {
        let out = PathBuf::from("runs/own");
        assert_eq!(
            printed(RunError::Exists { out }),
            "runs/own: has the checkpoints of an earlier run; set `resume = true` to go on with it, or choose \
             another folder `out`"
        );
        let name = || "w".to_owned();
        assert_eq!(
            printed(RunError::from(CheckpointError::Missing { name: name() })),
            "the checkpoint has no `w`; was it written by another program?"
        );
        assert_eq!(
            printed(StepError::Rho(-1.0)),
            "rho must be finite and not negative, and is -1"
        );
        let errors: [Box<dyn std::error::Error>; 4] = [
            Box::new(WeightsError::File {
                path: "w.safetensors".into(),
                action: "read",
                reason: std::io::ErrorKind::NotFound.into(),
            }),
            Box::new(StateError::Kind {
                expected: "sgd",
                found: "adam".into(),
            }),
            Box::new(DataError::Missing {
                dir: "data".into(),
                what: "MNIST training images".into(),
                names: vec![name()],
            }),
            Box::new(Schedule::constant(-1.0).validate().unwrap_err()),
        ];
        for error in errors {
            assert_eq!(format!("{error:?}"), error.to_string());
        }
    }

    #[test]
    fn a_wrong_configuration_has_its_line_and_not_the_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("run.toml");
        let text = "out = 'runs/own'\nepochs = 0\noptimizer.kind = 'sgd'";
        std::fs::write(&file, text).unwrap();
        let error = load::<RunConfig>(&file).unwrap_err();
        assert!(matches!(error, ConfigError::Content { .. }));
        let text = error.to_string();
        let printed = printed(error);
        assert_eq!(printed, text);
        assert!(printed.contains("line 2, column 10"), "{printed}");
        assert!(!printed.contains("runs/own"), "{printed}");
    }

    #[test]
    fn a_reason_is_told_once() {
        // The text of this one holds that of its source.
        let reason = StateError::Kind {
            expected: "sgd",
            found: "adam".into(),
        };
        let error = RunError::from(reason);
        assert_eq!(format!("{error:?}"), error.to_string());
        // The text of this one doesn't.
        #[derive(thiserror::Error, Debug)]
        #[error("no weather")]
        struct Outer(#[source] std::fmt::Error);
        let error = DataError::Other(Box::new(Outer(std::fmt::Error)));
        assert_eq!(
            format!("{error:?}"),
            format!("no weather: {}", std::fmt::Error)
        );
    }
}
