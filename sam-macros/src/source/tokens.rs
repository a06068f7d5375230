//! What the arguments of a macro mention.

use proc_macro2::{Ident, Literal, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Expr, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::known::{COMPUTING, LOGGING, PANICKING, PRINTING};

/// The arguments of a macro, where they are expressions, each with what stands behind it: those of
/// `println!(..)`, `vec![x; n]`, `or_continue!(loss, skipped += 1;)`.
pub(crate) fn exprs_in(tokens: &TokenStream) -> Option<Vec<(Expr, TokenStream)>> {
    let list = |input: ParseStream| {
        let mut pieces = Vec::new();
        while !input.is_empty() {
            let piece: Expr = input.parse()?;
            let behind = if input.peek(Token![,]) {
                input.parse::<Token![,]>()?.to_token_stream()
            } else if input.peek(Token![;]) {
                input.parse::<Token![;]>()?.to_token_stream()
            } else if input.is_empty() {
                TokenStream::new()
            } else {
                return Err(input.error("no list of expressions"));
            };
            pieces.push((piece, behind));
        }
        Ok(pieces)
    };
    list.parse2(tokens.clone()).ok()
}

/// Whether a macro may do anything with its arguments.
pub(crate) fn is_unknown_macro(path: &syn::Path) -> bool {
    let plain = [PRINTING, LOGGING, COMPUTING, PANICKING];
    !plain.iter().any(|names| names.has_path(path))
}

/// The names that `tokens` may read as variables, format strings included.
pub(crate) fn mentions(tokens: TokenStream, found: &mut Vec<Ident>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (i, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => mentions(group.stream(), found),
            TokenTree::Ident(ident) if !follows_dot(&tokens, i) => found.push(ident.clone()),
            TokenTree::Literal(literal) => captured_by_format(literal, found),
            _ => {}
        }
    }
}

/// Whether token `i` is a member of what stands before it. `..x` is a range, not a member.
fn follows_dot(tokens: &[TokenTree], i: usize) -> bool {
    let is_dot =
        |i: usize| matches!(tokens.get(i), Some(TokenTree::Punct(p)) if p.as_char() == '.');
    let joins = |i: usize| matches!(tokens.get(i), Some(TokenTree::Punct(p)) if p.spacing() == Spacing::Joint);
    i >= 1 && is_dot(i - 1) && !(i >= 2 && is_dot(i - 2) && joins(i - 2))
}

/// `{loss:.3}` in a string reads `loss`, with the string's own hygiene.
fn captured_by_format(literal: &Literal, found: &mut Vec<Ident>) {
    let text = literal.to_string();
    if !text.starts_with(['"', 'r']) {
        return;
    }
    for piece in text.replace("{{", "").split('{').skip(1) {
        let inside = piece.split('}').next().unwrap_or_default();
        let (name, format) = inside.split_once(':').unwrap_or((inside, ""));
        // A width or precision may name one more, before a `$`.
        let sizes = format
            .split_inclusive('$')
            .filter_map(|part| part.strip_suffix('$'))
            .map(|part| part.rsplit(['.', '<', '>', '^']).next().unwrap_or(part))
            .map(|part| part.trim_start_matches(['+', '-', '#', '0']));
        for name in [name].into_iter().chain(sizes) {
            // Checked first: the compiler's lexer would report what is not a name, such as `3e`.
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            let starts = |c: char| c.is_alphabetic() || c == '_';
            let name = name.trim();
            if name.starts_with(starts)
                && name.chars().all(is_name)
                && let Ok(ident) = Ident::parse_any.parse_str(name)
            {
                found.push(Ident::new(&ident.to_string(), literal.span()));
            }
        }
    }
}

/// Whether a token of `tokens` is this word.
pub(crate) fn has_ident(tokens: impl ToTokens, word: &str) -> bool {
    has(
        tokens.into_token_stream(),
        &|token| matches!(token, TokenTree::Ident(ident) if ident == word),
    )
}

/// Whether a token of `tokens` is this mark.
pub(crate) fn has_punct(tokens: impl ToTokens, mark: char) -> bool {
    has(
        tokens.into_token_stream(),
        &|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark),
    )
}

fn has(tokens: TokenStream, wanted: &dyn Fn(&TokenTree) -> bool) -> bool {
    tokens.into_iter().any(|token| {
        let inside = match &token {
            TokenTree::Group(group) => has(group.stream(), wanted),
            _ => false,
        };
        inside || wanted(&token)
    })
}
