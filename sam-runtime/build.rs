//! With the feature `cuda`: the kernels of each `.cu` file below `src/device`, compiled by nvcc to PTX, once for
//! each type of elements. The driver translates PTX for whatever card a program meets, so it is made for the
//! oldest architecture that this nvcc knows.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

const DEVICE: &str = "src/device";
/// Where the headers are.
const INCLUDE: &str = "src/device/cuda";
/// The types of elements, by their names in Rust and in CUDA.
const ELEMENTS: [(&str, &str); 2] = [("f32", "float"), ("f64", "double")];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    // A new operation is declared there.
    println!("cargo::rerun-if-changed={DEVICE}/mod.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    if let Err(problem) = compile_all() {
        eprintln!("{problem}");
        process::exit(1);
    }
}

fn compile_all() -> Result<(), String> {
    let mut sources = Vec::new();
    find(Path::new(DEVICE), &mut sources)?;
    for source in &sources {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    sources.retain(|source| source.extension().is_some_and(|e| e == "cu"));
    if env::var_os("CARGO_FEATURE_CI_CHECK").is_some() {
        return each_kernel(&sources, |_, _, ptx| {
            fs::write(ptx, "").map_err(|e| e.to_string())
        });
    }
    machine_has("nvidia-smi", &["--query-gpu=compute_cap", "--format=csv"])?;
    let list = machine_has("nvcc", &["--list-gpu-arch"])?;
    let oldest = list.split_whitespace().next().unwrap_or("compute_75");
    each_kernel(&sources, |source, element, ptx| {
        compile(oldest, source, element, ptx)
    })
}

/// The sources of kernels, headers included, in `folder` and below.
fn find(folder: &Path, sources: &mut Vec<PathBuf>) -> Result<(), String> {
    let problem = |e| format!("{}: {e}", folder.display());
    for entry in fs::read_dir(folder).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        if path.is_dir() {
            find(&path, sources)?;
        } else if path.extension().is_some_and(|e| e == "cu" || e == "cuh") {
            sources.push(path);
        }
    }
    Ok(())
}

/// Calls `make` with each file of kernels, each type of elements in CUDA, and where their PTX goes.
fn each_kernel(
    sources: &[PathBuf],
    make: impl Fn(&Path, &str, &Path) -> Result<(), String>,
) -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    for (i, source) in sources.iter().enumerate() {
        let name = source.file_stem().unwrap_or_default();
        if let Some(same) = sources[..i].iter().find(|s| s.file_stem() == Some(name)) {
            return Err(format!(
                "the files of kernels {} and {} need different names",
                same.display(),
                source.display()
            ));
        }
        for (element, in_cuda) in ELEMENTS {
            let ptx = format!("{}_{element}.ptx", name.to_string_lossy());
            make(source, in_cuda, &out.join(ptx))?;
        }
    }
    Ok(())
}

/// What `program` prints; an error that says what to install where it can't be run.
fn machine_has(program: &str, arguments: &[&str]) -> Result<String, String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        result => {
            let why = match result {
                Ok(output) => format!("failed: {}", String::from_utf8_lossy(&output.stderr).trim()),
                Err(error) => format!("can't be run: {error}"),
            };
            Err(format!(
                "the feature `cuda` needs NVIDIA's driver and a CUDA toolkit, but `{program}` {why}\n\
                 - install a toolkit (CUDA 12 or 13), and put its `bin` folder on PATH\n\
                 - on a machine without a GPU, as when an image is built, give a `nvidia-smi` that names the \
                 compute capability: see \"On a GPU\" in README.md\n\
                 - to check types only: `cargo check --features cuda,ci-check`"
            ))
        }
    }
}

fn compile(architecture: &str, source: &Path, element: &str, ptx: &Path) -> Result<(), String> {
    let output = Command::new("nvcc")
        .args(["--ptx", "-O3", "-std=c++17", "-arch", architecture])
        .arg(format!("-DELEMENT={element}"))
        .args(["-I", INCLUDE, "-o"])
        .arg(ptx)
        .arg(source)
        .output()
        .map_err(|e| format!("nvcc: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "nvcc can't compile {}:\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    ))
}
