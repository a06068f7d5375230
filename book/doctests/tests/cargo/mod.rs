//! What cargo knows of the workspace: packages, features, examples and binaries.

use std::process::Command as Process;

use guide::{command::Command, page::root, program};
use serde::Deserialize;

/// The packages.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    packages: Vec<Package>,
    /// What a command means that names none.
    workspace_default_members: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    id: String,
    features: std::collections::BTreeMap<String, Vec<String>>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    #[serde(default, rename = "required-features")]
    required: Vec<String>,
}

/// An example, and what it needs.
pub(crate) struct Example {
    pub(crate) package: String,
    pub(crate) required: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn read() -> Self {
        let output = Process::new(env!("CARGO"))
            .args([
                "metadata",
                "--no-deps",
                "--format-version",
                "1",
                "--offline",
            ])
            .current_dir(root())
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The package of this name.
    pub(crate) fn package(&self, name: &str) -> Result<&Package, String> {
        let found = self.packages.iter().find(|package| package.name == name);
        found.ok_or_else(|| format!("names the package {name}, which isn't there"))
    }

    /// The example of this name in `package`, or where a command without a package finds it.
    pub(crate) fn example(&self, package: Option<&str>, name: &str) -> Result<Example, String> {
        let is_meant = |candidate: &&Package| match package {
            Some(package) => candidate.name == package,
            None => self.workspace_default_members.contains(&candidate.id),
        };
        for package in self.packages.iter().filter(is_meant) {
            let mut examples = package.targets.iter().filter(|t| t.kind == ["example"]);
            if let Some(target) = examples.find(|target| target.name == name) {
                return Ok(Example {
                    package: package.name.clone(),
                    required: target.required.clone(),
                });
            }
        }
        let place = package.unwrap_or("what cargo builds by default");
        Err(format!("names the example {name}, which isn't in {place}"))
    }

    /// Whether `package` has this binary, or one that cargo runs where none is named.
    pub(crate) fn binary(&self, package: &str, name: Option<&str>) -> Result<(), String> {
        let targets = &self.package(package)?.targets;
        let mut binaries = targets.iter().filter(|target| target.kind == ["bin"]);
        let found = binaries.any(|target| name.is_none_or(|name| name == target.name));
        let name = name.unwrap_or("any");
        found
            .then_some(())
            .ok_or_else(|| format!("names the binary {name}, which isn't there"))
    }

    /// Whether `package` has the features of a command.
    pub(crate) fn features(&self, package: &str, command: &Command) -> Result<(), String> {
        let known = &self.package(package)?.features;
        let given = command.option(&["--features"]).unwrap_or_default();
        let given = given.split(',').filter(|feature| !feature.is_empty());
        // A feature of a dependency has its name before it.
        for feature in given {
            let found = match feature.split_once('/') {
                Some((package, feature)) => self.package(package)?.features.contains_key(feature),
                None => known.contains_key(feature),
            };
            if !found {
                return Err(format!("has the feature {feature}, which isn't there"));
            }
        }
        Ok(())
    }

    /// What an example says to `--help`: as it was built beside this test, or else as cargo runs it.
    pub(crate) fn help(&self, example: &Example, name: &str) -> Result<String, String> {
        let mut program = program::example(&example.package, name, &example.required);
        let output = program.arg("--help").output();
        let output = output.map_err(|error| format!("{name} --help: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!("{name} --help fails")),
        }
    }
}
