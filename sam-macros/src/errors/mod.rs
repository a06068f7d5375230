//! All errors of one run, so that the user sees them together.

mod kind;
mod nearest;

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

pub(crate) use self::{kind::Kind, nearest::nearest};

/// Errors in the order in which they were found.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    /// An error that underlines `tokens`, the smallest thing that must change.
    ///
    /// The message states the fact, and what to write if a clause can say it; a longer remedy goes behind
    /// `\n\nhelp: `.
    pub(crate) fn at(&mut self, kind: Kind, tokens: impl ToTokens, message: impl Display) {
        self.0
            .push(syn::Error::new_spanned(tokens, pointed(kind, message)));
    }

    /// An error for which there are no tokens of the user's to underline.
    pub(crate) fn at_span(&mut self, kind: Kind, span: Span, message: impl Display) {
        self.0.push(syn::Error::new(span, pointed(kind, message)));
    }

    /// What the parser says.
    pub(crate) fn unread(&mut self, kind: Kind, error: syn::Error) {
        for error in error {
            self.at_span(kind, error.span(), &error);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `compile_error!` items, to stand beside the function.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }

    #[cfg(test)]
    pub(crate) fn all(&self) -> &[syn::Error] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

/// `message`, and where the guide says more. The compiler prints this verbatim: on stable Rust, a macro can't add
/// notes.
fn pointed(kind: Kind, message: impl Display) -> String {
    let message = message.to_string();
    let gap = if message.contains("\n\n") {
        "\n"
    } else {
        "\n\n"
    };
    format!(
        "{message}{gap}see `errors/{}` in sam-train's guide",
        kind.entry()
    )
}

/// A place as a user writes it: `self.net`, not `self . net`.
pub(crate) fn spelled(place: impl ToTokens) -> String {
    place
        .to_token_stream()
        .to_string()
        .replace(" . ", ".")
        .replace("& mut ", "&mut ")
        .replace("* ", "*")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_kind_has_an_entry_of_its_own() {
        let entries: HashSet<&str> = Kind::ALL.iter().map(|kind| kind.entry()).collect();
        assert_eq!(entries.len(), Kind::ALL.len());
        for entry in entries {
            let is_plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(entry.chars().all(is_plain), "`{entry}` is a file's name");
        }
    }

    #[test]
    fn a_message_ends_with_its_entry() {
        let message = |text: &str| pointed(Kind::TwoSteps, text);
        assert_eq!(
            message("two steps"),
            "two steps\n\nsee `errors/two-steps` in sam-train's guide"
        );
        assert_eq!(
            message("two steps\n\nhelp: keep one"),
            "two steps\n\nhelp: keep one\nsee `errors/two-steps` in sam-train's guide"
        );
    }
}
