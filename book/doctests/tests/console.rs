//! Blocks of console are commands that exist: programs, packages, features, flags and files.

mod cargo;

use std::collections::HashMap;

use cargo::Workspace;
use guide::{
    command::{Command, commands},
    page::{pages, root},
};

/// What cargo itself takes, in the book.
const FLAGS: [&str; 14] = [
    "--release",
    "--example",
    "--features",
    "-p",
    "--package",
    "--bin",
    "--workspace",
    "--lib",
    "--doc",
    "--no-deps",
    "--open",
    "--all",
    "--check",
    "--locked",
];

/// Files that a command of the book names, and that the reader makes.
const MADE: [&str; 2] = ["DIR", "runs/"];

struct Checker {
    workspace: Workspace,
    /// What the examples say to `--help`.
    help: HashMap<String, String>,
}

impl Checker {
    fn check(&mut self, command: &Command) -> Result<(), String> {
        let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
        match words[..] {
            ["cargo", "install", "mdbook", ..] | ["cargo", "fmt", ..] => Ok(()),
            ["cargo", "run", ..] => self.cargo(command).and_then(|()| self.program(command)),
            ["cargo", "test" | "build" | "check" | "doc" | "clippy", ..] => self.cargo(command),
            ["cargo", "add", "sam-runtime", ..] => self.workspace.features("sam-runtime", command),
            ["mdbook", "build" | "serve", folder, ..] => is_there(folder),
            ["python3", script, ..] => is_there(script),
            ["tensorboard", "--logdir", _] => Ok(()),
            ["mpirun", "-n", _, program, ..] if program.starts_with("target/") => Ok(()),
            [program, ..] if program.contains('/') => is_there(program),
            _ => Err("is no known kind of command".into()),
        }
    }

    /// Packages, features and cargo's own flags.
    fn cargo(&self, command: &Command) -> Result<(), String> {
        let own = command.own();
        if let Some(flag) = own
            .iter()
            .find(|word| word.starts_with('-') && !FLAGS.contains(&word.as_str()))
        {
            return Err(format!("has the flag {flag}, which this test doesn't know"));
        }
        let package = match command.option(&["-p", "--package"]) {
            Some(name) => Some(self.workspace.package(name)?),
            None => None,
        };
        if command.option(&["--features"]).is_none() {
            return Ok(());
        }
        let example = command.option(&["--example"]);
        let owner = match (package, example) {
            (Some(package), _) => package.name.clone(),
            (None, Some(example)) => self.workspace.example(None, example)?.package,
            (None, None) => return Err("has features, but no package".into()),
        };
        self.workspace.features(&owner, command)
    }

    /// The example or the binary, and its flags.
    fn program(&mut self, command: &Command) -> Result<(), String> {
        let Some(name) = command.option(&["--example"]) else {
            let package = command.option(&["-p"]).ok_or("runs no example")?;
            return self.workspace.binary(package, command.option(&["--bin"]));
        };
        let package = command.option(&["-p", "--package"]);
        let example = self.workspace.example(package, name)?;
        let needed = &example.required;
        let given = command.option(&["--features"]).unwrap_or_default();
        if let Some(missing) = needed.iter().find(|f| !given.split(',').any(|g| g == *f)) {
            return Err(format!("needs `--features {missing}`"));
        }
        for word in command.passed() {
            if let Some(flag) = word.strip_prefix("--") {
                let flag = flag.split('=').next().unwrap_or(flag);
                let help = match self.help.get(name) {
                    Some(help) => help,
                    None => {
                        let help = self.workspace.help(&example, name)?;
                        self.help.entry(name.to_owned()).or_insert(help)
                    }
                };
                let known = help
                    .split(|c: char| c.is_whitespace() || matches!(c, ',' | '='))
                    .any(|word| word == format!("--{flag}"));
                if !known {
                    return Err(format!("has --{flag}, which `{name} --help` doesn't know"));
                }
            } else if word.contains('/') || word.ends_with(".toml") {
                is_there(word)?;
            }
        }
        Ok(())
    }
}

/// Whether the repository has this file, or the reader makes it.
fn is_there(path: &str) -> Result<(), String> {
    let path = path.split_once('=').map_or(path, |(_, value)| value);
    let made = path.contains("DIR") || MADE.iter().any(|made| path.starts_with(made));
    match made || root().join(path).exists() {
        true => Ok(()),
        false => Err(format!("names {path}, which isn't there")),
    }
}

fn checker() -> Checker {
    Checker {
        workspace: Workspace::read(),
        help: HashMap::new(),
    }
}

#[test]
fn every_command_can_be_given() {
    let mut checker = checker();
    let mut wrong = Vec::new();
    let mut found = 0;
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.tag == "console") {
            for command in commands(&block.text) {
                found += 1;
                if let Err(problem) = checker.check(&command) {
                    let command = command.words.join(" ");
                    wrong.push(format!(
                        "{}:{}: `{command}` {problem}",
                        page.name(),
                        block.line
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(found > 10, "{found} commands");
}

#[test]
fn what_can_not_be_given_is_found() {
    let mut checker = checker();
    for (line, problem) in [
        ("rm -rf DIR", "no known kind"),
        ("cargo run --example nonesuch", "nonesuch"),
        ("cargo run --example whole", "whole"),
        ("cargo test -p nonesuch", "nonesuch"),
        ("cargo test --fast", "--fast"),
        ("cargo test -p sam-runtime --features plots", "plots"),
        (
            "cargo run --example download -- mnist --to DIR",
            "--features download",
        ),
        (
            "cargo run --example mnist --features run -- --lable-noise 0.4",
            "--lable-noise",
        ),
        (
            "cargo run --release -p guide --example whole -- book/whole.toml",
            "book/whole.toml",
        ),
        ("cargo run -p sam-benches --bin nonesuch", "nonesuch"),
        ("mdbook build nonesuch", "nonesuch"),
    ] {
        let found = commands(line);
        let error = checker.check(&found[0]).unwrap_err();
        assert!(error.contains(problem), "{line}: {error}");
    }
}
