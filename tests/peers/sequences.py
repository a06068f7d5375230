"""Reference numbers for the layers that know no batch, from PyTorch: LayerNorm, GroupNorm, Embedding, attention, the
encoder's layer, GRU, Conv1d.

For each: an input, PyTorch's `state_dict`, its output, and the gradients of the loss sum(y * r) for the input and every
parameter, all in float64. It goes to ../fixtures/sequences.json; tests/tests/sequences_pytorch.rs reads that file, and
loads the state by its names. Dropout is off.

Numbers are those of `layers.Numbers`: decimals of two places, the same at each run.

Run (see README.md; versions in requirements.txt):

    python sequences.py
"""

from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from layers import Numbers, dump, tensors

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "sequences.json"


def begin(layer, numbers):
    """Parameters of two places; scales of normalization around 1."""
    layer.double().eval()
    with torch.no_grad():
        for name, p in layer.named_parameters():
            is_scale = "norm" in name and name.endswith("weight") or isinstance(
                layer, (nn.LayerNorm, nn.GroupNorm)
            ) and name == "weight"
            low, high = (50, 150) if is_scale else (-70, 70)
            p.copy_(numbers.tensor(tuple(p.shape), low, high))
    return layer


def case(name, layer, shape, forward=None, words=None, mask=None):
    numbers = Numbers(name)
    layer = begin(layer, numbers)
    forward = forward or (lambda x: layer(x))
    if words is None:
        x = numbers.tensor(shape).requires_grad_()
        y = forward(x)
    else:
        x = torch.tensor(numbers.hundredths(shape[0] * shape[1], 0, words - 1)).reshape(shape)
        y = forward(x)
    r = numbers.tensor(tuple(y.shape), -100, 100)
    if mask is not None:
        # What stands at padding is nobody's.
        r = r * mask[..., None]
    (y * r).sum().backward()
    found = {"x": x.detach(), "r": r, "y": y.detach()}
    if mask is not None:
        found["mask"] = mask
    if words is None:
        found["grad_x"] = x.grad
    for key, p in layer.named_parameters():
        found[f"state.{key}"] = p.detach()
        found[f"grad.{key}"] = p.grad
    return name, tensors(found)


def attention(dim, heads, causal=False, mask=None):
    layer = nn.MultiheadAttention(dim, heads, batch_first=True)
    hidden = None if mask is None else mask == 0

    def forward(x):
        length = x.shape[1]
        later = torch.ones(length, length).triu(1).bool() if causal else None
        return layer(x, x, x, attn_mask=later, key_padding_mask=hidden, need_weights=False)[0]

    return layer, forward


def encoder(dim, heads, hidden, norm_first=False, causal=False, mask=None):
    layer = nn.TransformerEncoderLayer(
        dim, heads, hidden, dropout=0.0, batch_first=True, norm_first=norm_first
    )

    def forward(x):
        length = x.shape[1]
        later = torch.ones(length, length).triu(1).bool() if causal else None
        # In training mode, or PyTorch takes a shorter way that fills padding with zeros.
        layer.train()
        return layer(x, src_mask=later, src_key_padding_mask=None if mask is None else mask == 0)

    return layer, forward


def cases():
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]).double()
    yield case("layer_norm_rows", nn.LayerNorm(6), (4, 6))
    yield case("layer_norm_tokens", nn.LayerNorm(6), (3, 5, 6))
    yield case("group_norm_2_of_6", nn.GroupNorm(2, 6), (3, 6, 4, 5))
    yield case("group_norm_1_of_6", nn.GroupNorm(1, 6), (3, 6, 4, 5))
    yield case("group_norm_6_of_6", nn.GroupNorm(6, 6), (3, 6, 4, 5))
    yield case("embedding", nn.Embedding(7, 4), (3, 5), words=7)
    layer, forward = attention(6, 2)
    yield case("attention", layer, (3, 5, 6), forward)
    layer, forward = attention(6, 3, causal=True)
    yield case("attention_causal", layer, (3, 5, 6), forward)
    layer, forward = attention(6, 2, mask=mask)
    yield case("attention_masked", layer, (3, 5, 6), forward, mask=mask)
    layer, forward = encoder(6, 2, 8)
    yield case("encoder", layer, (3, 5, 6), forward)
    layer, forward = encoder(6, 2, 8, norm_first=True)
    yield case("encoder_norm_first", layer, (3, 5, 6), forward)
    layer, forward = encoder(6, 2, 8, norm_first=True, causal=True, mask=mask)
    yield case("encoder_causal_masked", layer, (3, 5, 6), forward, mask=mask)
    gru = nn.GRU(4, 5, batch_first=True)
    yield case("gru", gru, (3, 6, 4), lambda x: gru(x)[0])
    for label, settings in [
        ("3", {"kernel_size": 3}),
        ("5_stride2_pad2", {"kernel_size": 5, "stride": 2, "padding": 2}),
        ("3_pad2_dilation2", {"kernel_size": 3, "padding": 2, "dilation": 2}),
        ("3_pad1_groups2", {"kernel_size": 3, "padding": 1, "groups": 2}),
    ]:
        yield case(f"conv1d_{label}", nn.Conv1d(4, 6, **settings), (3, 4, 9))


def main():
    torch.set_num_threads(1)
    found = list(cases())
    assert len(dict(found)) == len(found), "two cases of one name"
    OUT.write_text(
        dump(
            {
                "generated_by": "tests/peers/sequences.py",
                "versions": {"torch": version("torch").split("+")[0]},
                "cases": dict(found),
            }
        )
    )
    print(f"{OUT.name}: {len(found)} cases, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
