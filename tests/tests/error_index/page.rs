//! The pages of the index.

use std::fmt::Write;

use similar::{ChangeTag, TextDiff};

use crate::case::Case;

/// The groups, in their order, by the folder that their cases are in.
pub(crate) const GROUPS: [(&str, &str); 5] = [
    ("args", "Keys of the attribute"),
    ("shape", "The function and its loop"),
    ("types", "Types"),
    ("nn", "Layers"),
    (WHEN_RUN, "When it runs"),
];

/// The group of errors that no compiler sees.
const WHEN_RUN: &str = "run";

pub(crate) const GENERATED: &str = "<!-- Written by tests/tests/error_index from the compile-fail cases: SAM_BLESS=1 writes it anew. -->";

/// One error: its own case, and those that show it in another form.
pub(crate) struct Entry<'a> {
    pub(crate) case: &'a Case,
    pub(crate) why: &'a [String],
    /// What to do.
    pub(crate) how: &'a str,
    /// The program after that.
    pub(crate) mended: String,
    pub(crate) forms: Vec<&'a Case>,
}

impl Entry<'_> {
    /// The page of the entry.
    pub(crate) fn page(&self) -> String {
        let Self {
            case,
            why,
            how,
            mended,
            forms,
        } = self;
        let (title, why) = (&case.title, why.join("\n\n"));
        let (code, message) = (shown(&case.code), case.message.trim_end());
        let diff = diff(&case.code, mended);
        let fails = if case.group == WHEN_RUN {
            "should_panic"
        } else {
            "compile_fail"
        };
        let mut page = format!(
            "# {name}\n\n{GENERATED}\n\n{title}\n\n```text\n{message}\n```\n\n{why}\n\n## The code\n\n\
             ```rust,{fails}\n{code}```\n\n## Mended\n\n{how}\n\n```diff\n{diff}```\n",
            name = case.name,
            how = capitalized(how),
        );
        if !forms.is_empty() {
            page.push_str("\n## Other forms\n");
            for form in forms {
                let (title, message) = (&form.title, form.message.trim_end());
                write!(page, "\n{title}\n\n```text\n{message}\n```\n").expect("a string grows");
            }
        }
        page
    }
}

/// The page that lists all entries.
pub(crate) fn index(entries: &[Entry<'_>]) -> String {
    let mut page = format!(
        "# Errors\n\n{GENERATED}\n\nWhat `#[sam_train]` itself says, and the traits of `sam_runtime`, ends with the name \
         of its page:\n\n```text\nsee `errors/two-steps` in sam-train's guide\n```\n\nis \
         [two-steps](two-steps.md). A page has the message, why it is an error, and the mended code. \
         The message is what the compiler says to the code of the page; paths are shortened. \
         The loops on these pages leave out `model.zero_grads(&mut grads)`, which yours needs. \
         What a first program may end in is on [a page of its own](first.md).\n\n\
         What rustc finds by itself names no page: a rho of another type, an `m` that is no constant, a wrong \
         `crate`; groups that don't divide the channels, where the layer is in a tuple (`BuildOnDevice` is not \
         satisfied); and under `m` a type that names the batch's size (`expected 32, found 8`: write `_` there); what the loss \
         can't change twice ([changed-in-the-replay](changed-in-the-replay.md)).\n"
    );
    for (group, heading) in GROUPS {
        write!(
            page,
            "\n## {heading}\n\n| entry | what is wrong |\n|---|---|\n"
        )
        .expect("a string grows");
        for case in entries.iter().map(|entry| entry.case) {
            if case.group == group {
                let (name, title) = (&case.name, &case.title);
                writeln!(page, "| [{name}]({name}.md) | {title} |").expect("a string grows");
            }
        }
    }
    page
}

/// The lines of `SUMMARY.md` for the index.
pub(crate) fn summary(entries: &[Entry<'_>]) -> String {
    let mut lines = "- [First mistakes](errors/first.md)\n- [Errors](errors/index.md)\n".to_owned();
    for (group, _) in GROUPS {
        for case in entries.iter().map(|entry| entry.case) {
            if case.group == group {
                let name = &case.name;
                writeln!(lines, "  - [{name}](errors/{name}.md)").expect("a string grows");
            }
        }
    }
    lines
}

/// What is the same in most cases: mdBook hides lines that begin with `#`, but for a click.
const COMMON: [&str; 4] = [
    "type Net = modules::Linear<4, 3, f32, Cpu>;",
    "type X = Tensor<Rank2<8, 4>, f32, Cpu>;",
    "type Y = Tensor<Rank2<8, 3>, f32, Cpu>;",
    "fn main() {}",
];

/// The code with imports and what is common hidden.
fn shown(code: &str) -> String {
    let lines: Vec<&str> = code.lines().collect();
    let mut is_import = false;
    let mut hidden: Vec<bool> = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        is_import |= line.starts_with("use ");
        let behind_hidden = line.is_empty() && hidden.last() == Some(&true);
        let before_hidden = line.is_empty() && lines.get(i + 1) == Some(&"fn main() {}");
        hidden.push(is_import || behind_hidden || before_hidden || COMMON.contains(line));
        is_import &= !line.ends_with(';');
    }
    let mut text = String::new();
    for (line, is_hidden) in lines.iter().zip(hidden) {
        match (is_hidden, line.is_empty()) {
            (true, true) => text.push('#'),
            (true, false) => text.push_str(&format!("# {line}")),
            (false, _) => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// What changes, with two lines around it.
pub(crate) fn diff(old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut text = String::new();
    for (i, group) in diff.grouped_ops(2).iter().enumerate() {
        if i > 0 {
            text.push_str(" ...\n");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            // An empty line keeps no space behind it.
            text.push_str(format!("{sign}{}", change.value()).trim_end());
            text.push('\n');
        }
    }
    text.trim_start_matches('\n').to_owned()
}

pub(crate) fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(chars).collect()
}
