//! A plan as short text: a line of the slice is a line of text, as the replay runs it, with what it records.
//!
//! | text | meaning |
//! |---|---|
//! | `X0` | the kept input of site 0 |
//! | `G` | the step's gradients, in the replay |
//! | `MISSING` | a way that the clean pass had not taken |
//! | `model`, `owner`, `anew` | how the line reaches the model, and whether it may have changed |
//! | `y clone!`, `y ref cut` | a record and how (`!`: used up, `cut`: by `m`) |
//! | `takes mut h+` | a variable of the slice (`mut`: changed, `+`: used again) |
//! | `observed h` | what statements outside the slice read |

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

use crate::plan::{By, Line, Plan, Region, Replay, TraceKind};

pub(super) fn text(plan: &Plan) -> String {
    let mut out = String::new();
    for region in &plan.regions {
        out += &head(region, plan.regions.len());
        for (k, line) in region.lines.iter().enumerate() {
            out += &of_line(region, k, line);
            out.push('\n');
        }
    }
    if !plan.cloned_types.is_empty() {
        let types: Vec<String> = plan.cloned_types.iter().map(ToString::to_string).collect();
        out += &format!("Clone: {}\n", types.join(", "));
    }
    out
}

/// What is other than in the usual function: `model: &mut Net`, `opt`, a loop without a label.
fn head(region: &Region, steps: usize) -> String {
    let mut words = Vec::new();
    let model = &region.model;
    let kind = match (model.is_reference, model.is_mutable) {
        (true, true) => "&mut",
        (true, false) => "&",
        (false, true) => "owned",
        (false, false) => "owned, not mut",
    };
    if kind != "&mut" || model.place.to_string() != "model" {
        words.push(format!("model {} {kind}", model.place));
    }
    let optimizer = region.optimizer.as_ref().map(ToString::to_string);
    if optimizer.as_deref() != Some("opt") {
        let name = optimizer.map(|name| name.replace(" . ", "."));
        words.push(name.map_or("no optimizer".to_owned(), |name| {
            format!("optimizer {name}")
        }));
    }
    if let Some(ty) = &region.raise {
        words.push(format!("? {}", ty.to_string().replace(' ', "")));
    }
    match &region.in_loop {
        None => words.push("no loop".to_owned()),
        Some(found) => words.extend(found.label.as_ref().map(|label| format!("loop {label}"))),
    }
    let backward = &region.backward;
    for (is, word) in [
        (backward.fallible, "try_backward"),
        (backward.in_closure, "backward in a closure"),
        (!backward.model_is_free, "model is borrowed at backward"),
    ] {
        words.extend(is.then(|| word.to_owned()));
    }
    if steps > 1 {
        words.insert(0, format!("step {}", region.index));
    }
    if words.is_empty() {
        return String::new();
    }
    format!("[{}]\n", words.join("; "))
}

fn of_line(region: &Region, k: usize, line: &Line) -> String {
    let code = match &line.replay {
        Replay::Stmt(stmt) => code(&stmt.to_token_stream()),
        Replay::Arm(pat, expr) => code(&quote!(let #pat = #expr else { MISSING };)),
        Replay::Loss(expr) => {
            let with_let = code(&quote!(let loss = #expr;));
            let expr = with_let.strip_prefix("let loss = ").unwrap_or(&with_let);
            format!("=> {}", expr.trim_end_matches(';'))
        }
    };
    let mut words = vec![code];
    words.extend(
        line.conditions
            .iter()
            .map(|c| c.to_token_stream().to_string().replace(' ', "")),
    );
    let uses = [
        (line.model.itself, "model"),
        (line.model.owner, "owner"),
        (line.model_anew, "anew"),
    ];
    words.extend(
        uses.iter()
            .filter(|(is, _)| *is)
            .map(|(_, word)| (*word).to_owned()),
    );
    for trace in region.traces.iter().filter(|trace| trace.line == k) {
        let kind = match trace.kind {
            TraceKind::Traced | TraceKind::Trace if trace.kept => continue,
            TraceKind::Traced => "traced",
            TraceKind::Trace => "trace",
            TraceKind::Leaky => "leaky",
            TraceKind::PutTape => "put_tape",
            TraceKind::Argument => "argument",
        };
        let kept = if trace.kept { "" } else { " again" };
        words.push(format!("site {}: {kind}{kept}", trace.site));
    }
    for record in &line.records {
        let by = match record.by {
            By::Clone => "clone",
            By::Assigned => "assigned",
            By::Changed => "changed",
            By::Fresh => "fresh",
            By::Reference => "ref",
            By::InPlace => "in place",
        };
        let used_up = if record.consumed { "!" } else { "" };
        let cut = if record.split { " cut" } else { "" };
        words.push(format!("{} {by}{used_up}{cut}", record.place));
    }
    if !line.takes.is_empty() {
        let takes = line.takes.iter().map(|taken| {
            let changed = if taken.is_changed { "mut " } else { "" };
            let again = if taken.is_used_again { "+" } else { "" };
            format!("{changed}{}{again}", taken.name)
        });
        words.push(format!("takes {}", takes.collect::<Vec<_>>().join(", ")));
    }
    if !line.observed.is_empty() {
        let observed: Vec<String> = line.observed.iter().map(ToString::to_string).collect();
        words.push(format!("observed {}", observed.join(", ")));
    }
    words.join(" | ")
}

/// Rust on one line.
fn code(stmt: &TokenStream) -> String {
    let stmt = shortened(stmt.clone());
    let with_semi = match syn::parse2::<syn::Block>(quote!({ #stmt })) {
        Ok(_) => stmt,
        Err(_) => quote!(#stmt;),
    };
    let file: syn::File =
        syn::parse2(quote!(fn f() { #with_semi })).expect("the replay of a line is Rust");
    let text = prettyplease::unparse(&file);
    let inside = text
        .trim()
        .strip_prefix("fn f() {")
        .and_then(|t| t.strip_suffix('}'));
    inside
        .unwrap_or(&text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The words of the expansion, by names of one letter.
fn shortened(tokens: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |i: usize, word: &str| matches!(tokens.get(i), Some(TokenTree::Ident(w)) if w == word);
    let input = |i: usize| match tokens.get(i) {
        Some(TokenTree::Ident(word)) => word
            .to_string()
            .strip_prefix("__sam_input_")
            .map(str::to_owned),
        _ => None,
    };
    let mut out = TokenStream::new();
    let word = |text: String| TokenTree::Ident(Ident::new(&text, Span::call_site()));
    let mut i = 0;
    while i < tokens.len() {
        // `match __sam_input_0.take() { .. }`
        if let (true, Some(site)) = (is(i, "match"), input(i + 1)) {
            out.extend([word(format!("X{site}"))]);
            i += 6;
            continue;
        }
        // `::sam_runtime::__private::Driver::again(&__sam_step_0)`, `::sam_runtime::__private::missing()`
        if is(i + 2, "sam_runtime") {
            let driver = is(i + 8, "Driver");
            let (name, len) = if driver { (i + 11, 13) } else { (i + 8, 10) };
            if is(name, "again") || is(name, "missing") {
                let short = if driver { "G" } else { "MISSING" };
                out.extend([word(short.to_owned())]);
                i += len;
                continue;
            }
        }
        out.extend([match &tokens[i] {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), shortened(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other.clone(),
        }]);
        i += 1;
    }
    out
}
