//! The keys of the attribute: `#[sam_train(rho = 0.05, norm = "l2", m = 128)]`. Those that say how a step climbs, on what
//! and when are read in `method`.

mod method;

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Expr, ExprLit, ExprUnary, Lit, Path, Token, UnOp,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

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
        read: read_rho,
    },
    Key {
        name: "norm",
        value: "\"l1\", \"l2\", \"linf\" or \"l<p>\" with p >= 1",
        read: read_norm,
    },
    Key {
        name: "m",
        value: "a number of samples, such as `128`",
        read: read_m,
    },
    Key {
        name: "nonfinite",
        value: "\"error\" or \"skip\"",
        read: read_nonfinite,
    },
    Key {
        name: "clip",
        value: "the largest norm of the gradient: a number above 0, or an `f64` expression",
        read: |args, input, errors| {
            args.clip = read_bound("clip", input, errors)?;
            Ok(())
        },
    },
    Key {
        name: "clip_value",
        value: "the largest element of the gradient: a number above 0, or an `f64` expression",
        read: |args, input, errors| {
            args.clip_value = read_bound("clip_value", input, errors)?;
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
        read: read_split,
    },
    Key {
        name: "model",
        value: "a place, such as `self.net`",
        read: read_model,
    },
    Key {
        name: "crate",
        value: "a path to sam_runtime",
        read: read_crate,
    },
];

/// What the keys say, with the defaults of those that were left out.
#[derive(Clone)]
pub(crate) struct Args {
    pub(crate) rho: Expr,
    /// The p of the norm.
    pub(crate) norm: f64,
    /// Samples per perturbation; `None` for the whole batch.
    pub(crate) m: Option<Expr>,
    pub(crate) skip_nonfinite: bool,
    /// How a step climbs; `None` is SAM.
    method: Option<method::Chosen>,
    /// The keys that are numbers of SAM itself, until all keys are read.
    of_sam: Vec<(&'static str, Expr)>,
    /// Which parameters are perturbed; `None` for all.
    on: Option<method::On>,
    /// Which steps are SAM's.
    start: Option<Expr>,
    every: Option<Expr>,
    probability: Option<Expr>,
    /// The share of the batch that the clean pass runs on.
    pub(crate) ascent: Option<Expr>,
    /// Whether the step is written over chunks, of which there is one: where the first pass may run elsewhere than at the
    /// weights, or the replay more than once.
    pub(crate) in_one_chunk: bool,
    /// Bounds of the final gradient: its norm, and each of its elements.
    pub(crate) clip: Option<Expr>,
    pub(crate) clip_value: Option<Expr>,
    /// Which parameters are not perturbed: a function of the name.
    pub(crate) frozen: Option<Expr>,
    pub(crate) split: Option<Vec<Ident>>,
    pub(crate) model: Option<Expr>,
    pub(crate) krate: Path,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            rho: syn::parse_quote!(0.05),
            norm: 2.0,
            m: None,
            skip_nonfinite: false,
            method: None,
            of_sam: Vec::new(),
            on: None,
            start: None,
            every: None,
            probability: None,
            ascent: None,
            in_one_chunk: false,
            clip: None,
            clip_value: None,
            frozen: None,
            split: None,
            model: None,
            krate: syn::parse_quote!(::sam_runtime),
        }
    }
}

impl Args {
    /// Reads the keys. Where one is wrong its default stands in, so that the rest of the function
    /// can still be checked.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let mut given: Vec<String> = Vec::new();
        // What can't be read may have been meant for `rho`.
        let mut is_read = true;
        let read_all = |input: ParseStream| {
            while !input.is_empty() {
                if let Err(error) = read_key(&mut args, &mut given, input, errors) {
                    is_read = false;
                    errors.unread(Kind::KeysUnreadable, error);
                    skip_to_comma(input);
                }
                if input.is_empty() {
                    break;
                }
                if let Err(error) = input.parse::<Token![,]>() {
                    is_read = false;
                    errors.unread(Kind::KeysUnreadable, error);
                    skip_to_comma(input);
                    let _ = input.parse::<Token![,]>();
                }
            }
            Ok(())
        };
        if let Err(error) = read_all.parse2(tokens) {
            is_read = false;
            errors.unread(Kind::KeysUnreadable, error);
        }
        if is_read && !given.iter().any(|key| key == "rho") {
            errors.at_span(
                Kind::RhoMissing,
                Span::call_site(),
                "`rho` is missing: the radius of the neighbourhood, as in `#[sam_train(rho = 0.05)]`",
            );
        }
        args.settle(errors);
        args
    }

    /// Whether the step is written over chunks.
    pub(crate) fn is_in_chunks(&self) -> bool {
        self.m.is_some() || self.ascent.is_some() || self.in_one_chunk
    }

    /// What says into which parts the batch is cut, if it is.
    pub(crate) fn cut_by(&self) -> Option<&Expr> {
        self.m.as_ref().or(self.ascent.as_ref())
    }

    /// Whether the batch is cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut_by().is_some()
    }

    /// The key for which it is.
    pub(crate) fn chunks_by(&self) -> &'static str {
        match (&self.m, &self.ascent) {
            (Some(_), _) => "m",
            (None, Some(_)) => "ascent",
            (None, None) => "method",
        }
    }

    /// What the keys add to the settings of a step.
    pub(crate) fn settings(&self) -> TokenStream {
        let method = self.method.iter().map(|chosen| chosen.value(&self.krate));
        let on = self.on.iter().map(|on| &on.tokens);
        let when = self.when().into_iter();
        quote!(#(.method(#method))* #(.on(#on))* #(.when(#when))*)
    }

    /// Which steps are SAM's, if not all.
    pub(crate) fn when(&self) -> Option<TokenStream> {
        let krate = &self.krate;
        let given = [
            ("start", &self.start),
            ("every", &self.every),
            ("probability", &self.probability),
        ];
        let fields: Vec<TokenStream> = given
            .iter()
            .filter_map(|(name, value)| {
                let (name, value) = (quote::format_ident!("{name}"), value.as_ref()?);
                Some(quote!(#name: #value,))
            })
            .collect();
        let rest = (fields.len() < given.len()).then(|| quote!(..#krate::step::When::ALWAYS));
        (!fields.is_empty()).then(|| quote!(#krate::step::When { #(#fields)* #rest }))
    }

    /// The same, for the base optimizer's steps: on batches that are not cut.
    pub(crate) fn whole(&self) -> Self {
        Self {
            m: None,
            ascent: None,
            in_one_chunk: false,
            ..self.clone()
        }
    }

    /// Whether steps may be the base optimizer's, as `rho` may be 0 or not all of them are SAM's.
    pub(crate) fn may_be_plain(&self) -> bool {
        literal(&self.rho).is_none() || self.when().is_some()
    }
}

/// Reads one key, up to its comma where it is refused. What the parser can't read is an error.
fn read_key(
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

fn unknown_key(name: &str) -> String {
    let known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    let hint = match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys are `{}`", known.join("`, `")),
    };
    format!("`{name}` is not a key of `sam_train`; {hint}")
}

fn skip_to_comma(input: ParseStream) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<TokenTree>();
    }
}

/// The literal in `expr`, through groups and a sign.
fn literal(expr: &Expr) -> Option<(&Lit, bool)> {
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => Some((lit, false)),
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => literal(expr).map(|(lit, negative)| (lit, !negative)),
        Expr::Paren(inner) => literal(&inner.expr),
        Expr::Group(inner) => literal(&inner.expr),
        _ => None,
    }
}

fn read_rho(args: &mut Args, input: ParseStream, errors: &mut Errors) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    match literal(&value) {
        None => args.rho = value,
        Some((Lit::Float(number), negative)) => match number.base10_parse::<f64>() {
            Ok(rho) if !negative && rho > 0.0 && rho.is_finite() => args.rho = value,
            _ => errors.at(
                Kind::RhoNotPositive,
                &value,
                "`rho` must be a finite number above 0; for the base optimizer delete the attribute",
            ),
        },
        Some((Lit::Int(number), negative)) => {
            let shown = if negative { "0.05".to_owned() } else { float_spelling(number) };
            errors.at(
                Kind::RhoNoFloat,
                &value,
                format!("`rho` is a float; write `{shown}`"),
            );
        }
        Some(_) => errors.at(Kind::RhoNoFloat, &value, "`rho` is a number, as in `rho = 0.05`"),
    }
    Ok(())
}

fn float_spelling(number: &syn::LitInt) -> String {
    match number.base10_digits() {
        "0" => "0.05".to_owned(),
        digits => format!("{digits}.0"),
    }
}

fn read_norm(args: &mut Args, input: ParseStream, errors: &mut Errors) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    let Some((Lit::Str(text), _)) = literal(&value) else {
        errors.at(
            Kind::NormUnknown,
            &value,
            "`norm` is a string: \"l1\", \"l2\", \"linf\" or \"l<p>\" with p >= 1",
        );
        return Ok(());
    };
    match norm_p(&text.value()) {
        Some(p) => args.norm = p,
        None => errors.at(
            Kind::NormUnknown,
            &value,
            format!(
                "\"{}\" is not a norm; write \"l1\", \"l2\", \"linf\" or \"l<p>\" with p >= 1, as in \"l1.5\"",
                text.value()
            ),
        ),
    }
    Ok(())
}

/// The p of `"l<p>"`, as `sam_runtime::Norm` reads it.
fn norm_p(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('l')?;
    if digits == "inf" {
        return Some(f64::INFINITY);
    }
    let p: f64 = digits
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| digits.parse().ok())??;
    (p >= 1.0 && p.is_finite()).then_some(p)
}

fn read_m(args: &mut Args, input: ParseStream, errors: &mut Errors) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    match literal(&value) {
        None => args.m = Some(value),
        Some((Lit::Int(number), false)) => match number.base10_parse::<usize>() {
            Ok(0) => errors.at(
                Kind::MZero,
                &value,
                "`m` must be at least 1; leave it out for one perturbation per batch",
            ),
            Ok(_) if matches!(number.suffix(), "" | "usize") => args.m = Some(value),
            _ => errors.at(Kind::MNoNumber, &value, "`m` is a `usize`, as in `m = 128`"),
        },
        Some(_) => errors.at(
            Kind::MNoNumber,
            &value,
            "`m` is a number of samples, as in `m = 128`",
        ),
    }
    Ok(())
}

fn read_nonfinite(args: &mut Args, input: ParseStream, errors: &mut Errors) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    let text = match literal(&value) {
        Some((Lit::Str(text), _)) => text.value(),
        _ => value.to_token_stream().to_string(),
    };
    match (&value, text.as_str()) {
        (Expr::Lit(_), "error") => args.skip_nonfinite = false,
        (Expr::Lit(_), "skip") => args.skip_nonfinite = true,
        _ => errors.at(
            Kind::NonfiniteUnknown,
            &value,
            "`nonfinite` is \"error\" or \"skip\"",
        ),
    }
    Ok(())
}

/// A bound above 0.
fn read_bound(key: &str, input: ParseStream, errors: &mut Errors) -> syn::Result<Option<Expr>> {
    let value: Expr = input.parse()?;
    let problem = match literal(&value) {
        None => return Ok(Some(value)),
        Some((Lit::Float(number), negative)) => match number.base10_parse::<f64>() {
            Ok(bound) if !negative && bound > 0.0 && bound.is_finite() => return Ok(Some(value)),
            _ => format!(
                "`{key}` must be a finite number above 0; leave it out for a gradient as it is"
            ),
        },
        Some((Lit::Int(number), false)) if number.base10_digits() != "0" => {
            format!("`{key}` is a float; write `{}.0`", number.base10_digits())
        }
        Some(_) => format!("`{key}` is a float above 0, as in `{key} = 1.0`"),
    };
    errors.at(Kind::ClipNotPositive, &value, problem);
    Ok(None)
}

fn read_split(args: &mut Args, input: ParseStream, errors: &mut Errors) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    let Expr::Array(list) = &value else {
        errors.at(
            Kind::SplitNoList,
            &value,
            "`split` is a list of variables, as in `split = [x, y]`",
        );
        return Ok(());
    };
    if list.elems.is_empty() {
        errors.at(
            Kind::SplitNoList,
            &value,
            "`split` names nothing; list what is cut into chunks, as in `split = [x, y]`",
        );
    }
    // As for every key, the default replaces a wrong value.
    let mut is_right = !list.elems.is_empty();
    let mut names: Vec<Ident> = Vec::new();
    for element in &list.elems {
        match element {
            Expr::Path(path) if path.path.get_ident().is_some_and(|i| names.contains(i)) => {
                errors.at(Kind::SplitTwice, element, "this is listed twice; keep one");
            }
            Expr::Path(path) if path.path.get_ident().is_some() => {
                names.extend(path.path.get_ident().cloned());
            }
            _ => {
                is_right = false;
                errors.at(
                    Kind::SplitNoVariable,
                    element,
                    "`split` lists variables; bind this to one before the forward pass",
                );
            }
        }
    }
    args.split = is_right.then_some(names);
    Ok(())
}

fn read_model(args: &mut Args, input: ParseStream, errors: &mut Errors) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    if let Expr::Reference(reference) = &value {
        let place = spelled(&reference.expr);
        errors.at(
            Kind::ModelKeyNoPlace,
            &value,
            format!("`model` is a place; write `model = {place}`"),
        );
    } else if is_place(&value) {
        args.model = Some(value);
    } else {
        errors.at(
            Kind::ModelKeyNoPlace,
            &value,
            "`model` is a place, such as `net` or `self.net`",
        );
    }
    Ok(())
}

/// Whether `expr` is a variable or a field of one, with or without a `*`.
pub(crate) fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Path(path) => path.path.get_ident().is_some(),
        Expr::Field(field) => is_place(&field.base),
        Expr::Paren(inner) => is_place(&inner.expr),
        Expr::Group(inner) => is_place(&inner.expr),
        Expr::Unary(ExprUnary {
            op: UnOp::Deref(_),
            expr,
            ..
        }) => is_place(expr),
        _ => false,
    }
}

fn read_crate(args: &mut Args, input: ParseStream, errors: &mut Errors) -> syn::Result<()> {
    if let Ok(text) = input.fork().parse::<syn::LitStr>() {
        input.parse::<syn::LitStr>()?;
        errors.at(
            Kind::CrateString,
            &text,
            format!(
                "`crate` is a path, not a string; write `crate = {}`",
                text.value()
            ),
        );
        skip_to_comma(input);
        return Ok(());
    }
    args.krate = input.call(Path::parse_mod_style)?;
    Ok(())
}
