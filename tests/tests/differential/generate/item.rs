//! The function with its signature, and the struct that it is a method of.

use super::{
    form::{Form, Item, Kept},
    scope::Ty,
};

impl Item<'_> {
    fn optimizer(&self) -> &'static str {
        if self.watched { "Watched" } else { "Plain" }
    }

    fn parameters(&self) -> String {
        let kept = self.kept.iter().map(|kept| {
            let ty = kept.ty.name();
            match kept.ty {
                Ty::Weights => format!(", {}: {ty}", kept.name),
                _ if kept.ty.is_shared() => format!(", {}: &{ty}", kept.name),
                _ => format!(", {}: &mut {ty}", kept.name),
            }
        });
        let second = self
            .second
            .map(|critic| format!(", critic: &mut {0}, critic_opt: &mut Plain<{0}>", critic.ty));
        second.into_iter().chain(kept).collect()
    }

    /// What comes before the attribute, and what comes after it.
    pub(super) fn function(&self) -> (String, String) {
        let (ty, optimizer) = (self.network.ty, self.optimizer());
        let result = if self.fallible {
            format!("Result<{}, TrainError>", self.returned.ty)
        } else {
            self.returned.ty.to_owned()
        };
        let body = self.lines.join("\n");
        let (data, more) = (self.source.parameter, self.parameters());
        let clone = if self.bounded { " + Clone" } else { "" };
        match self.form {
            Form::Function => (
                String::new(),
                format!(
                    "pub fn train(model: &mut {ty}, opt: &mut {optimizer}<{ty}>, data: {data}{more}) -> {result} {{\n{body}\n}}"
                ),
            ),
            Form::Step => (
                String::new(),
                format!(
                    "pub fn train(model: &mut {ty}, opt: &mut {optimizer}<{ty}>, x: &X, y: &Y, i: usize{more}) -> {result} {{\n{body}\n}}"
                ),
            ),
            Form::Generic => (
                String::new(),
                format!(
                    "pub fn train<M, O>(model: &mut M, opt: &mut O, data: {data}{more}) -> {result}\nwhere\nM: TensorCollection<f32, Cpu> {clone} + ModuleMut<TracedX, Output = Logits, Error = CpuError>,\nO: Optimizer<M, Cpu, f32>,\n{{\n{body}\n}}"
                ),
            ),
            Form::Method | Form::Destructured => (
                self.owner(),
                format!("pub fn train(&mut self, data: {data}) -> {result} {{\n{body}\n}}\n}}"),
            ),
        }
    }

    /// The struct, and the begin of its methods.
    fn owner(&self) -> String {
        let (ty, optimizer) = (self.network.ty, self.optimizer());
        let fields = self
            .kept
            .iter()
            .map(|kept| format!("pub {}: {},\n", kept.name, kept.ty.name()));
        let fields: String = fields.collect();
        let critic = self
            .second
            .map(|critic| format!("pub critic: {0},\npub critic_opt: Plain<{0}>,\n", critic.ty));
        let is_clone = |kept: &Kept| !matches!(kept.ty, Ty::Lock | Ty::Callback);
        let clone = self.derives && self.kept.iter().all(is_clone);
        let derive = if clone { "#[derive(Clone)]\n" } else { "" };
        let run = if self.network.two_heads {
            ""
        } else {
            "fn run(&mut self, x: TracedX) -> Logits { self.model.forward_mut(x) }\n"
        };
        format!(
            "{derive}pub struct Trainer {{\npub model: {ty},\npub opt: {optimizer}<{ty}>,\npub grads: Option<Gradients<f32, Cpu>>,\npub noted: usize,\n{}{fields}}}\nimpl Trainer {{\n{run}fn note(&mut self, value: f32) {{ self.noted += 1; println!(\"note {{value}}\"); }}\n",
            critic.unwrap_or_default()
        )
    }
}
