//! No input makes the macro panic.

use std::path::Path;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use proptest::{collection::vec, prelude::*, sample::select};
use quote::quote;

use super::{attribute, canonical, checks, messages, pretty};

/// Words that mean something to the macro, and some that don't.
const WORDS: &[&str] = &[
    "rho",
    "norm",
    "m",
    "nonfinite",
    "split",
    "model",
    "crate",
    "self",
    "fn",
    "train",
    "let",
    "mut",
    "if",
    "else",
    "match",
    "for",
    "in",
    "while",
    "loop",
    "break",
    "continue",
    "return",
    "async",
    "const",
    "extern",
    "impl",
    "struct",
    "use",
    "where",
    "x",
    "y",
    "grads",
    "loss",
    "logits",
    "opt",
    "traced",
    "trace",
    "leaky_traced",
    "backward",
    "try_backward",
    "update",
    "forward_mut",
    "array",
    "Some",
    "Ok",
    "Net",
    "_",
];

fn leaf() -> impl Strategy<Value = TokenTree> {
    let word = select(WORDS).prop_map(|w| TokenTree::Ident(Ident::new(w, Span::call_site())));
    let marks: Vec<char> = ".,;:=&*+-<>|!?#".chars().collect();
    let mark = (select(marks), any::<bool>()).prop_map(|(mark, joint)| {
        let spacing = if joint {
            Spacing::Joint
        } else {
            Spacing::Alone
        };
        TokenTree::Punct(Punct::new(mark, spacing))
    });
    let number = prop_oneof![
        any::<u64>().prop_map(Literal::u64_unsuffixed),
        any::<u8>().prop_map(Literal::u8_suffixed),
        (0.0..1e9_f64).prop_map(Literal::f64_unsuffixed),
    ];
    let text = prop_oneof![
        select(
            &[
                "l2",
                "linf",
                "l",
                "skip",
                "",
                "{loss:.3}",
                "{",
                "{x",
                "}",
                "{:>w$}"
            ][..]
        )
        .prop_map(str::to_owned),
        any::<String>(),
    ]
    .prop_map(|text| Literal::string(&text));
    prop_oneof![
        4 => word,
        4 => mark,
        1 => number.prop_map(TokenTree::Literal),
        1 => text.prop_map(TokenTree::Literal),
    ]
}

fn group(tokens: Vec<TokenTree>, delimiter: Delimiter) -> TokenTree {
    TokenTree::Group(Group::new(delimiter, tokens.into_iter().collect()))
}

fn tokens() -> impl Strategy<Value = TokenStream> {
    let delimiters = [
        Delimiter::Parenthesis,
        Delimiter::Brace,
        Delimiter::Bracket,
        Delimiter::None,
    ];
    let tree = leaf().prop_recursive(4, 64, 8, move |inner| {
        (vec(inner, 0..8), select(delimiters.to_vec())).prop_map(|(inner, d)| group(inner, d))
    });
    vec(tree, 0..24).prop_map(|trees| trees.into_iter().collect())
}

/// One change to the tokens of a function.
#[derive(Clone, Debug)]
enum Change {
    Delete(usize),
    Double(usize),
    Swap(usize, usize),
    Replace(usize, String),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0..10_000_usize;
    prop_oneof![
        at.clone().prop_map(Change::Delete),
        at.clone().prop_map(Change::Double),
        (at.clone(), at.clone()).prop_map(|(a, b)| Change::Swap(a, b)),
        (at, select(WORDS)).prop_map(|(at, word)| Change::Replace(at, word.to_owned())),
    ]
}

/// The tokens with their groups opened, so that a change may also move a bracket.
fn flat(tokens: TokenStream, out: &mut Vec<Flat>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                out.push(Flat::Open(group.delimiter()));
                flat(group.stream(), out);
                out.push(Flat::Close);
            }
            token => out.push(Flat::Token(token)),
        }
    }
}

#[derive(Clone, Debug)]
enum Flat {
    Open(Delimiter),
    Close,
    Token(TokenTree),
}

/// The tokens of a flat list; what was left open is closed, and what was closed too often is not.
fn nest(flat: Vec<Flat>) -> TokenStream {
    let mut open: Vec<(Delimiter, Vec<TokenTree>)> = vec![(Delimiter::None, Vec::new())];
    for piece in flat {
        match piece {
            Flat::Open(delimiter) => open.push((delimiter, Vec::new())),
            Flat::Close if open.len() > 1 => close(&mut open),
            Flat::Close => {}
            Flat::Token(token) => open.last_mut().expect("the outermost").1.push(token),
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.remove(0).1.into_iter().collect()
}

fn close(open: &mut Vec<(Delimiter, Vec<TokenTree>)>) {
    let (delimiter, inner) = open.pop().expect("one is open");
    let outer = &mut open.last_mut().expect("one is around it").1;
    outer.push(group(inner, delimiter));
}

fn changed(tokens: TokenStream, changes: Vec<Change>) -> TokenStream {
    let mut pieces = Vec::new();
    flat(tokens, &mut pieces);
    for change in changes {
        let n = pieces.len();
        if n == 0 {
            break;
        }
        match change {
            Change::Delete(at) => drop(pieces.remove(at % n)),
            Change::Double(at) => {
                let twin = pieces[at % n].clone();
                pieces.insert(at % n, twin);
            }
            Change::Swap(a, b) => pieces.swap(a % n, b % n),
            Change::Replace(at, word) => {
                let word = Ident::new(&word, Span::call_site());
                pieces[at % n] = Flat::Token(TokenTree::Ident(word));
            }
        }
    }
    nest(pieces)
}

/// Functions with much of the language in them, and the loops of the integration tests.
fn functions() -> Vec<TokenStream> {
    let method = quote! {
        pub fn train<'a, B: Batch>(&mut self, data: impl Iterator<Item = B>) -> Result<f32, Error> {
            use std::time::Instant;
            let (mut total, mut n) = (0.0, 0);
            'epochs: for epoch in 0..self.epochs {
                let start = Instant::now();
                while let Some(Sample { x, y: Some(y), .. }) = data.next() {
                    let Some(grads) = self.grads.take() else { continue 'epochs };
                    let features = match self.net.try_forward_mut(x.traced(grads)) {
                        Ok(features) if n < 10 => features,
                        Ok(_) => break,
                        Err(_) => continue,
                    };
                    let (features, tape) = features.split_tape();
                    let mut loss = mse_loss(features.clone().put_tape(tape), y);
                    loss = loss + self.penalty.iter().map(|p| p * 2.0).sum();
                    total += loss.array();
                    n += 1;
                    println!("{epoch} {total:.3} {loss:?} {:?}", start.elapsed());
                    self.grads = Some((loss / n as f32).try_backward()?);
                    if n % 4 == 0 && total.is_finite() {
                        self.opt.update(&mut self.net, self.grads.as_ref().unwrap())?;
                    }
                }
            }
            Ok(total / n as f32)
        }
    };
    let mut functions = vec![canonical(), method];
    functions.extend(loops().into_iter().map(|(_, item)| item));
    functions
}

/// The functions under the attribute in the integration tests, with their keys; some stand in a macro's
/// arguments.
fn loops() -> Vec<(TokenStream, TokenStream)> {
    let mut found = Vec::new();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tests");
    for folder in ["loops", "wild/programs", "ui/law", "law"] {
        for file in std::fs::read_dir(tests.join(folder)).into_iter().flatten() {
            let path = file.expect("a file").path();
            if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).expect("a test can be read");
                attributed(text.parse().expect("a test is made of tokens"), &mut found);
            }
        }
    }
    found
}

fn attributed(tokens: TokenStream, found: &mut Vec<(TokenStream, TokenStream)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (i, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let inside: Vec<TokenTree> = group.stream().into_iter().collect();
        if let [TokenTree::Ident(name), TokenTree::Group(keys)] = &inside[..]
            && name == "sam_train"
        {
            let behind = tokens[i + 1..].iter().cloned();
            let body = |token: &TokenTree| matches!(token, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace);
            let to_body = tokens[i + 1..].iter().position(body).map_or(0, |at| at + 1);
            let item: TokenStream = behind.take(to_body).collect();
            if syn::parse2::<syn::ItemFn>(item.clone()).is_ok() {
                found.push((keys.stream(), item));
            }
        }
        attributed(group.stream(), found);
    }
}

#[test]
fn the_loops_of_the_integration_tests_keep_what_holds_for_all() {
    let loops = loops();
    assert!(loops.len() > 20, "only {} loops were found", loops.len());
    for (keys, item) in loops {
        for keys in [quote!(#keys), quote!(rho = 0.05), quote!(rho = r, m = 4)] {
            let found = checks::expansion(&keys, &item);
            found.unwrap_or_else(|wrong| panic!("{keys}: {wrong}\n{}", pretty(item.clone())));
        }
    }
}

/// Runs where the stack is as large as rustc's.
fn with_a_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(run);
    thread.expect("a thread").join().expect("no panic");
}

#[test]
fn long_and_deep_functions() {
    fn times(n: usize, part: &str) -> String {
        part.repeat(n)
    }
    fn function(body: &str) -> TokenStream {
        format!(
            "fn train(model: &mut Net, opt: &mut Opt) {{ let h = model.forward(x.traced(grads)); {body} grads = \
             h.sum().backward(); opt.update(model, &grads).unwrap(); }}"
        )
        .parse()
        .expect("tokens")
    }
    with_a_stack(|| {
        for body in [
            format!("let h = h{};", times(300, ".relu()")),
            format!("let h = h{};", times(300, " + one()")),
            format!("let h = {}h{};", times(100, "("), times(100, ")")),
            format!("let h = {}h{};", times(100, "{"), times(100, "}")),
            format!(
                "let h = {}h{};",
                times(60, "if a { b } else {"),
                times(60, "}")
            ),
            format!(
                "let h = {}h{};",
                times(60, "match a { A => b, _ => "),
                times(60, "}")
            ),
            format!("let h = {}h{};", times(60, "(|h| "), times(60, ")(h)")),
            times(300, "let h = h.relu();"),
            times(100, "let h = model.next(h); n += 1; if n > 3 { return; }"),
        ] {
            for keys in [quote!(rho = 0.05), quote!(rho = r, m = 4)] {
                let out = checks::expansion(&keys, &function(&body));
                assert_eq!(out, Ok(()), "{body}");
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn arbitrary_tokens(args in tokens(), item in tokens()) {
        attribute(args, item);
    }

    #[test]
    fn arbitrary_keys_on_a_good_function(args in tokens()) {
        attribute(args, canonical());
    }

    #[test]
    fn keys_with_a_few_tokens_wrong(changes in vec(change(), 1..6)) {
        let keys = quote!(
            rho = 0.05, norm = "l1.5", m = 4, nonfinite = "skip", split = [x, y], model = self.net,
            crate = a::b
        );
        attribute(changed(keys, changes), canonical());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    // What is still a function afterwards is either refused, or has an expansion that is Rust, names only what
    // there is, and has all of the function's own code.
    #[test]
    fn a_function_with_a_few_tokens_wrong(
        at in any::<proptest::sample::Index>(),
        changes in vec(change(), 1..6),
        m in any::<bool>(),
    ) {
        thread_local!(static FUNCTIONS: Vec<String> = functions().iter().map(ToString::to_string).collect());
        let function = FUNCTIONS.with(|all| all[at.index(all.len())].clone());
        let item = changed(function.parse().expect("tokens"), changes);
        let args = if m { quote!(rho = rho, m = 4) } else { quote!(rho = 0.05) };
        let out = attribute(args.clone(), item.clone());
        if syn::parse2::<syn::ItemFn>(item.clone()).is_ok() {
            prop_assert_eq!(checks::expansion(&args, &item), Ok(()), "{}", item);
        } else {
            prop_assert!(!messages(out).is_empty());
        }
    }
}
