//! Tokens in, text out: no compiler runs here.
//!
//! | file | what |
//! |---|---|
//! | `args` | the keys of the attribute |
//! | `source` | variables and their scopes in Rust source |
//! | `refusals` | what is refused, and in which words |
//! | `shapes` | the loops that are read: what is replayed, and what is recorded for it |
//! | `cases`, `plan_text` | programs in text files, and a plan as text |
//! | `checks` | what holds for each expansion |
//! | `known` | the names that the macro goes by are those in the guide |
//! | `snapshots` | whole expansions |
//! | `robust` | no input makes the macro panic |

mod args;
mod cases;
mod checks;
mod known;
mod plan_text;
mod refusals;
mod robust;
mod shapes;
mod snapshots;
mod source;

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use crate::{entry, errors::Kind};

/// `#[sam_train(args)] item`
fn attribute(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::sam_train(args, item)
}

/// The text of a file that holds these items.
fn pretty(items: TokenStream) -> String {
    let file = syn::parse2(items.clone())
        .unwrap_or_else(|error| panic!("the expansion is no Rust: {error}\n{items}"));
    prettyplease::unparse(&file)
}

/// A message without its last line, which names its entry in the guide.
#[track_caller]
fn plain(message: &str) -> String {
    let (said, pointer) = message.rsplit_once('\n').expect("a last line");
    let entry = pointer
        .strip_prefix("see `errors/")
        .and_then(|rest| rest.strip_suffix("` in sam-train's guide"));
    assert!(
        Kind::ALL.iter().any(|kind| Some(kind.entry()) == entry),
        "names an entry: {message}"
    );
    said.trim_end().to_owned()
}

/// The messages of the `compile_error!`s in `tokens`, in order, without their entries.
fn messages(tokens: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let is_error = i >= 2
            && matches!(&tokens[i - 2], TokenTree::Ident(name) if name == "compile_error")
            && matches!(&tokens[i - 1], TokenTree::Punct(bang) if bang.as_char() == '!');
        if is_error {
            let text: syn::LitStr = syn::parse2(group.stream()).expect("a message is a string");
            found.push(plain(&text.value()));
        } else {
            found.extend(messages(group.stream()));
        }
    }
    found
}

/// Asserts that the attribute says exactly this, and that the function is emitted as it was, but for
/// a `const` that would make errors of all its calls.
#[track_caller]
fn assert_refused(args: TokenStream, item: TokenStream, expected: &[&str]) {
    let out = attribute(args, item.clone());
    assert_eq!(messages(out.clone()), expected);
    let (kept, out) = (item.to_string(), out.to_string());
    let plain = kept
        .strip_prefix("const fn")
        .map(|rest| format!("fn{rest}"));
    assert!(
        out.starts_with(plain.as_ref().unwrap_or(&kept)),
        "the function comes first and unchanged:\n{out}"
    );
}

/// A loop that is read.
fn canonical() -> TokenStream {
    quote! {
        fn train(model: &mut Net, opt: &mut Opt, data: &Data) -> f32 {
            let mut grads = model.alloc_grads();
            let mut total = 0.0;
            for (x, y) in data {
                let logits = model.forward_mut(x.traced(grads));
                let loss = cross_entropy_with_logits_loss(logits, y);
                total += loss.array();
                grads = loss.backward();
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
            }
            total
        }
    }
}
