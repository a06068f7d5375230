//! Programs as a crate of their own in the target folder. It is built in the same target folder as this test,
//! so that what both depend on is built once.

mod errors;
mod manifest;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

pub(crate) use errors::{CompileError, Version};
use manifest::{manifest, workspace};

use crate::{
    batch::{ATTRIBUTE, Versions},
    generate::{Program, With},
};

/// Crates that are compiled side by side.
const SHARDS: usize = 2;

pub(crate) struct Package {
    folder: PathBuf,
    target: PathBuf,
    /// Whether each program can run at a rho of 0.
    by_run: Vec<bool>,
    /// rho of the two versions, where it is the run's.
    radii: [&'static str; 2],
}

impl Package {
    /// Writes both versions of each program.
    pub(crate) fn new(programs: &[Program], versions: Versions) -> Self {
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let package = Self {
            folder: temporary.join("differential"),
            target: temporary.parent().expect("a target folder").to_owned(),
            by_run: programs
                .iter()
                .map(|program| program.by_run && versions == ATTRIBUTE)
                .collect(),
            radii: match versions[0] {
                With::Nothing => ["0.0", "1e-30"],
                _ => ["0.1"; 2],
            },
        };
        package.write("Cargo.toml", &manifest());
        let lock =
            fs::read_to_string(workspace().join("Cargo.lock")).expect("the workspace's lock file");
        package.write("Cargo.lock", &lock);
        for (index, program) in programs.iter().enumerate() {
            package.write(
                &format!("programs/p{index}_plain.rs"),
                &program.source(versions[0]),
            );
            package.write(
                &format!("programs/p{index}_near.rs"),
                &program.source(versions[1]),
            );
        }
        package
    }

    /// Writes a file, if it is another.
    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return;
        }
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        fs::write(&path, text).expect("the file can be written");
    }

    /// Compiles all but what was refused. What the compiler says to each program first.
    pub(crate) fn compile(&self, refused: &BTreeMap<usize, CompileError>) -> Vec<CompileError> {
        for shard in 0..SHARDS {
            self.write(
                &format!("shards/shard{shard}.rs"),
                &self.main(shard, refused),
            );
        }
        let mut command = Command::new(env!("CARGO"));
        command.args([
            "build",
            "--bins",
            "--keep-going",
            "--offline",
            "--message-format=json",
        ]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        // What cargo says to a test of its package would make build scripts run again, here and afterwards.
        for (name, _) in env::vars() {
            if ["CARGO_PKG_", "CARGO_MANIFEST_"]
                .iter()
                .any(|of| name.starts_with(of))
            {
                command.env_remove(name);
            }
        }
        let output = command
            .arg("--target-dir")
            .arg(&self.target)
            .current_dir(&self.folder)
            .env("CARGO_INCREMENTAL", "0")
            .stderr(Stdio::piped())
            .output()
            .expect("cargo runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let messages = said
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut errors: BTreeMap<(usize, bool), CompileError> = BTreeMap::new();
        let mut others = String::new();
        for message in messages.filter(|message| message["message"]["level"] == "error") {
            match CompileError::of(&message["message"]) {
                Some(error) => {
                    let key = (error.program, error.version == Version::Plain);
                    errors.entry(key).or_insert(error);
                }
                None => others += message["message"]["rendered"].as_str().unwrap_or_default(),
            }
        }
        assert!(
            output.status.success() || !errors.is_empty(),
            "the crate does not compile:\n{others}\n{}",
            String::from_utf8_lossy(&output.stderr),
        );
        errors.into_values().collect()
    }

    pub(crate) fn binaries(&self) -> Vec<PathBuf> {
        let profile = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        let name = |shard| format!("differential_shard{shard}{}", env::consts::EXE_SUFFIX);
        (0..SHARDS)
            .map(|shard| self.target.join(profile).join(name(shard)))
            .collect()
    }

    fn main(&self, shard: usize, refused: &BTreeMap<usize, CompileError>) -> String {
        let (mut modules, mut entries) = (String::new(), String::new());
        for index in (shard..self.by_run.len()).step_by(SHARDS) {
            let found = refused.get(&index);
            if found.is_some_and(|error| error.version == Version::Plain) {
                continue;
            }
            let mut versions = vec![("plain", "plain", self.radii[0])];
            if found.is_none() {
                versions.push(("near", "near", self.radii[1]));
                if self.by_run[index] {
                    versions.push(("zero", "near", "0.0"));
                }
            }
            for (version, file, radius) in versions {
                if version == file {
                    modules += &format!(
                        "#[path = \"../programs/p{index}_{file}.rs\"]\nmod p{index}_{file};\n"
                    );
                }
                entries += &format!(
                    "    world::Entry {{ name: \"{index} {version}\", radius: {radius}, run: p{index}_{file}::run }},\n"
                );
            }
        }
        format!(
            "#![allow(warnings)]\n\n{modules}\nfn main() {{\n    world::drive(&[\n{entries}    ]);\n}}\n"
        )
    }
}
