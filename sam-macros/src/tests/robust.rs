//! No input makes the macro panic.

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use proptest::{collection::vec, prelude::*, sample::select};
use quote::quote;

use super::{attribute, canonical};

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

/// Functions with much of the language in them.
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
    vec![canonical(), method]
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
    fn a_function_with_a_few_tokens_wrong(
        function in select(functions()),
        changes in vec(change(), 1..6),
        m in any::<bool>(),
    ) {
        let item = changed(function, changes);
        let args = if m { quote!(rho = rho, m = 4) } else { quote!(rho = 0.05) };
        attribute(args, item);
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
