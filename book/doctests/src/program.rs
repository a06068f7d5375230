//! Programs that cargo has built beside a test.

use std::{env, path::PathBuf, process::Command};

use crate::page::root;

/// The example `name` of `package`, with these features: as it was built beside this test, or else as cargo
/// runs it. It runs in the root of the repository.
pub fn example(package: &str, name: &str, features: &[String]) -> Command {
    let built = env::current_exe().ok().and_then(|test| {
        let profile: PathBuf = test.parent()?.parent()?.into();
        let path = profile.join("examples").join(name);
        let path = path.with_extension(env::consts::EXE_EXTENSION);
        path.exists().then_some(path)
    });
    let mut program = match built {
        Some(path) => Command::new(path),
        None => {
            let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut cargo = Command::new(cargo);
            cargo.args(["run", "--quiet", "--example", name, "-p", package]);
            if !features.is_empty() {
                cargo.args(["--features", &features.join(",")]);
            }
            cargo.arg("--");
            cargo
        }
    };
    program.current_dir(root());
    program
}
