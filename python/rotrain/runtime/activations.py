"""What a compiled training step on a GPU keeps for its backward pass, by formula.

The compiler cuts forward from backward where the fewest bytes cross (the min-cut of AOTAutograd), so an elementwise result
is mostly computed again and the inputs of matrix products are kept. Each term below is one tensor that crosses. A test
traces all architectures and compares; tracing itself takes ten seconds and needs the compiler, which is too slow for
`rotrain plan`.

`e` is the size of a product (2 bytes in bf16), which is that of the residual stream too. Attention is a fused kernel: it
keeps its inputs, its output and one number for each head and token, never T x T scores. A Mamba-2 layer keeps the result of
its first matrix and the output of a fused scan, and computes the rest again, one layer at a time (`models.activations`).

Examples:
    >>> from rotrain.models.presets import model_config
    >>> shape = model_config("llama-gqa", "300m")
    >>> round(activation_bytes(shape, sequences=4, half=True, fused_scan=True) / 1e9, 1)
    6.2
"""

from __future__ import annotations

from rotrain.config import MixerName, ModelConfig, Ssm
from rotrain.models import count

FP32 = 4


def activation_bytes(
    config: ModelConfig, sequences: int, *, half: bool, fused_scan: bool, recomputed: bool = True
) -> int:
    """Return the bytes that all layers keep for the backward pass.

    Args:
        config: Shape of the model.
        sequences: Sequences that go through the model at once.
        half: Whether products are bf16; else fp32.
        fused_scan: Whether the scan of Mamba-2 is one kernel; else it is made of products over chunks.
        recomputed: Whether a Mamba-2 layer computes its passes again in the backward pass, as it does on a GPU.
    """
    e = 2 if half else FP32
    layers = sum(
        _layer(config, config.mixer(layer), e, fused_scan, recomputed) for layer in range(config.layers)
    )
    last = e * config.hidden + FP32  # the stream before the last norm, and its factor
    again = 0
    if (
        config.ssm is not None and config.mixers("mamba2") and recomputed
    ):  # one layer's passes live while its backward pass runs
        again = _mamba2(config.ssm, e, fused_scan, False) - _mamba2(config.ssm, e, fused_scan, True)
    return sequences * config.context * (layers + last + again)


def cast_bytes(config: ModelConfig, *, half: bool) -> int:
    """Return the bytes of the bf16 copies of the blocks' matrices, which live as long as the activations; 0 in fp32.

    The second matrix of a Mamba-2 layer is copied again in the backward pass.
    """
    if not half:
        return 0
    again = config.mixers("mamba2") * config.ssm.inner * config.hidden if config.ssm is not None else 0
    return 2 * (count.matmul_params(config) - config.vocab_size * config.hidden - again)


def _layer(config: ModelConfig, mixer: MixerName, e: int, fused_scan: bool, recomputed: bool) -> int:
    """Return the bytes of one token in one layer."""
    stream_and_norm = 2 * e * config.hidden + FP32  # the stream, its norm, the norm's factor
    queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
    if config.parallel:
        products = e * (queries + 2 * keys + config.ffn) + e * (queries + config.ffn)
        return stream_and_norm + products + _attention(config, e)
    if mixer == "attention":
        kept = stream_and_norm + e * (queries + 2 * keys) + _attention(config, e)
    else:
        assert config.ssm is not None
        kept = stream_and_norm + _mamba2(config.ssm, e, fused_scan, recomputed)
    if config.mlp == "swiglu":
        kept += stream_and_norm + 3 * e * config.ffn  # gate, up, and their product
    return kept


def _attention(config: ModelConfig, e: int) -> int:
    """Return what rotation and attention keep: queries and keys after RoPE, the output, and the log of each sum."""
    queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
    return e * (queries + keys) + e * queries + FP32 * config.heads


def _mamba2(ssm: Ssm, e: int, fused_scan: bool, recomputed: bool) -> int:
    in_proj = e * (ssm.inner + ssm.channels + ssm.heads)
    if recomputed:
        return in_proj + (e * ssm.inner if fused_scan else 0)
    conv = 2 * e * ssm.channels  # the padded input, and the output after SiLU: the scan's x, B and C
    gate = (
        FP32 * ssm.inner + e * ssm.inner + FP32
    )  # what is normalized, in fp32; its norm, and the norm's factor
    # Beside x, B and C a kernel keeps its steps; the products over chunks keep their weights and states, and what they read.
    scan = FP32 * ssm.heads if fused_scan else FP32 * ssm.inner + _chunks(ssm, e)
    return in_proj + conv + gate + scan


def _chunks(ssm: Ssm, e: int) -> int:
    """Return what the products over chunks of one layer make."""
    weights = e * ssm.heads * ssm.chunk
    states = FP32 * ssm.state * ssm.inner // ssm.chunk
    return weights + states + 4 * e * ssm.inner + FP32 * ssm.inner
