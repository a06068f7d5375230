//! Places replaced by other expressions.

use quote::{ToTokens, quote};
use syn::{Stmt, visit_mut::VisitMut};

use crate::source::{Place, Rewrite, Rule};

/// Asserts what becomes of a statement when `net` stands for `self.net`, `r` for a reference to `x`, and `o`
/// for `owner`.
#[track_caller]
fn rewritten(code: &str, expected: &str) {
    let place = |code: &str| Place::of_expr(&syn::parse_str(code).expect("code")).expect("a place");
    let rule = |of: &str, replacement, is_reference| Rule {
        place: place(of),
        replacement,
        is_reference,
    };
    let rules = [
        rule("self.net", quote!(net), false),
        rule("x", quote!(r), true),
        rule("owner", quote!(o), false),
    ];
    let plain = |code: &str| -> Stmt {
        let block: syn::Block = syn::parse_str(&format!("{{ {code} }}")).expect("a statement");
        block.stmts.into_iter().next().expect("one statement")
    };
    let mut stmt = plain(code);
    Rewrite::new(&rules).visit_stmt_mut(&mut stmt);
    let shown = |stmt: &Stmt| stmt.to_token_stream().to_string();
    let again: Stmt = plain(&shown(&stmt));
    assert_eq!(shown(&again), shown(&plain(expected)), "{code}");
}

#[test]
fn places() {
    rewritten(
        "let a = self.net.f(self.other);",
        "let a = net.f(self.other);",
    );
    rewritten("let a = self.net.head.f();", "let a = net.head.f();");
    rewritten(
        "let a = f(&mut self.net, &self.net.0);",
        "let a = f(&mut net, &net.0);",
    );
    rewritten("let a = self.f();", "let a = self.f();");
    rewritten(
        "let a = (&x, x, x.y, &x.y);",
        "let a = (r, (*r), (*r).y, &(*r).y);",
    );
    rewritten(
        "let a = x[0] + x.f() + x(1);",
        "let a = (*r)[0] + (*r).f() + (*r)(1);",
    );
}

#[test]
fn scopes() {
    rewritten("let f = |x| x + owner;", "let f = |x| x + o;");
    rewritten("{ let x = x; x; }", "{ let x = (*r); x; }");
    rewritten("for x in x { x; }", "for x in (*r) { x; }");
    rewritten(
        "while let Some(x) = x.next() { x; }",
        "while let Some(x) = (*r).next() { x; }",
    );
    rewritten(
        "if let Some(x) = x { x } else { x };",
        "if let Some(x) = (*r) { x } else { (*r) };",
    );
    rewritten(
        "match x { Some(x) if x > owner.n => x, None => x };",
        "match (*r) { Some(x) if x > o.n => x, None => (*r) };",
    );
    rewritten(
        "let Some(x) = x else { return x };",
        "let Some(x) = (*r) else { return (*r) };",
    );
    rewritten("'a: { break 'a x; }", "'a: { break 'a (*r); }");
    rewritten(
        "{ fn f(x: T) -> T { x } f(x); }",
        "{ fn f(x: T) -> T { x } f((*r)); }",
    );
    rewritten("let f = async move { x };", "let f = async move { (*r) };");
}

#[test]
fn a_method_of_a_nested_impl_has_a_self_of_its_own() {
    rewritten(
        "{ impl A { fn f(&self) { self.net.f() } } self.net.g(); }",
        "{ impl A { fn f(&self) { self.net.f() } } net.g(); }",
    );
}

#[test]
fn structs() {
    rewritten(
        "let a = S { x, owner, y: x };",
        "let a = S { x: (*r), owner: o, y: (*r) };",
    );
    rewritten(
        "let a = S { net: self.net, ..x };",
        "let a = S { net: net, ..(*r) };",
    );
}

#[test]
fn macros() {
    rewritten("println!(\"{}\", x.y);", "println!(\"{}\", (*r).y);");
    rewritten("let a = vec![x; owner.n];", "let a = vec![(*r); o.n];");
    rewritten(
        "println!(\"{a}\", a = self.net);",
        "println!(\"{a}\", a = net);",
    );
    rewritten(
        "let a = vec![owner, self.net.f()];",
        "let a = vec![o, net.f()];",
    );
}
