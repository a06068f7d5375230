//! Where the batches come from: the loop around the step.

use rand::Rng;

use super::{
    expression::rarely,
    scope::{Ty, Var},
    snippets,
    step::{Input, Value},
    writer::{At, Writer},
};

/// A loop over batches.
pub(super) struct Source {
    /// The type of the parameter `data`, in terms of `X` and `Y`.
    pub(super) parameter: &'static str,
    /// The argument, in terms of what the run has.
    pub(super) argument: &'static str,
    /// What is left of it can be shown by this.
    pub(super) left: Option<&'static str>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Slice,
    Enumerated,
    Cloned,
    Owned,
    OwnedEnumerated,
    ByIndex,
    While,
    Tuple,
    Loaded,
    Skipped,
    Loader,
    LoopNext,
    Queue,
    Channel,
    Iterator,
}

use Kind::*;

const EVERYDAY: &[Kind] = &[
    Slice,
    Enumerated,
    Enumerated,
    Cloned,
    Owned,
    OwnedEnumerated,
    ByIndex,
    While,
    Tuple,
    Loaded,
    Skipped,
    Loader,
];

const BREAKING: &[Kind] = &[
    Slice,
    Enumerated,
    Enumerated,
    Owned,
    OwnedEnumerated,
    While,
    Loaded,
    Loader,
    LoopNext,
    Queue,
    Channel,
    Iterator,
];

pub(super) fn choose(w: &mut Writer) -> Source {
    let kind = w.pick(if w.breaking() { BREAKING } else { EVERYDAY });
    let (parameter, argument, left) = match kind {
        Owned | OwnedEnumerated => ("Vec<(X, Y)>", "data.clone()", None),
        Loader | LoopNext => ("&mut Loader<X, Y>", "&mut loader", Some("loader.position")),
        Queue => ("&mut VecDeque<(X, Y)>", "&mut queued", Some("queued.len()")),
        Channel => (
            "&mpsc::Receiver<(X, Y)>",
            "&receiver",
            Some("receiver.try_iter().count()"),
        ),
        _ => ("&[(X, Y)]", "&data", None),
    };
    Source {
        parameter,
        argument,
        left,
        kind,
    }
}

impl Source {
    /// Whether `data` is there after the loop, to be looped over again.
    pub(super) fn is_slice(&self) -> bool {
        self.parameter.starts_with("&[")
    }

    /// Writes the loop with the body that `step` writes. What the step uses up is its alone if `may_move`.
    pub(super) fn write(
        &self,
        w: &mut Writer,
        may_move: bool,
        step: impl FnOnce(&mut Writer, &Input),
    ) {
        let is_owned = matches!(self.kind, Owned | OwnedEnumerated);
        let epochs = w.chance(35) && !is_owned;
        if epochs {
            self.open_epochs(w);
        }
        w.context.in_loop = true;
        let mut input = self.open(w);
        input.x.may_move = may_move && input.x.is_owned;
        input.y.may_move = may_move && input.y.is_owned;
        w.context.images = Some(input.x.clone());
        w.context.labels = Some(input.y.clone());
        step(w, &input);
        snippets::some(w, At::Tail, 3);
        w.context.index = None;
        w.context.images = None;
        w.context.labels = None;
        w.close("}");
        w.context.loops.clear();
        if epochs {
            w.context.index = Some("epoch".to_owned());
            snippets::some(w, At::Before, 2);
            w.context.index = None;
            w.close("}");
        }
        w.context.in_loop = false;
    }

    fn open_epochs(&self, w: &mut Writer) {
        let label = if w.breaks(60) { "'epochs" } else { "" };
        let colon = if label.is_empty() { "" } else { ": " };
        w.open(format!("{label}{colon}for epoch in 0..2_usize {{"));
        w.bring(Var::new("epoch", Ty::Count, false));
        w.context.in_loop = true;
        w.context.sealed = true;
        snippets::some(w, At::Before, 1);
        w.context.sealed = false;
        if !label.is_empty() {
            w.context.loops.push(label.to_owned());
        }
    }

    fn open(&self, w: &mut Writer) -> Input {
        let (x, y) = if w.breaks(6) {
            w.kind("capital names");
            ("X_in", "Y_in")
        } else {
            w.pick(&[("x", "y"), ("img", "lbl"), ("inputs", "targets")])
        };
        let counted = w.chance(60) && !self.is_counted();
        if counted {
            w.line("let mut batch_idx = 0_usize;");
        }
        let is_owned = self.head(w, x, y);
        if counted {
            w.line("batch_idx += 1;");
            w.context.index = Some("batch_idx".to_owned());
        }
        let value = |name: &str| Value {
            name: name.to_owned(),
            is_owned,
            may_move: false,
        };
        let (x, mut y) = (value(x), value(y));
        if w.breaks(5) && self.is_slice() && !w.chunked {
            w.kind("labels from elsewhere");
            let other = w.pick(&["data[0].1", "data[1].1"]);
            w.line(format!("let expected = {other}.clone();"));
            (y.name, y.is_owned) = ("expected".to_owned(), true);
        }
        Input { x, y }
    }

    /// Whether the loop itself numbers the batches.
    fn is_counted(&self) -> bool {
        matches!(
            self.kind,
            Enumerated | OwnedEnumerated | ByIndex | While | Loaded | Loader
        )
    }

    /// Writes the head of the loop; whether the batch is owned.
    fn head(&self, w: &mut Writer, x: &str, y: &str) -> bool {
        let pattern = format!("({x}, {y})");
        let mut index = None;
        match self.kind {
            Slice => w.open(format!("for {pattern} in data {{")),
            Tuple => {
                w.open("for batch in data.iter() {");
                w.line(format!("let {pattern} = batch;"));
            }
            Enumerated => {
                w.open(format!("for (i, {pattern}) in data.iter().enumerate() {{"));
                index = Some("i");
            }
            Cloned => w.open(format!("for {pattern} in data.iter().cloned() {{")),
            Skipped => w.open(format!("for {pattern} in data.iter().skip(1).take(3) {{")),
            Owned => w.open(format!("for {pattern} in data {{")),
            OwnedEnumerated => {
                w.open(format!(
                    "for (i, {pattern}) in data.into_iter().enumerate() {{"
                ));
                index = Some("i");
            }
            ByIndex => {
                w.open("for step in 0..data.len() {");
                w.line(format!("let {pattern} = &data[step];"));
                index = Some("step");
            }
            While => {
                w.line("let mut at = 0;");
                w.open("while at < data.len() {");
                w.line(format!("let {pattern} = &data[at];"));
                w.line("at += 1;");
                index = Some("at");
            }
            Loaded => self.loaded(w, &pattern, &mut index),
            Loader => {
                w.open("for batch in data.by_ref() {");
                w.line(format!(
                    "let Batch {{ images: {x}, labels: {y}, index }} = batch;"
                ));
                index = Some("index");
            }
            LoopNext => {
                w.open("loop {");
                w.line("let Some(batch) = data.next() else { break };");
                w.line(format!("let {pattern} = (batch.images, batch.labels);"));
            }
            Queue => w.open(format!("while let Some({pattern}) = data.pop_front() {{")),
            Channel => w.open(format!("while let Ok({pattern}) = data.recv() {{")),
            Iterator => {
                w.line("let mut iterator = data.iter();");
                w.open(format!("while let Some({pattern}) = iterator.next() {{"));
                let rarely = rarely(w);
                w.line(format!("if {rarely} {{ iterator.next(); }}"));
                w.line("println!(\"{} to go\", iterator.len());");
            }
        }
        w.context.index = index.map(str::to_owned);
        let by_value = [
            Cloned,
            Owned,
            OwnedEnumerated,
            Loader,
            LoopNext,
            Queue,
            Channel,
        ];
        by_value.contains(&self.kind)
    }

    /// Batches that may fail to load.
    fn loaded(&self, w: &mut Writer, pattern: &str, index: &mut Option<&str>) {
        w.kind("batches that fail to load");
        w.open("for (i, batch) in data.iter().enumerate() {");
        *index = Some("i");
        let line = match w.rng.gen_range(0..3) {
            0 if w.context.fallible => format!("let {pattern} = load(batch, i)?;"),
            1 => format!(
                "let {pattern} = match load(batch, i) {{ Ok(batch) => batch, Err(error) => {{ println!(\"{{error:?}}\"); continue }} }};"
            ),
            _ => format!("let Ok({pattern}) = load(batch, i) else {{ continue }};"),
        };
        w.line(line);
    }
}
