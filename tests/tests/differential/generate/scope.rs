//! The variables that a program has in scope.

/// What a variable is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ty {
    Count,
    Number,
    Flag,
    Numbers,
    Lines,
    Queue,
    Table,
    Maybe,
    Rng,
    Stream,
    Meter,
    Annealing,
    Cell,
    Shared,
    Lock,
    Atomic,
    Sender,
    Receiver,
    /// `&[f32]` of four weights.
    Weights,
    Span,
    Timer,
    /// A progress bar.
    Bar,
    /// `&mut dyn FnMut(f32)`.
    Callback,
}

impl Ty {
    /// What may stand in a signature or a struct, as something that the caller still has after a panic.
    pub(super) const OWNED: [Self; 17] = [
        Self::Count,
        Self::Number,
        Self::Flag,
        Self::Numbers,
        Self::Lines,
        Self::Queue,
        Self::Table,
        Self::Maybe,
        Self::Rng,
        Self::Stream,
        Self::Meter,
        Self::Annealing,
        Self::Cell,
        Self::Shared,
        Self::Lock,
        Self::Bar,
        Self::Callback,
    ];

    /// What everyday programs have.
    pub(super) const EVERYDAY: [Self; 10] = [
        Self::Count,
        Self::Number,
        Self::Number,
        Self::Flag,
        Self::Numbers,
        Self::Lines,
        Self::Maybe,
        Self::Meter,
        Self::Table,
        Self::Bar,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count => "usize",
            Self::Number => "f32",
            Self::Flag => "bool",
            Self::Numbers => "Vec<f32>",
            Self::Lines => "Vec<String>",
            Self::Queue => "VecDeque<f32>",
            Self::Table => "BTreeMap<String, f32>",
            Self::Maybe => "Option<f32>",
            Self::Rng => "StdRng",
            Self::Stream => "std::vec::IntoIter<f32>",
            Self::Meter => "AverageMeter",
            Self::Annealing => "Annealing",
            Self::Cell => "Cell<usize>",
            Self::Shared => "RefCell<Vec<f32>>",
            Self::Lock => "Mutex<f32>",
            Self::Atomic => "AtomicUsize",
            Self::Sender => "mpsc::Sender<f32>",
            Self::Receiver => "mpsc::Receiver<f32>",
            Self::Weights => "&[f32]",
            Self::Span => "Span",
            Self::Timer => "Timer",
            Self::Bar => "Bar",
            Self::Callback => "Box<dyn FnMut(f32)>",
        }
    }

    pub(super) fn initial(self) -> &'static str {
        match self {
            Self::Count => "0_usize",
            Self::Number => "0.5_f32",
            Self::Flag => "false",
            Self::Numbers | Self::Lines => "Vec::new()",
            Self::Queue => "VecDeque::from([0.5_f32, 1.0, 0.75, 1.25, 0.5, 1.0])",
            Self::Table => "BTreeMap::new()",
            Self::Maybe => "None",
            Self::Rng => "StdRng::seed_from_u64(7)",
            Self::Stream => "vec![0.5_f32, 1.0, 1.5, 0.75, 1.0, 0.5].into_iter()",
            Self::Meter => "AverageMeter::default()",
            Self::Annealing => "Annealing::default()",
            Self::Cell => "Cell::new(0)",
            Self::Shared => "RefCell::new(vec![1.0_f32])",
            Self::Lock => "Mutex::new(1.0_f32)",
            Self::Atomic => "AtomicUsize::new(0)",
            Self::Weights => "&[1.0, 0.5, 0.0, 0.75]",
            Self::Span => "Span::enter(\"outer\")",
            Self::Timer => "Timer::start()",
            Self::Bar => "Bar::default()",
            Self::Callback => "Box::new(called())",
            Self::Sender | Self::Receiver => unreachable!("channels are declared in pairs"),
        }
    }

    pub(super) fn base(self) -> &'static [&'static str] {
        match self {
            Self::Count => &["steps", "seen", "skipped", "correct"],
            Self::Number => &["total", "ema", "scale", "best", "running_loss"],
            Self::Flag => &["warm", "stop", "improved"],
            Self::Numbers => &["losses", "history", "curve"],
            Self::Lines => &["log", "lines", "messages"],
            Self::Queue => &["queue", "window", "pending"],
            Self::Table => &["metrics", "scalars"],
            Self::Maybe => &["last", "previous", "lowest"],
            Self::Rng => &["rng", "noise"],
            Self::Stream => &["stream", "factors"],
            Self::Meter => &["meter", "loss_meter", "running"],
            Self::Annealing => &["schedule", "kl", "beta"],
            Self::Cell => &["cell", "calls"],
            Self::Shared => &["shared", "journal"],
            Self::Lock => &["lock", "stats"],
            Self::Atomic => &["atomic", "global_step"],
            Self::Sender => &["sender", "tx"],
            Self::Receiver => &["receiver", "rx"],
            Self::Weights => &["weights", "class_weights"],
            Self::Span => &["span", "_enter"],
            Self::Timer => &["timer", "started"],
            Self::Bar => &["bar", "progress"],
            Self::Callback => &["on_step", "hook"],
        }
    }

    /// The place `of` as something that can be printed.
    pub(super) fn shown(self, of: &str) -> Option<String> {
        Some(match self {
            Self::Rng => format!("{of}.next_u64()"),
            Self::Stream => format!("{of}.as_slice()"),
            Self::Cell => format!("{of}.get()"),
            Self::Receiver => format!("{of}.try_iter().collect::<Vec<_>>()"),
            Self::Sender | Self::Span | Self::Callback => return None,
            Self::Timer => format!("{of}.elapsed()"),
            _ => of.to_owned(),
        })
    }

    /// Whether a program that changes it needs it to be `mut`.
    pub(super) fn is_shared(self) -> bool {
        matches!(
            self,
            Self::Cell | Self::Shared | Self::Lock | Self::Atomic | Self::Sender | Self::Receiver
        )
    }
}

#[derive(Clone, Debug)]
pub(super) struct Var {
    /// How it is written where it is read: `total`, `*seen`, `self.losses`.
    pub(super) place: String,
    pub(super) ty: Ty,
    pub(super) mutable: bool,
    /// Whether the name is that of a `&mut`.
    pub(super) is_reference: bool,
    /// How many blocks deep a borrow of it lives; none where it is free.
    pub(super) lent: Option<usize>,
    /// Whether it may be computed from the logits or the loss.
    pub(super) of_batch: bool,
}

impl Var {
    pub(super) fn new(place: impl Into<String>, ty: Ty, mutable: bool) -> Self {
        Self {
            place: place.into(),
            ty,
            mutable,
            is_reference: false,
            lent: None,
            of_batch: false,
        }
    }

    /// As what a method is called on.
    pub(super) fn receiver(&self) -> &str {
        self.place.trim_start_matches('*')
    }

    /// As a new `&mut`.
    pub(super) fn by_mut(&self) -> String {
        let star = if self.is_reference { "*" } else { "" };
        format!("&mut {star}{}", self.receiver())
    }
}
