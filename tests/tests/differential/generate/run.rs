//! The run: it makes what the function takes, calls it, and shows what it left.

use super::{
    form::{Form, Item, Kept},
    scope::Ty,
};

impl Item<'_> {
    /// The whole function `run`; with the check of the step's report where that can be checked.
    pub(super) fn run(&self, reports: bool) -> String {
        let mut lines = vec!["pub fn run() {".to_owned()];
        lines.extend(self.made());
        lines.extend(if self.form.is_method() {
            self.trainer()
        } else {
            self.call()
        });
        if reports {
            lines.push("check_report();".to_owned());
        }
        lines.extend(self.left());
        lines.push("}".to_owned());
        lines.join("\n")
    }

    /// Networks, optimizers, and the data in every form.
    fn made(&self) -> Vec<String> {
        let optimizer = if self.watched { "Watched::new" } else { "sgd" };
        let mut lines = vec![
            "let dev = Cpu::seed_from_u64(11);".to_owned(),
            format!("let mut model = {};", self.network.built),
            format!("let mut opt = {optimizer}(&model);"),
        ];
        if let Some(critic) = self.second {
            lines.push(format!("let mut critic = {};", critic.built));
            lines.push("let mut critic_opt = sgd(&critic);".to_owned());
        }
        let data = [
            "let data = batches(&dev);",
            "let mut loader = Loader::new(data.clone());",
            "let mut queued: VecDeque<(X, Y)> = data.clone().into();",
            "let (sender, receiver) = mpsc::channel();",
            "data.iter().cloned().for_each(|batch| sender.send(batch).unwrap());",
            "drop(sender);",
        ];
        lines.extend(data.map(str::to_owned));
        lines
    }

    fn trainer(&self) -> Vec<String> {
        let critic = if self.second.is_some() {
            "critic, critic_opt, "
        } else {
            ""
        };
        let field = |kept: &Kept| format!(", {}: {}", kept.name, kept.ty.initial());
        let fields: String = self.kept.iter().map(field).collect();
        let argument = self.source.argument;
        vec![
            format!(
                "let mut trainer = Trainer {{ {critic}model, opt, grads: None, noted: 0{fields} }};"
            ),
            format!("let result = caught(|| trainer.train({argument}));"),
            "println!(\"result {result:?}\");".to_owned(),
        ]
    }

    fn call(&self) -> Vec<String> {
        let variable = |kept: &Kept| {
            let (ty, initial) = (kept.ty.name(), kept.ty.initial());
            format!("let mut {}: {ty} = {initial};", kept.name)
        };
        let mut lines: Vec<String> = self.kept.iter().map(variable).collect();
        let argument = |kept: &Kept| match kept.ty {
            Ty::Weights => format!(", {}", kept.name),
            _ if kept.ty.is_shared() => format!(", &{}", kept.name),
            _ => format!(", &mut {}", kept.name),
        };
        let critic = self
            .second
            .map(|_| ", &mut critic, &mut critic_opt".to_owned());
        let more: String = critic
            .into_iter()
            .chain(self.kept.iter().map(argument))
            .collect();
        let is_step = self.form == Form::Step;
        let data = if is_step {
            "x, y, i"
        } else {
            self.source.argument
        };
        if is_step {
            lines.push("for (i, (x, y)) in data.iter().enumerate() {".to_owned());
        }
        lines.push(format!(
            "let result = caught(|| train(&mut model, &mut opt, {data}{more}));"
        ));
        lines.push("println!(\"result {result:?}\");".to_owned());
        if is_step {
            lines.push("}".to_owned());
        }
        lines
    }

    /// Shows everything that the function could have changed.
    fn left(&self) -> Vec<String> {
        let prefix = if self.form.is_method() {
            "trainer."
        } else {
            ""
        };
        let mut shown = vec![("weights", format!("weights(&{prefix}model)"))];
        if let Some(state) = self.network.state {
            shown.push(("state", format!("{prefix}model.{state}")));
        }
        if let Some(critic) = self.second {
            shown.push(("critic", format!("weights(&{prefix}critic)")));
            let state = critic.state.map(|state| format!("{prefix}critic.{state}"));
            shown.extend(state.map(|state| ("critic's state", state)));
        }
        if self.form.is_method() {
            shown.push(("noted", "trainer.noted".to_owned()));
        }
        if self.watched {
            shown.push(("steps", format!("{prefix}opt.steps")));
        }
        for kept in self.kept {
            let of = kept.ty.shown(&format!("{prefix}{}", kept.name));
            shown.extend(of.map(|of| (kept.name.as_str(), of)));
        }
        shown.extend(self.source.left.map(|left| ("left", left.to_owned())));
        shown.push(("device", "next_of(&dev)".to_owned()));
        let line = |(name, of)| format!("println!(\"{name} {{:?}}\", {of});");
        shown.into_iter().map(line).collect()
    }
}
