/// What of a file is read, and into what of a network; see [`load_with`](super::load_with).
///
/// ```
/// use sam_runtime::nn::weights::LoadOptions;
///
/// // A network that PyTorch had wrapped in `DataParallel`, with a head of one's own.
/// let options = LoadOptions::new().prefix("module.").all_but(|name| name.starts_with("fc."));
/// ```
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    pub(super) prefix: String,
    pub(super) all_but: Option<fn(&str) -> bool>,
}

impl LoadOptions {
    /// All of the file into all of the network.
    pub fn new() -> Self {
        Self::default()
    }

    /// The names in the file begin with this, those of the network do not: `module.` after PyTorch's
    /// `DataParallel`, `_orig_mod.` after `torch.compile`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Leaves the tensors of these names, as the network has them in files, as they are, such as a head for
    /// another number of classes. The file may have them or not.
    #[must_use]
    pub fn all_but(mut self, is_left: fn(&str) -> bool) -> Self {
        self.all_but = Some(is_left);
        self
    }

    pub(super) fn leaves(&self, name: &str) -> bool {
        self.all_but.is_some_and(|is_left| is_left(name))
    }
}
