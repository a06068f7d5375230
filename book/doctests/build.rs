//! Makes every page of the book, and the README, a module whose documentation it is, so that rustdoc
//! tests its blocks of Rust. Pages are found, not listed: none can be forgotten. What a page includes
//! stands in its place, as in mdbook.

// It is a part of the library too, and there it is public.
#[allow(unreachable_pub)]
#[path = "src/include.rs"]
mod include;

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let book = here.join("../src");
    let mut pages = vec![here.join("../../README.md")];
    find(&book, &mut pages)?;
    let mut modules = String::new();
    for page in pages {
        println!("cargo::rerun-if-changed={}", page.display());
        let text = include::expanded(&page, |included| {
            println!("cargo::rerun-if-changed={}", included.display());
        })?;
        let name = name(page.strip_prefix(&book).unwrap_or(Path::new("README.md")));
        let file = out.join(format!("{name}.md"));
        fs::write(&file, text)?;
        writeln!(
            modules,
            "#[doc = include_str!({:?})]\nmod {name} {{}}",
            file.display()
        )?;
    }
    // New pages, too.
    println!("cargo::rerun-if-changed={}", book.display());
    fs::write(out.join("pages.rs"), modules)?;
    Ok(())
}

/// All pages below `folder`, in order.
fn find(folder: &Path, pages: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            find(&path, pages)?;
        } else if path.extension().is_some_and(|e| e == "md") {
            pages.push(path);
        }
    }
    Ok(())
}

/// The name of a page's module: `tutorial/plain.md` is `page_tutorial_plain`.
fn name(page: &Path) -> String {
    let stem = page.with_extension("").display().to_string();
    let plain = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => '_',
    };
    format!("page_{}", stem.chars().map(plain).collect::<String>())
}
