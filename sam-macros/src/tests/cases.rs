//! Programs and what the macro reads in them, as text files. `SAM_BLESS=1 cargo test -p sam-macros` writes the
//! second half of each case anew: look at the difference.
//!
//! ```text
//! ## a title
//! @ rho = 0.05, m = 4                       (keys, where there are others than a radius)
//! the body of a loop over `(x, y)`, or whole functions
//! ---
//! the plan, or the errors
//! ```

use std::{fmt::Write, path::Path};

use proc_macro2::TokenStream;

use super::{checks, plan_text};
use crate::{analyze, args::Args, errors::Errors};

/// Says that an expansion does not keep what holds for all of them.
const WRONG: &str = "WRONG";

/// Runs the cases of `cases/{name}.txt`.
#[track_caller]
pub(super) fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/tests/cases/{name}.txt"));
    let given = std::fs::read_to_string(&path).expect("the cases can be read");
    let mut found = String::new();
    let mut cases = given.split("\n## ");
    let head = cases.next().unwrap_or_default();
    match head.strip_prefix("## ") {
        Some(first) => found += &answered(first),
        None => found += head,
    }
    let mut differ = Vec::new();
    for case in cases {
        let answer = answered(case);
        if answer.trim_end() != case.trim_end() {
            differ.push(answer.clone());
        }
        write!(found, "\n## {}", answer.trim_end()).expect("a string takes all");
        found.push('\n');
    }
    if std::env::var_os("SAM_BLESS").is_some() {
        std::fs::write(&path, &found).expect("the cases can be written");
        assert!(
            !found.contains(WRONG),
            "an expansion in `{name}.txt` is wrong"
        );
        return;
    }
    assert!(
        differ.is_empty() && !found.contains(WRONG),
        "{} cases of `{name}.txt` are read otherwise now; if they should, run this again with \
         `SAM_BLESS=1`\n\n## {}",
        differ.len(),
        differ.join("\n## ")
    );
}

/// A case with what is read in it now.
fn answered(case: &str) -> String {
    let (title, rest) = case.split_once('\n').expect("a title, then code");
    let (code, _) = rest.split_once("\n---\n").unwrap_or((rest.trim_end(), ""));
    let (keys, body) = match code.strip_prefix("@ ") {
        Some(with_keys) => with_keys.split_once('\n').expect("keys, then code"),
        None => ("rho = 0.05", code),
    };
    let is_function = syn::parse_str::<syn::ItemFn>(body).is_ok();
    let item = if is_function {
        body.to_owned()
    } else {
        format!(
            "fn train(model: &mut Net, opt: &mut Opt, data: &Data) -> Result<(), Error> {{\nlet mut grads = \
             model.alloc_grads();\nfor (x, y) in data {{\n{body}\n}}\nOk(())\n}}"
        )
    };
    let read = read(title, keys, &item);
    format!("{title}\n{code}\n---\n{read}")
}

/// The plan or the errors, as text.
fn read(title: &str, keys: &str, item: &str) -> String {
    let tokens = |text: &str| -> TokenStream {
        text.parse()
            .unwrap_or_else(|error| panic!("`{title}` is not made of tokens: {error}"))
    };
    let (keys, item) = (tokens(keys), tokens(item));
    let mut wrong = checks::expansion(&keys, &item).err();
    if !keys.to_string().contains("m =") {
        let in_chunks = checks::expansion(&quote::quote!(#keys, m = 4), &item).err();
        wrong = wrong.or(in_chunks.map(|wrong| format!("with `m`: {wrong}")));
    }
    let mut errors = Errors::default();
    let args = Args::parse(keys, &mut errors);
    let plan = match syn::parse2(item) {
        Ok(function) => analyze::train_fn(&function, &args, &mut errors),
        Err(error) => panic!("`{title}` is no function: {error}"),
    };
    let read = match plan {
        Some(plan) if errors.is_empty() => plan_text::text(&plan),
        _ => errors
            .all()
            .iter()
            .map(|error| {
                let at = error.span().source_text().unwrap_or("?".to_owned());
                format!("error at `{at}`: {}\n", super::plain(&error.to_string()))
            })
            .collect(),
    };
    match wrong {
        Some(wrong) => format!("{read}{WRONG}: {wrong}\n"),
        None => read,
    }
}
