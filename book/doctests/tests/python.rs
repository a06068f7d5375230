//! Blocks of Python compile, where there is a Python.

use std::{fs, process::Command};

use guide::page::pages;

#[test]
fn every_block_compiles() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("there is no python3: the blocks of Python are not checked");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.tag == "python") {
            let file = folder.path().join("block.py");
            fs::write(&file, &block.text).unwrap();
            let output = Command::new("python3")
                .args(["-m", "py_compile"])
                .arg(&file)
                .output()
                .unwrap();
            if !output.status.success() {
                let problem = String::from_utf8_lossy(&output.stderr);
                wrong.push(format!("{}:{}: {problem}", page.name(), block.line));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
