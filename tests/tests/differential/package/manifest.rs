//! The manifest of the crate of programs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::SHARDS;

pub(super) fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace").to_owned()
}

pub(super) fn manifest() -> String {
    let root = table(&workspace().join("Cargo.toml"));
    // It has the features that the workspace is built with.
    let guide = table(&workspace().join("book/doctests/Cargo.toml"));
    let dependency = |name: &str| {
        let mut of = root["workspace"]["dependencies"][name].clone();
        if let Some(path) = of.get_mut("path") {
            let whole = workspace().join(path.as_str().expect("a path"));
            *path = whole.to_string_lossy().into_owned().into();
        }
        // With other features, what it depends on would be built again.
        if let (Some(of), Some(features)) = (of.as_table_mut(), features(&guide, name)) {
            of.insert("features".to_owned(), features);
        }
        (name.to_owned(), of)
    };
    let mut manifest = toml::toml! {
        [package]
        name = "differential-programs"
        version = "0.0.0"
        edition = "2024"
        autobins = false

        [workspace]

        [lib]
        name = "world"
    };
    let world = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/world/mod.rs");
    let lib = manifest["lib"].as_table_mut().expect("a table");
    lib.insert(
        "path".to_owned(),
        world.to_string_lossy().into_owned().into(),
    );
    let bin = |shard| {
        let mut bin = toml::Table::new();
        bin.insert(
            "name".to_owned(),
            format!("differential_shard{shard}").into(),
        );
        bin.insert("path".to_owned(), format!("shards/shard{shard}.rs").into());
        bin.into()
    };
    let bins: Vec<toml::Value> = (0..SHARDS).map(bin).collect();
    manifest.insert("bin".to_owned(), bins.into());
    let names = ["dfdx", "rand", "sam-runtime", "serde_json"];
    let dependencies: toml::Table = names.into_iter().map(dependency).collect();
    manifest.insert("dependencies".to_owned(), dependencies.into());
    manifest.insert("profile".to_owned(), profile(&root));
    toml::to_string(&manifest).expect("a manifest")
}

fn table(manifest: &Path) -> toml::Table {
    let text = fs::read_to_string(manifest).expect("a manifest");
    text.parse().expect("a manifest")
}

/// The features of a dependency.
fn features(manifest: &toml::Table, name: &str) -> Option<toml::Value> {
    let dependency = manifest["dependencies"].get(name)?;
    dependency.get("features").cloned()
}

/// The workspace's, so that what both depend on is built once; but the programs, of which each runs for
/// milliseconds, are only built for speed of building.
fn profile(workspace: &toml::Table) -> toml::Value {
    let mut profile = workspace["profile"].clone();
    let dev = profile["dev"].as_table_mut().expect("a profile");
    let mut runtime = toml::Table::new();
    for key in ["opt-level", "debug"] {
        runtime.insert(key.to_owned(), dev[key].clone());
    }
    let packages = dev["package"].as_table_mut().expect("a table of packages");
    packages.insert("sam-runtime".to_owned(), runtime.into());
    dev.insert("opt-level".to_owned(), 0.into());
    dev.insert("debug".to_owned(), 0.into());
    profile
}
