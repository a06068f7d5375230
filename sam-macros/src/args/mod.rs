//! The keys of the attribute: `#[sam_train(rho = 0.05, norm = "l2", m = 128)]`.
//!
//! | file | what |
//! |---|---|
//! | `key` | the table of keys, and how one is read: its name, its `=`, its value |
//! | `value` | the values of most of them |
//! | `method` | the values of those that say how a step climbs, on what and when |
//! | `together` | what keys mean together, and which contradict each other |

mod key;
mod method;
mod together;
mod value;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{
    Expr, Path, Token,
    parse::{ParseStream, Parser},
};

use self::{
    key::{read_key, skip_to_comma},
    value::literal,
};
use crate::errors::{Errors, Kind};

/// What the keys say, with the defaults of those that were left out.
#[derive(Clone)]
pub(crate) struct Args {
    pub(crate) rho: Expr,
    /// The p of the norm.
    pub(crate) norm: f64,
    /// Samples per perturbation; `None` for the whole batch.
    pub(crate) m: Option<Expr>,
    /// Set where the chunks of `m` run at once.
    pub(crate) parallel: Option<Expr>,
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
            parallel: None,
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

    /// Whether the chunks run at once.
    pub(crate) fn is_at_once(&self) -> bool {
        self.parallel.is_some()
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
            parallel: None,
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
