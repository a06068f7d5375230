//! What the arguments of a macro mention.

use proc_macro2::TokenStream;

use crate::source::{exprs_in, mentions};

fn tokens(code: &str) -> TokenStream {
    code.parse().expect("tokens")
}

#[track_caller]
fn mentioned(code: &str, expected: &str) {
    let mut found = Vec::new();
    mentions(tokens(code), &mut found);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.join(" "), expected, "{code}");
}

#[test]
fn captures_of_a_format() {
    for (format, names) in [
        ("{x}", "x"),
        ("{x:?} {y:#?}", "x y"),
        ("{:.3e} {:>8} {0} {}", ""),
        ("{x:.3e}", "x"),
        ("{x:>w$}", "x w"),
        ("{x:w$.p$}", "x w p"),
        ("{x:*^w$}", "x w"),
        ("{x:+w$}", "x w"),
        ("{x:#w$x}", "x w"),
        ("{x:0w$}", "x w"),
        ("{x:-<+#0w$.p$e}", "x w p"),
        ("{:.*} {:1$} {:.2$}", ""),
        ("{{x}} {{{y}}}", "y"),
        ("{ x }", "x"),
        ("{", ""),
        ("}", ""),
        ("{x", ""),
        ("{größe}", "größe"),
    ] {
        mentioned(&format!("{format:?}"), names);
        mentioned(&format!("r#\"{format}\"#"), names);
    }
    mentioned("b\"{x}\"", "");
    mentioned("'{'", "");
}

#[test]
fn names_and_members() {
    mentioned("a.b(c.d) => [e; f]", "a c e f");
    mentioned("0..x, a..=y, ..z", "x a y z");
    mentioned("a::b", "a b");
}

#[test]
fn arguments() {
    let count = |code: &str| exprs_in(&tokens(code)).map(|exprs| exprs.len());
    assert_eq!(count("\"{}\", x, y = z,"), Some(3));
    assert_eq!(count("x; n"), Some(2));
    assert_eq!(count(""), Some(0));
    assert_eq!(count("x => y"), None);
    assert_eq!(count("Some(x) if x"), None);
}
