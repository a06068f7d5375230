//! With the feature `cuda`: the kernels of `src/device/cuda/kernels`, compiled to PTX by nvcc. The driver
//! translates PTX for whatever card a program meets, so it is made for the oldest architecture that this
//! nvcc knows.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

const KERNELS: &str = "src/device/cuda/kernels";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    println!("cargo::rerun-if-changed={KERNELS}");
    println!("cargo::rerun-if-env-changed=PATH");
    let result = if env::var_os("CARGO_FEATURE_CI_CHECK").is_some() {
        each_kernel(|_, ptx| fs::write(ptx, "").map_err(|e| e.to_string()))
    } else {
        machine_has("nvidia-smi", &["--query-gpu=compute_cap", "--format=csv"])
            .and_then(|_| machine_has("nvcc", &["--list-gpu-arch"]))
            .and_then(|list| {
                let oldest = list.split_whitespace().next().unwrap_or("compute_75");
                each_kernel(|source, ptx| compile(oldest, source, ptx))
            })
    };
    if let Err(problem) = result {
        eprintln!("{problem}");
        process::exit(1);
    }
}

fn each_kernel(make: impl Fn(&Path, &Path) -> Result<(), String>) -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    for entry in fs::read_dir(KERNELS).map_err(|e| format!("{KERNELS}: {e}"))? {
        let source = entry.map_err(|e| format!("{KERNELS}: {e}"))?.path();
        if let (Some(name), true) = (
            source.file_stem(),
            source.extension().is_some_and(|e| e == "cu"),
        ) {
            make(&source, &out.join(name).with_extension("ptx"))?;
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

fn compile(architecture: &str, source: &Path, ptx: &Path) -> Result<(), String> {
    let output = Command::new("nvcc")
        .args(["--ptx", "-O3", "-std=c++17", "-arch", architecture, "-o"])
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
