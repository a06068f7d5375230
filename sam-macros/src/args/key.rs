//! The table of keys, and how one is read.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::{Token, ext::IdentExt, parse::ParseStream};

use super::{Args, method, value};
use crate::errors::{Errors, Kind, nearest, spelled};

/// One key: how it is spelled, what its value is, how the value is read. A new key is a new entry.
struct Key {
    name: &'static str,
    value: &'static str,
    read: fn(&mut Args, ParseStream, &mut Errors) -> syn::Result<()>,
}

const KEYS: &[Key] = &[
    Key {
        name: "rho",
        value: "a number above 0, or an `f64` expression",
        read: value::read_rho,
    },
    Key {
        name: "norm",
        value: "\"l1\", \"l2\", \"linf\" or \"l<p>\" with p >= 1",
        read: value::read_norm,
    },
    Key {
        name: "m",
        value: "a number of samples, such as `128`",
        read: value::read_m,
    },
    Key {
        name: "parallel",
        value: "`true` or `false`",
        read: value::read_parallel,
    },
    Key {
        name: "nonfinite",
        value: "\"error\" or \"skip\"",
        read: value::read_nonfinite,
    },
    Key {
        name: "clip",
        value: "the largest norm of the gradient: a number above 0, or an `f64` expression",
        read: |args, input, errors| {
            args.clip = value::read_bound("clip", input, errors)?;
            Ok(())
        },
    },
    Key {
        name: "clip_value",
        value: "the largest element of the gradient: a number above 0, or an `f64` expression",
        read: |args, input, errors| {
            args.clip_value = value::read_bound("clip_value", input, errors)?;
            Ok(())
        },
    },
    Key {
        name: "frozen",
        value: "which parameters are not perturbed, as in `|name| name.starts_with(\"0.\")`",
        read: |args, input, _| {
            args.frozen = Some(input.parse()?);
            Ok(())
        },
    },
    Key {
        name: "method",
        value: "a method, such as `gsam(alpha = 0.4)`, or a value of a type of your own",
        read: method::read_method,
    },
    Key {
        name: "steps",
        value: "a number of inner steps, such as `2`",
        read: |args, input, errors| method::read_of_sam(args, "steps", input, errors),
    },
    Key {
        name: "second_order",
        value: "`true` or `false`",
        read: |args, input, errors| method::read_of_sam(args, "second_order", input, errors),
    },
    Key {
        name: "on",
        value: "which parameters are perturbed: \"norm\", \"weights\", or as in `|name| name.starts_with(\"0.\")`",
        read: method::read_on,
    },
    Key {
        name: "start",
        value: "the first step that is SAM's, such as `1000`",
        read: |args, input, errors| {
            args.start = method::read_when("start", input, errors)?;
            Ok(())
        },
    },
    Key {
        name: "every",
        value: "a number of steps, such as `2`",
        read: |args, input, errors| {
            args.every = method::read_when("every", input, errors)?;
            Ok(())
        },
    },
    Key {
        name: "probability",
        value: "a number above 0 and up to 1",
        read: |args, input, errors| {
            args.probability = method::read_when("probability", input, errors)?;
            Ok(())
        },
    },
    Key {
        name: "ascent",
        value: "a share of the batch, such as `0.25`",
        read: |args, input, errors| {
            args.ascent = method::read_when("ascent", input, errors)?;
            Ok(())
        },
    },
    Key {
        name: "split",
        value: "names, as in `[x, y]`",
        read: value::read_split,
    },
    Key {
        name: "model",
        value: "a place, such as `self.net`",
        read: value::read_model,
    },
    Key {
        name: "crate",
        value: "a path to sam_runtime",
        read: value::read_crate,
    },
];

/// Reads one key, up to its comma where it is refused. What the parser can't read is an error.
pub(super) fn read_key(
    args: &mut Args,
    given: &mut Vec<String>,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<()> {
    let name = Ident::parse_any(input)
        .map_err(|e| syn::Error::new(e.span(), "expected `key = value`, as in `rho = 0.05`"))?;
    let spelled = name.to_string();
    let Some(key) = KEYS.iter().find(|key| spelled == key.name) else {
        errors.at(Kind::KeyUnknown, &name, unknown_key(&spelled));
        skip_to_comma(input);
        return Ok(());
    };
    if given.contains(&spelled) {
        errors.at(
            Kind::KeyTwice,
            &name,
            format!("`{name}` is given twice; keep one"),
        );
        skip_to_comma(input);
        return Ok(());
    }
    given.push(spelled);
    let has_equals = input.parse::<Option<Token![=]>>()?.is_some();
    if !has_equals && let Some((at, value)) = value_without_equals(&input.fork()) {
        let message = format!("write `=` between a key and its value: `{name} = {value}`");
        errors.at(Kind::KeyWithoutValue, at, message);
        skip_to_comma(input);
        return Ok(());
    }
    let has_value = has_equals && !input.is_empty() && !input.peek(Token![,]);
    if !has_value {
        let message = format!("`{name}` needs a value: {}", key.value);
        errors.at(Kind::KeyWithoutValue, &name, message);
        skip_to_comma(input);
        return Ok(());
    }
    (key.read)(args, input, errors)
}

/// The value of a key that has no `=`, as in `rho: 0.05`, `rho(0.05)` or `rho 0.05`, and what stands in its
/// place.
fn value_without_equals(input: ParseStream) -> Option<(TokenTree, String)> {
    let mut tokens = Vec::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.push(input.parse::<TokenTree>().ok()?);
    }
    let at = tokens.first()?.clone();
    let value: TokenStream = match &at {
        TokenTree::Punct(colon) if colon.as_char() == ':' => tokens.drain(1..).collect(),
        TokenTree::Group(group)
            if tokens.len() == 1 && group.delimiter() == Delimiter::Parenthesis =>
        {
            group.stream()
        }
        _ => tokens.into_iter().collect(),
    };
    let value = spelled(value).replace(" , ", ", ");
    // `split(x, y)`
    let is_list = matches!(&at, TokenTree::Group(_)) && value.contains(", ");
    let value = if is_list { format!("[{value}]") } else { value };
    (!value.is_empty()).then_some((at, value))
}

/// Keys of other libraries, and what does the same here.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "adaptive",
        "adaptive SAM is a method: `method = asam`, with a larger rho, such as 0.5",
    ),
    (
        "eta",
        "it is a number of adaptive SAM: `method = asam(eta = 0.01)`",
    ),
    (
        "alpha",
        "it is a number of GSAM: `method = gsam(alpha = 0.4)`",
    ),
    (
        "base_optimizer",
        "the base optimizer is the one whose `update` the loop calls",
    ),
];

fn unknown_key(name: &str) -> String {
    let known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    let elsewhere = ELSEWHERE.iter().find(|(key, _)| *key == name);
    let hint = match (elsewhere, nearest(name, &known)) {
        (Some((_, here)), _) => (*here).to_owned(),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => format!("the keys are `{}`", known.join("`, `")),
    };
    format!("`{name}` is not a key of `sam_train`; {hint}")
}

pub(super) fn skip_to_comma(input: ParseStream) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<TokenTree>();
    }
}
