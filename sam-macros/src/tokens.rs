//! Search and replace in tokens, which also reaches into the arguments of macros.

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, Member};

/// A piece of source to look for.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Ident(String),
    Dot,
    Index(String),
    /// `()`
    Call,
}

/// A place such as `self.net`, `batch.0` or a read such as `loss.array()`, and what to put there.
pub(crate) struct Rule {
    pattern: Vec<Piece>,
    replacement: TokenStream,
}

impl Rule {
    /// Replaces a field place: `root.member.member`. `None` for any other expression.
    pub(crate) fn place(place: &Expr, replacement: impl ToTokens) -> Option<Self> {
        let mut pattern = Vec::new();
        push_place(place, &mut pattern)?;
        Some(Self {
            pattern,
            replacement: replacement.to_token_stream(),
        })
    }

    /// Replaces `receiver.method()`.
    pub(crate) fn read(receiver: &str, method: &str, replacement: impl ToTokens) -> Self {
        let ident = |text: &str| Piece::Ident(text.to_owned());
        let pattern = vec![ident(receiver), Piece::Dot, ident(method), Piece::Call];
        Self {
            pattern,
            replacement: replacement.to_token_stream(),
        }
    }

    /// How many tokens of `at` the rule takes up, if it fits there.
    fn fits(&self, at: &[TokenTree]) -> Option<usize> {
        let fits = self.pattern.len() <= at.len()
            && self
                .pattern
                .iter()
                .zip(at)
                .all(|(piece, token)| piece.fits(token));
        let is_method = matches!(at.get(self.pattern.len()),
            Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis);
        let ends_in_call = self.pattern.last() == Some(&Piece::Call);
        (fits && (ends_in_call || !is_method)).then_some(self.pattern.len())
    }
}

fn push_place(place: &Expr, pattern: &mut Vec<Piece>) -> Option<()> {
    match place {
        Expr::Path(path) => pattern.push(Piece::Ident(path.path.get_ident()?.to_string())),
        Expr::Paren(inner) => push_place(&inner.expr, pattern)?,
        Expr::Group(inner) => push_place(&inner.expr, pattern)?,
        Expr::Field(field) => {
            push_place(&field.base, pattern)?;
            pattern.push(Piece::Dot);
            pattern.push(match &field.member {
                Member::Named(name) => Piece::Ident(name.to_string()),
                Member::Unnamed(index) => Piece::Index(index.index.to_string()),
            });
        }
        _ => return None,
    }
    Some(())
}

impl Piece {
    fn fits(&self, token: &TokenTree) -> bool {
        match (self, token) {
            (Self::Ident(name), TokenTree::Ident(ident)) => ident == name,
            (Self::Dot, TokenTree::Punct(punct)) => punct.as_char() == '.',
            (Self::Index(index), TokenTree::Literal(literal)) => literal.to_string() == *index,
            (Self::Call, TokenTree::Group(group)) => {
                group.delimiter() == Delimiter::Parenthesis && group.stream().is_empty()
            }
            _ => false,
        }
    }
}

/// `tokens` with every fit of a rule replaced, the first rule first.
pub(crate) fn replace(tokens: TokenStream, rules: &[Rule]) -> TokenStream {
    if rules.is_empty() {
        return tokens;
    }
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut out = TokenStream::new();
    let mut i = 0;
    while i < tokens.len() {
        let fit = (!follows_dot(&tokens, i))
            .then(|| {
                rules
                    .iter()
                    .find_map(|rule| Some((rule, rule.fits(&tokens[i..])?)))
            })
            .flatten();
        if let Some((rule, length)) = fit {
            out.extend(rule.replacement.clone());
            i += length;
            continue;
        }
        out.extend([match &tokens[i] {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replace(group.stream(), rules));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            token => token.clone(),
        }]);
        i += 1;
    }
    out
}

/// How often a rule fits in `tokens`.
pub(crate) fn count(tokens: TokenStream, rule: &Rule) -> usize {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    (0..tokens.len())
        .map(|i| {
            let here = !follows_dot(&tokens, i) && rule.fits(&tokens[i..]).is_some();
            let inside = match &tokens[i] {
                TokenTree::Group(group) => count(group.stream(), rule),
                _ => 0,
            };
            usize::from(here) + inside
        })
        .sum()
}

/// Whether token `i` is a member of what stands before it. `..x` is a range, not a member.
fn follows_dot(tokens: &[TokenTree], i: usize) -> bool {
    let is_dot =
        |i: usize| matches!(tokens.get(i), Some(TokenTree::Punct(p)) if p.as_char() == '.');
    let joins = |i: usize| matches!(tokens.get(i), Some(TokenTree::Punct(p)) if p.spacing() == Spacing::Joint);
    i >= 1 && is_dot(i - 1) && !(i >= 2 && is_dot(i - 2) && joins(i - 2))
}

/// The identifiers that the arguments of a macro may read as variables, format strings included.
pub(crate) fn idents(tokens: TokenStream, found: &mut Vec<Ident>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (i, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => idents(group.stream(), found),
            TokenTree::Ident(ident) if !follows_dot(&tokens, i) => found.push(ident.clone()),
            TokenTree::Literal(literal) => captured_by_format(literal, found),
            _ => {}
        }
    }
}

/// `{loss:.3}` in a string reads `loss`, with the string's own hygiene.
fn captured_by_format(literal: &proc_macro2::Literal, found: &mut Vec<Ident>) {
    let text = literal.to_string();
    if !text.starts_with(['"', 'r']) {
        return;
    }
    for piece in text.replace("{{", "").split('{').skip(1) {
        let inside = piece.split('}').next().unwrap_or_default();
        // The name stands before the colon; a width or precision may name one more, before a `$`.
        for name in inside.split([':', '$', '.', '<', '>', '^']) {
            if let Ok(ident) = syn::parse_str::<Ident>(name.trim()) {
                found.push(Ident::new(&ident.to_string(), literal.span()));
            }
        }
    }
}
