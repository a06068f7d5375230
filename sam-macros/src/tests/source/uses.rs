//! Which variables of outside a piece of source uses, and how.

use syn::Stmt;

use crate::source::{How, Place, Use, Uses, bound_by, bound_by_stmt};

fn spelled(u: &Use) -> String {
    match &u.how {
        How::Value => u.place.to_string(),
        How::Borrow => format!("&{}", u.place),
        How::BorrowMut => format!("&mut {}", u.place),
        How::Set => format!("{} =", u.place),
        How::Assign => format!("{} +=", u.place),
        How::AssignThrough => format!("*{} =", u.place),
        How::Index => format!("{}[]", u.place),
        How::Receiver(method) => format!("{}.{method}()", u.place),
        How::Call => format!("{}()", u.place),
        How::Macro => format!("{}!", u.place),
    }
}

/// Asserts the uses of a statement, in order.
#[track_caller]
fn uses(code: &str, expected: &str) {
    let stmt = stmt(code);
    let found: Vec<String> = Uses::of_stmt(&stmt, &[]).all.iter().map(spelled).collect();
    assert_eq!(found.join(", "), expected, "{code}");
}

#[track_caller]
fn stmt(code: &str) -> Stmt {
    let block: syn::Block = syn::parse_str(&format!("{{ {code} }}")).expect("a statement");
    block.stmts.into_iter().next().expect("one statement")
}

#[test]
fn how() {
    uses("let a = x;", "x");
    uses("let a = &x;", "&x");
    uses("let a = &mut x.y.0;", "&mut x.y.0");
    uses("let a = *x;", "&x");
    uses("let a = x.y.f(z);", "x.y.f(), z");
    uses("let a = x[i][j];", "x[], i, j");
    uses("let a = x[i].y;", "x[], i");
    uses("let a = (x).f();", "x.f()");
    uses("let a = x[0].f();", "x.f()");
    uses("let a = (*x).f();", "x.f()");
    uses("let a = (&mut *x).f();", "&mut x");
    uses("let a = f(x)(y);", "f(), x, y");
    uses("let a = (self.f)(x);", "self.f(), x");
    uses("x = y;", "y, x =");
    uses("x.a.b += y;", "y, x.a.b +=");
    uses("x[i] = y;", "y, x +=, i");
    uses("*x = y;", "y, *x =");
    uses("*x.y -= 1;", "*x.y =");
    uses("(a, b.c, [d, _], ..) = e;", "e, a =, b.c =, d =");
    uses("S { a, b: c.d } = e;", "e, a =, c.d =");
    uses("Some(a) = e;", "e, a =");
    uses("let a = x.await;", "x");
    uses("let a = x as f32 + -y;", "x, y");
    uses("let a = x..y;", "x, y");
    uses("let a = f32::MAX * A::<B>::C;", "");
}

#[test]
fn structs() {
    uses("let a = S { x, y: z.w, ..rest };", "x, z.w, rest");
    uses("let S { x, y: z, w: _, .. } = s;", "s");
    assert_eq!(
        names(&bound_by_stmt(&stmt("let S { x, y: z, w: _, .. } = s;"))),
        "x z"
    );
}

#[test]
fn closures() {
    uses("let f = |x, (y, S { z, .. }): T| x + y + z + w;", "w");
    uses("let f = |x| { let w = x; w };", "");
    uses("let f = |x| x + y; ", "y");
    uses("let f = move |x| y.f(x) + &z;", "y, z");
    uses("let f = async move { x.f() };", "x.f()");
    // Only within it.
    uses("let a = (|x| x, x);", "x");
}

#[test]
fn blocks_and_loops() {
    uses("{ let x = x; x + y }", "x, y");
    uses("'a: { if x { break 'a y; } z }", "x, y, z");
    uses("for x in x { y += x; }", "x, y +=");
    uses("while let Some(x) = x.next() { f(x); }", "x.next(), f()");
    uses("while x < 3 { let x = y; }", "x, y");
    uses("loop { break x; }", "x");
    uses(
        "{ fn f(x: T) -> T { x + y } const C: T = z; f(x) }",
        "f(), x",
    );
    uses("unsafe { x } ;", "x");
}

#[test]
fn conditions_and_arms() {
    uses(
        "if let Some(x) = x { f(x) } else { g(x) }",
        "x, f(), g(), x",
    );
    uses(
        "if a && let Some(x) = y && x > z { x } else { x };",
        "a, y, z, x",
    );
    uses(
        "match x { Some(y) if y > z => y, None => w, y => y };",
        "x, z, w",
    );
    uses(
        "match x { A | B => 1, n @ 1..=3 => n, CONST => c };",
        "x, c",
    );
    uses("let Some(x) = x else { return y };", "x, y");
    // A name is bound in its arm only.
    uses("match a { x => x, };", "a");
    uses("{ match a { x => x, }; x }", "a, x");
    uses("{ if let Some(x) = a {} x }", "a, x");
}

#[test]
fn macros() {
    uses(
        "println!(\"{x:.3e} {y:>w$.p$} {{z}} {:?}\", v);",
        "&x, &y, &w, &p, v",
    );
    uses("println!(\"{a}\", a = b.c);", "&a, b.c");
    uses("vec![x; n];", "x, n");
    uses("vec![x.y, z()];", "x.y, z()");
    uses("assert!(x > y, \"{z}\");", "x, y, &z");
    uses("add!(x, y.z, f(w));", "x!, y.z!, f(), w");
    uses("odd!(x => y.z);", "x!, y!");
    uses(
        "let a = matches!(x, Some(n) if n > y);",
        "x!, Some!, n!, if!, n!, y!",
    );
    uses("let a = f(format!(\"{}\", format!(\"{x}\")));", "f(), &x");
    uses("for a in b { add!(x, a); }", "b, x!");
}

#[test]
fn inside_counts_what_is_bound_as_well() {
    let found = Uses::inside_stmt(&stmt("let f = |x| { let y = x; y };"));
    assert!(found.mention("x") && found.mention("y"));
}

fn names(names: &[proc_macro2::Ident]) -> String {
    names
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn patterns() {
    let bound = |code: &str, can_fail| {
        let Stmt::Local(local) = stmt(&format!("let {code} = e else {{}};")) else {
            panic!("no let: {code}");
        };
        names(&bound_by(&local.pat, can_fail))
    };
    assert_eq!(bound("(a, mut b, ref c)", false), "a b c");
    assert_eq!(bound("[first, .., last]", false), "first last");
    assert_eq!(bound("whole @ S { x, y: (p, _), .. }", true), "whole x p");
    assert_eq!(bound("None", true), "");
    assert_eq!(bound("Some(X)", true), "X");
    assert_eq!(bound("Some(X_in)", true), "X_in");
    assert_eq!(bound("Some(MAX)", true), "");
    assert_eq!(bound("X", false), "X");
    assert_eq!(bound("n @ 0..=9", true), "n");
    assert_eq!(bound("&(a, &b)", false), "a b");
}

#[test]
fn places() {
    let place = |code: &str| Place::of_expr(&syn::parse_str(code).expect("an expression"));
    let shown = |code: &str| place(code).map(|p| p.to_string()).unwrap_or_default();
    assert_eq!(shown("self.net.0"), "self.net.0");
    assert_eq!(shown("((x).y)"), "x.y");
    assert_eq!(shown("x.0.1"), "x.0.1");
    for no_place in ["x[0]", "x.f()", "a::b", "*x", "&x", "1"] {
        assert_eq!(place(no_place), None, "{no_place}");
    }
    let behind = |code: &str| Place::behind(&syn::parse_str(code).expect("an expression"));
    assert_eq!(
        behind("(*x.y)").map(|(p, d)| (p.to_string(), d)),
        Some(("x.y".to_owned(), true))
    );
    assert_eq!(
        behind("x").map(|(p, d)| (p.to_string(), d)),
        Some(("x".to_owned(), false))
    );
    let of = |code: &str| place(code).expect("a place");
    assert!(of("a").contains(&of("a.b")) && of("a.b").overlaps(&of("a")));
    assert!(!of("a.b").contains(&of("a")) && !of("a.b").overlaps(&of("a.c")));
    assert!(of("self").overlaps(&of("self.x")) && !of("self").is_variable());
}
