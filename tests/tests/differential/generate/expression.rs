//! Expressions over what is in scope.

use rand::Rng;

use super::{scope::Ty, writer::Writer};

/// A number as a literal.
pub(super) fn literal(w: &mut Writer) -> String {
    format!("{:?}", f32::from(w.rng.gen_range(1_u8..=12)) * 0.125)
}

/// An `f32`, in parentheses where it needs them, that changes nothing.
pub(super) fn number(w: &mut Writer) -> String {
    let simple = match w.rng.gen_range(0..12) {
        0 => w.read(Ty::Number).map(|v| v.place),
        1 => w
            .read(Ty::Numbers)
            .map(|v| format!("{}.last().copied().unwrap_or(0.5)", v.place)),
        2 => w
            .read(Ty::Numbers)
            .map(|v| format!("{}.iter().sum::<f32>()", v.place)),
        3 => w.read(Ty::Count).map(|v| format!("({} as f32)", v.place)),
        4 => w
            .read(Ty::Annealing)
            .map(|v| format!("{}.weight()", v.place)),
        5 => w.read(Ty::Meter).map(|v| format!("{}.mean()", v.place)),
        6 => w
            .read(Ty::Cell)
            .map(|v| format!("({}.get() as f32)", v.place)),
        7 => w
            .read(Ty::Lock)
            .map(|v| format!("(*{}.lock().unwrap())", v.place)),
        8 => w
            .read(Ty::Shared)
            .map(|v| format!("{}.borrow().iter().sum::<f32>()", v.place)),
        9 => w
            .read(Ty::Maybe)
            .map(|v| format!("{}.unwrap_or(1.0)", v.receiver())),
        10 => weight(w),
        _ => w.context.loss.clone().map(|loss| format!("{loss}.array()")),
    };
    let simple = simple.unwrap_or_else(|| literal(w));
    match w.rng.gen_range(0..8) {
        0 => format!("({simple} + {})", literal(w)),
        1 => format!("({simple} * 0.5)"),
        2 => format!(
            "if {} {{ {simple} }} else {{ {} }}",
            condition(w),
            literal(w)
        )
        .in_parentheses(),
        _ => simple,
    }
}

fn weight(w: &mut Writer) -> Option<String> {
    let weights = w.read(Ty::Weights)?.place;
    let index = count(w);
    Some(format!("{weights}[{index} % 4]"))
}

/// A number that a loss can be multiplied by without running away.
pub(super) fn factor(w: &mut Writer) -> String {
    if w.chance(35) {
        return literal(w);
    }
    format!("f32::clamp({}, 0.25, 1.5)", number(w))
}

/// A factor that changes something of the user's when it is taken.
pub(super) fn changing_factor(w: &mut Writer) -> Option<String> {
    w.kind("value that is taken");
    Some(match w.rng.gen_range(0..7) {
        0 => format!("{}.gen_range(0.25..1.5_f32)", w.change(Ty::Rng)?.place),
        1 => format!("{}.pop_front().unwrap_or(1.0)", w.change(Ty::Queue)?.place),
        2 => format!("{}.next().unwrap_or(1.25)", w.change(Ty::Stream)?.place),
        3 => format!("{}.next_weight()", w.change(Ty::Annealing)?.place),
        4 => {
            let n = w.change(Ty::Count)?.place;
            format!("{{ {n} += 1; 1.0 / (1.0 + {n} as f32) }}").in_parentheses()
        }
        5 => format!(
            "{}.take().map_or(1.0, |v: f32| v.clamp(0.25, 1.5))",
            w.change(Ty::Maybe)?.receiver()
        ),
        _ => format!("(0.5 + {}.r#gen::<f32>())", w.change(Ty::Rng)?.place),
    })
}

/// A `usize`.
pub(super) fn count(w: &mut Writer) -> String {
    match w.rng.gen_range(0..6) {
        0..=2 => w.context.index.clone(),
        3 => w.read(Ty::Count).map(|v| v.place),
        4 => w.read(Ty::Numbers).map(|v| format!("{}.len()", v.place)),
        _ => w.read(Ty::Queue).map(|v| format!("{}.len()", v.place)),
    }
    .unwrap_or_else(|| w.rng.gen_range(0_u8..6).to_string())
    .in_parentheses_if_deref()
}

/// A `bool` that changes nothing.
pub(super) fn condition(w: &mut Writer) -> String {
    let (n, at) = (count(w), w.rng.gen_range(0_u8..4));
    match w.rng.gen_range(0..8) {
        0 | 1 => format!("{n} % 3 == {}", at % 3),
        2 => format!("{n} == {at}"),
        3 => format!("{n} > {at}"),
        4 => w
            .read(Ty::Flag)
            .map_or(format!("{n} % 2 == 0"), |v| format!("!{}", v.place)),
        5 => w
            .context
            .loss
            .clone()
            .map_or(format!("{n} < {at}"), |l| format!("{l}.array() > 0.{at}5")),
        6 => w
            .read(Ty::Number)
            .map_or(format!("{n} != {at}"), |v| format!("{} > {at}.25", v.place)),
        _ => w.read(Ty::Maybe).map_or(format!("{n} >= {at}"), |v| {
            format!("{}.is_some()", v.receiver())
        }),
    }
}

/// A `bool` that is true now and then: for what leaves.
pub(super) fn rarely(w: &mut Writer) -> String {
    let at = w.rng.gen_range(0_u8..4);
    let index = w.context.index.clone();
    match (w.rng.gen_range(0..8), index) {
        (0..4, Some(i)) => format!("{i} == {at}"),
        (4, Some(i)) => format!("{i} % 4 == {at}"),
        (5, _) => match w.context.loss.clone() {
            Some(loss) => format!("{loss}.array() > 0.{at}5"),
            None => format!("{} == 7", count(w)),
        },
        (6, _) => condition(w),
        _ => {
            let n = count(w);
            format!("{n} == {} || {n} > 11", at + 2)
        }
    }
}

trait InParentheses {
    fn in_parentheses(self) -> String;
    fn in_parentheses_if_deref(self) -> String;
}

impl InParentheses for String {
    fn in_parentheses(self) -> String {
        format!("({self})")
    }

    fn in_parentheses_if_deref(self) -> String {
        if self.starts_with('*') {
            self.in_parentheses()
        } else {
            self
        }
    }
}
