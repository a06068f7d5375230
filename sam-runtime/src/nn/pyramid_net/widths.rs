//! How many channels each block of a PyramidNet has.

/// Sizes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSizes {
    /// Channels that come in.
    pub input: usize,
    /// Channels of the convolutions: the paper's `D_k`.
    pub width: usize,
    /// How far the convolution that halves the side moves: 1 or 2.
    pub stride: usize,
    /// Three convolutions, the last of which gives four times the channels, and not two.
    pub bottleneck: bool,
}

impl BlockSizes {
    /// Channels that come out.
    pub fn output(&self) -> usize {
        self.width * if self.bottleneck { 4 } else { 1 }
    }

    /// Each convolution: channels out, channels in, side of the kernel, stride.
    pub(super) fn convolutions(&self) -> Vec<[usize; 4]> {
        let Self {
            input,
            width,
            stride,
            bottleneck,
        } = *self;
        if bottleneck {
            let out = self.output();
            vec![
                [width, input, 1, 1],
                [width, width, 3, stride],
                [out, width, 1, 1],
            ]
        } else {
            vec![[width, input, 3, stride], [width, width, 3, 1]]
        }
    }
}

/// Blocks of a stage, in a network of `depth` layers.
pub(super) const fn blocks(depth: usize, bottleneck: bool) -> usize {
    let layers = if bottleneck { 9 } else { 6 };
    assert!(
        depth > 2 && (depth - 2).is_multiple_of(layers),
        "the depth of a PyramidNet is 6 n + 2, or 9 n + 2 with bottlenecks"
    );
    (depth - 2) / layers
}

/// The channels that the first convolution gives.
pub(super) const FIRST: usize = 16;

/// The blocks of the three stages. The `k`-th block of `n` has `16 + alpha k / n` channels, rounded: linearly more,
/// which is eq. 3 of Han et al. (2017), where they are truncated; the authors' PyTorch version and SAM's authors round.
pub(super) fn stages(blocks: usize, alpha: usize, bottleneck: bool) -> [Vec<BlockSizes>; 3] {
    let all = 3 * blocks;
    let mut input = FIRST;
    [1, 2, 2].map({
        let mut k = 0;
        move |stride| {
            let stage = (0..blocks).map(|i| {
                k += 1;
                let sizes = BlockSizes {
                    input,
                    width: FIRST + (2 * alpha * k + all) / (2 * all),
                    stride: if i == 0 { stride } else { 1 },
                    bottleneck,
                };
                input = sizes.output();
                sizes
            });
            stage.collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_grow_by_the_same_step_and_end_at_alpha_more() {
        let widths = |stages: &[Vec<BlockSizes>; 3]| -> Vec<usize> {
            stages.iter().flatten().map(|sizes| sizes.width).collect()
        };
        let basic = stages(blocks(110, false), 270, false);
        let expected: Vec<usize> = (1..=54).map(|k| 16 + 5 * k).collect();
        assert_eq!(widths(&basic), expected);
        let deep = stages(blocks(272, true), 200, true);
        let deep_widths = widths(&deep);
        assert_eq!(deep_widths.len(), 90);
        // 18.22, 20.44, 22.67, 24.89.
        assert_eq!(deep_widths[..4], [18, 20, 23, 25]);
        assert_eq!(deep_widths[89], 216);
        assert_eq!(deep[2][29].output(), 864);
        for all in [basic.concat(), deep.concat()] {
            assert!(all.windows(2).all(|pair| pair[1].input == pair[0].output()));
            assert_eq!(all[0].input, 16);
            let strides = all.iter().filter(|sizes| sizes.stride == 2).count();
            assert_eq!(strides, 2);
        }
    }
}
