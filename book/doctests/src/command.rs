//! Commands as blocks of `console` have them.

/// A command: its words, without what sets the environment.
#[derive(Debug, PartialEq)]
pub struct Command {
    /// The program and its arguments.
    pub words: Vec<String>,
}

/// The commands of a block, one a line; a `#` begins a comment, a `\` at the end goes on in the next line.
pub fn commands(text: &str) -> Vec<Command> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(|line| match line.split_once(" # ") {
        Some((command, _)) => command,
        None => line,
    });
    lines
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let words = line.split_whitespace().map(|w| w.trim_matches('"').into());
            let is_setting =
                |word: &String| word.contains('=') && !word.starts_with(['-', '/', '.']);
            let words = words.skip_while(is_setting).collect();
            Command { words }
        })
        .collect()
}

impl Command {
    /// What follows the option `name`: `--example NAME`.
    pub fn option(&self, names: &[&str]) -> Option<&str> {
        let at = self
            .own()
            .iter()
            .position(|word| names.contains(&word.as_str()))?;
        self.own().get(at + 1).map(String::as_str)
    }

    /// The words before `--`.
    pub fn own(&self) -> &[String] {
        self.words.split(|word| word == "--").next().unwrap_or(&[])
    }

    /// The words after `--`: those of the program that cargo runs.
    pub fn passed(&self) -> &[String] {
        let at = self.words.iter().position(|word| word == "--");
        at.map_or(&[], |at| &self.words[at + 1..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_taken_apart() {
        let found = commands(
            "# first\nA=1 cargo run --release \\\n  --example x -- --data DIR --set a=b # why\n\nls\n",
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].option(&["--example"]), Some("x"));
        assert_eq!(found[0].passed(), ["--data", "DIR", "--set", "a=b"]);
        assert_eq!(found[0].words[0], "cargo");
        assert_eq!(found[1].words, ["ls"]);
        assert!(found[1].passed().is_empty());
    }
}
