//! The networks that a program can train.

use super::writer::Writer;

#[derive(Clone, Copy)]
pub(super) struct Network {
    pub(super) ty: &'static str,
    pub(super) built: &'static str,
    pub(super) two_heads: bool,
    /// Whether `forward` takes a tape: not with dropout or batch normalization.
    pub(super) forward_traced: bool,
    /// A weight, from the model's place.
    pub(super) weight: Option<&'static str>,
    /// State that is no tensor.
    pub(super) state: Option<&'static str>,
    /// Whether a forward pass of a part of the batch is that part of the whole batch's.
    by_rows: bool,
}

const MLP: Network = Network {
    ty: "Mlp",
    built: "scattered(dev.build_module::<MlpArch, f32>())",
    two_heads: false,
    forward_traced: true,
    weight: Some("0.weight"),
    state: None,
    by_rows: true,
};

const ALL: [Network; 6] = [
    MLP,
    Network {
        ty: "Normed",
        built: "scattered(dev.build_module::<NormedArch, f32>())",
        forward_traced: false,
        by_rows: false,
        ..MLP
    },
    Network {
        ty: "Dropped",
        built: "scattered(dev.build_module::<DroppedArch, f32>())",
        forward_traced: false,
        by_rows: false,
        ..MLP
    },
    Network {
        ty: "Deep",
        built: "scattered(dev.build_module::<DeepArch, f32>())",
        ..MLP
    },
    Network {
        ty: "Counting",
        built: "scattered(Counting::new(&dev))",
        forward_traced: false,
        weight: Some("net.2.weight"),
        state: Some("calls"),
        by_rows: false,
        ..MLP
    },
    Network {
        ty: "Heads",
        built: "scattered(dev.build_module::<HeadsArch, f32>())",
        two_heads: true,
        weight: None,
        ..MLP
    },
];

pub(super) fn choose(w: &mut Writer, one_head: bool) -> Network {
    let fit =
        |network: &Network| (network.by_rows || !w.chunked) && !(one_head && network.two_heads);
    let fitting: Vec<Network> = ALL.iter().copied().filter(fit).collect();
    w.pick(&fitting)
}
