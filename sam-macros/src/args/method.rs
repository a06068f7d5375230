//! The keys that say how a step climbs, on what, and when.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprLit, Lit, Path, parse::ParseStream};

use super::{Args, value::literal};
use crate::{
    errors::{Errors, Kind, nearest},
    methods::{METHODS, Method, Number, NumberKind},
};

/// What the key `method` says.
#[derive(Clone)]
pub(crate) struct Chosen {
    /// As the user wrote it.
    pub(super) value: Expr,
    /// The one of the table, by its place there; `None` for a value of the user's own.
    pub(super) known: Option<usize>,
    /// Its numbers.
    pub(super) fields: Vec<(&'static str, Expr)>,
}

impl Chosen {
    pub(super) fn method(&self) -> Option<&'static Method> {
        self.known.map(|at| &METHODS[at])
    }

    /// The method as an expression.
    pub(super) fn value(&self, krate: &Path) -> TokenStream {
        let Some(method) = self.method() else {
            return self.value.to_token_stream();
        };
        let ty = quote::format_ident!("{}", method.ty);
        let path = quote!(#krate::step::methods::#ty);
        if method.numbers.is_empty() {
            return path;
        }
        let fields = self.fields.iter().map(|(name, value)| {
            let name = quote::format_ident!("{name}");
            quote!(#name: #value,)
        });
        let rest = (self.fields.len() < method.numbers.len())
            .then(|| quote!(..<#path as ::core::default::Default>::default()));
        quote!(#path { #(#fields)* #rest })
    }
}

/// Reads `gsam(alpha = 0.4)`, `gsam`, or a value of the user's own.
pub(super) fn read_method(
    args: &mut Args,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    let (name, numbers): (&Expr, Vec<&Expr>) = match &value {
        Expr::Call(call) => (&call.func, call.args.iter().collect()),
        other => (other, Vec::new()),
    };
    let spelled = match name {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => {
            let near = nearest_method(&text.value()).unwrap_or("gsam");
            let message = format!("`method` is a name, not a string; write `method = {near}`");
            errors.at(Kind::MethodUnknown, &value, message);
            return Ok(());
        }
        _ => None,
    };
    let known = spelled
        .as_deref()
        .and_then(|spelled| METHODS.iter().position(|method| method.name == spelled));
    let is_spelled_so = |expr: &&Expr| matches!(expr, Expr::Assign(_));
    let Some(known) = known else {
        // A variable, a constant or a function of the user's may stand here.
        let near = spelled.as_deref().and_then(nearest_method);
        let has_numbers = numbers.iter().any(is_spelled_so);
        if let (Some(spelled), true) = (&spelled, near.is_some() || has_numbers) {
            let all: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "the methods are `{}`, or a value of a type that implements `Method`",
                    all.join("`, `")
                ),
            };
            errors.at(
                Kind::MethodUnknown,
                name,
                format!("`{spelled}` is not a method of SAM; {hint}"),
            );
            return Ok(());
        }
        args.method = Some(Chosen {
            value: value.clone(),
            known: None,
            fields: Vec::new(),
        });
        return Ok(());
    };
    let mut chosen = Chosen {
        value: value.clone(),
        known: Some(known),
        fields: Vec::new(),
    };
    for given in numbers {
        if let Some(field) = read_number(&METHODS[known], given, &chosen, errors) {
            chosen.fields.push(field);
        }
    }
    args.method = Some(chosen);
    Ok(())
}

fn nearest_method(name: &str) -> Option<&'static str> {
    let known: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
    nearest(name, &known)
}

/// Reads `alpha = 0.4`.
fn read_number(
    method: &'static Method,
    given: &Expr,
    chosen: &Chosen,
    errors: &mut Errors,
) -> Option<(&'static str, Expr)> {
    let mut refuse = |at: &dyn ToTokens, message: String| {
        errors.at(Kind::MethodNumber, at.to_token_stream(), message);
        None
    };
    let names: Vec<&str> = method.numbers.iter().map(|number| number.name).collect();
    let of = method.name;
    let Expr::Assign(assign) = given else {
        return match names.first() {
            Some(first) => {
                let value = given.to_token_stream();
                refuse(
                    given,
                    format!("the numbers of `{of}` have names; write `{of}({first} = {value})`"),
                )
            }
            None => refuse(
                given,
                format!("`{of}` has no numbers; write `method = {of}`"),
            ),
        };
    };
    let spelled = assign.left.to_token_stream().to_string();
    let Some(number) = method.numbers.iter().find(|number| number.name == spelled) else {
        let hint = match nearest(&spelled, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => format!("it has none; write `method = {of}`"),
            None => format!("it has `{}`", names.join("`, `")),
        };
        return refuse(
            &assign.left,
            format!("`{spelled}` is not a number of `{of}`; {hint}"),
        );
    };
    if chosen.fields.iter().any(|(name, _)| *name == number.name) {
        return refuse(
            &assign.left,
            format!("`{spelled}` is given twice; keep one"),
        );
    }
    match problem(number, &assign.right) {
        Some(problem) => refuse(&assign.right, format!("`{spelled}` of `{of}` {problem}")),
        None => Some((number.name, (*assign.right).clone())),
    }
}

/// What is wrong with a literal.
fn problem(number: &Number, value: &Expr) -> Option<String> {
    let (found, negative) = literal(value)?;
    let range = number.range;
    let parsed = match (number.kind, found) {
        (NumberKind::Bool, Lit::Bool(_)) => return None,
        (NumberKind::Bool, _) => return Some(format!("is {range}")),
        (NumberKind::Float, Lit::Float(float)) => float.base10_parse::<f64>().ok(),
        (NumberKind::Float, Lit::Int(int)) => {
            let sign = if negative { "-" } else { "" };
            return Some(format!(
                "is a float; write `{sign}{}.0`",
                int.base10_digits()
            ));
        }
        (NumberKind::Float, _) => return Some(format!("is a float {range}")),
        (NumberKind::Integer, Lit::Int(int)) => int.base10_parse::<f64>().ok(),
        (NumberKind::Integer, _) => return Some(format!("is an integer, {range}")),
    };
    let value = parsed.map(|x| if negative { -x } else { x });
    let is_good = value.is_some_and(|x| x.is_finite() && (number.is_in_range)(x));
    (!is_good).then(|| format!("must be {range}"))
}

/// `"all"`, `"norm"`, `"weights"`, a closure of the name, or a value of the type `On`.
pub(super) fn read_on(args: &mut Args, input: ParseStream, errors: &mut Errors) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    let krate = &args.krate;
    let on = match literal(&value) {
        None => match &value {
            // Its parameter's type is not inferred through a conversion.
            Expr::Closure(_) => {
                quote!(#krate::step::On::from({ let named: fn(&str) -> bool = #value; named }))
            }
            _ => value.to_token_stream(),
        },
        Some((Lit::Str(text), _)) => match text.value().as_str() {
            "all" => quote!(#krate::step::On::All),
            "norm" => quote!(#krate::step::On::Norm),
            "weights" => quote!(#krate::step::On::Weights),
            other => {
                let hint = match nearest(other, &["all", "norm", "weights"]) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => ON.to_owned(),
                };
                errors.at(
                    Kind::OnUnknown,
                    &value,
                    format!("\"{other}\" names no parameters; {hint}"),
                );
                return Ok(());
            }
        },
        Some(_) => {
            errors.at(
                Kind::OnUnknown,
                &value,
                format!("`on` says which parameters are perturbed; {ON}"),
            );
            return Ok(());
        }
    };
    args.on = Some(On { value, tokens: on });
    Ok(())
}

const ON: &str = "write \"all\", \"norm\" for those of normalisation layers, \"weights\" for all but those and biases, \
                  or a closure of the name, as in `|name| name.starts_with(\"0.\")`";

/// What the key `on` says.
#[derive(Clone)]
pub(crate) struct On {
    pub(super) value: Expr,
    pub(super) tokens: TokenStream,
}

/// A count, or a share of 1.
pub(super) fn read_when(
    key: &'static str,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<Option<Expr>> {
    let value: Expr = input.parse()?;
    let Some((found, negative)) = literal(&value) else {
        return Ok(Some(value));
    };
    let is_good = match (key, found) {
        ("start" | "every", Lit::Int(int)) => {
            let least = u64::from(key == "every");
            int.base10_parse::<u64>().is_ok_and(|x| x >= least)
        }
        ("probability" | "ascent", Lit::Float(float)) => float
            .base10_parse::<f64>()
            .is_ok_and(|x| x > 0.0 && x <= 1.0),
        _ => false,
    };
    if is_good && !negative {
        return Ok(Some(value));
    }
    let message = match key {
        "start" => {
            "`start` is the number of the first step that is SAM's, from 0, as in `start = 1000`"
        }
        "every" => "`every` is a number of steps, at least 1, as in `every = 2`",
        "probability" => "`probability` is a float above 0 and up to 1, as in `probability = 0.5`",
        _ => "`ascent` is a share of the batch, a float above 0 and up to 1, as in `ascent = 0.25`",
    };
    errors.at(Kind::WhenOutOfRange, &value, message);
    Ok(None)
}

/// `steps = 3` and `second_order = true` are numbers of SAM itself.
pub(super) fn read_of_sam(
    args: &mut Args,
    key: &'static str,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    let number = METHODS[0].numbers.iter().find(|number| number.name == key);
    match number.and_then(|number| problem(number, &value)) {
        Some(problem) => errors.at(Kind::MethodNumber, &value, format!("`{key}` {problem}")),
        None => args.of_sam.push((key, value)),
    }
    Ok(())
}
