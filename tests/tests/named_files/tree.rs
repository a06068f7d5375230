//! The repository: its files, and what they define.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Folders that are no part of the repository.
const OTHERS: [&str; 7] = [
    "__pycache__",
    "artifacts",
    "corpus",
    "coverage",
    "runs",
    "target",
    "wip",
];

/// Words behind which stands the name of an item.
const ITEMS: [&str; 10] = [
    "const",
    "enum",
    "fn",
    "macro_rules!",
    "mod",
    "static",
    "struct",
    "trait",
    "type",
    "use",
];

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the crate is in a folder").into()
}

/// The files and folders of the repository, as seen from its root.
pub(crate) struct Tree {
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    /// The folders of packages.
    packages: Vec<PathBuf>,
    /// Names of functions, types, modules, files.
    items: BTreeSet<String>,
    /// Crates that are not of this repository.
    foreign: BTreeSet<String>,
}

impl Tree {
    pub(crate) fn read() -> Self {
        let mut tree = Self {
            files: BTreeSet::new(),
            folders: BTreeSet::from([PathBuf::new()]),
            packages: Vec::new(),
            items: BTreeSet::new(),
            foreign: ["alloc", "core", "std"].map(str::to_owned).into(),
        };
        tree.walk(Path::new(""));
        for file in &tree.files {
            if file.ends_with("Cargo.toml") {
                tree.packages.extend(file.parent().map(PathBuf::from));
            } else if file.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(root().join(file)).expect("it is a text");
                tree.items.extend(items(&text));
                // A module is called as its file, or as its folder.
                for part in file.with_extension("").iter() {
                    tree.items.insert(part.to_string_lossy().into_owned());
                }
            }
        }
        let lock = fs::read_to_string(root().join("Cargo.lock")).expect("it is a text");
        let names = lock.lines().filter_map(|line| line.strip_prefix("name = "));
        let names = names.map(|name| name.trim_matches('"').replace('-', "_"));
        tree.foreign
            .extend(names.filter(|name| !name.starts_with("sam_")));
        tree
    }

    fn walk(&mut self, folder: &Path) {
        for entry in fs::read_dir(root().join(folder)).expect("it can be listed") {
            let entry = entry.expect("it can be listed");
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = folder.join(&name);
            let hidden = name.starts_with('.') && name != ".ci";
            if !entry.path().is_dir() {
                self.files.insert(path);
            } else if !hidden && !OTHERS.contains(&&*name) {
                self.folders.insert(path.clone());
                self.walk(&path);
            }
        }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// What is directly in a folder.
    pub(crate) fn within(&self, folder: &Path) -> impl Iterator<Item = String> {
        let all = self.files.iter().chain(&self.folders);
        all.filter(move |path| path.parent() == Some(folder))
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
    }

    /// The modules directly in a folder, but that of its `mod.rs`.
    pub(crate) fn modules(&self, folder: &Path) -> impl Iterator<Item = String> {
        self.within(folder).filter_map(move |name| {
            if self.files.contains(&folder.join(&name).join("mod.rs")) {
                return Some(name);
            }
            let stem = name.strip_suffix(".rs")?;
            (stem != "mod").then(|| stem.to_owned())
        })
    }

    /// Whether a path is that of a file or a folder; the ending of a module or a page may be left out.
    pub(crate) fn has(&self, path: &Path) -> bool {
        let endings = ["", ".rs", ".md"].map(|ending| {
            let mut path = path.as_os_str().to_owned();
            path.push(ending);
            PathBuf::from(path)
        });
        let [plain, ..] = &endings;
        self.folders.contains(plain) || endings.iter().any(|path| self.files.contains(path))
    }

    pub(crate) fn has_folder(&self, path: &Path) -> bool {
        self.folders.contains(path)
    }

    /// Whether some file has this name.
    pub(crate) fn has_file(&self, name: &str) -> bool {
        self.files
            .iter()
            .any(|path| path.file_name().is_some_and(|found| found == name))
    }

    pub(crate) fn has_item(&self, name: &str) -> bool {
        self.items.contains(name)
    }

    /// Whether a file of Rust has an item of this name.
    pub(crate) fn defines(&self, file: &Path, name: &str) -> bool {
        let text = fs::read_to_string(root().join(file)).expect("it is a text");
        items(&text).any(|item| item == name)
    }

    pub(crate) fn is_foreign(&self, krate: &str) -> bool {
        self.foreign.contains(krate)
    }

    /// Where a path that stands in `file` may begin.
    pub(crate) fn starts<'a>(&'a self, file: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
        let around = file.ancestors().skip(1).map(PathBuf::from);
        let folders = ["", "src", "tests"];
        let packages = self.packages.iter();
        // Pages of the guide are for users, and speak of the root, and of each other.
        let is_page = file.starts_with("book/src");
        around
            .chain(
                packages
                    .filter(move |_| !is_page)
                    .flat_map(move |package| folders.map(|folder| package.join(folder))),
            )
            .chain([PathBuf::from("book/src")])
    }
}

/// The names of the items and fields in a text.
fn items(text: &str) -> impl Iterator<Item = String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.lines().flat_map(move |line| {
        let mut words = line.split_whitespace().peekable();
        let mut found = Vec::new();
        while let Some(word) = words.next() {
            let name = match words.peek() {
                Some(next) if ITEMS.contains(&word) => next.trim_start_matches("r#"),
                _ => word.strip_suffix(':').unwrap_or_default(),
            };
            let end = name.find(|c| !is_name(c)).unwrap_or(name.len());
            found.extend((end > 0).then(|| name[..end].to_owned()));
        }
        found
    })
}
