"""What a compiled training step on a GPU keeps for its backward pass, by formula.

The compiler cuts forward from backward where the fewest bytes cross (the min-cut of AOTAutograd), so an elementwise result
is mostly computed again and the inputs of matrix products are kept. Each term below is one tensor that crosses. A test
traces all architectures and compares; tracing itself takes ten seconds and needs the compiler, which is too slow for
`rotrain plan`.

`e` is the size of a product (2 bytes in bf16), and the residual stream is fp32. Attention is a fused kernel: it keeps its
inputs, its output and one number for each head and token, never T x T scores.

Examples:
    >>> from rotrain.models.presets import model_config
    >>> shape = model_config("llama-gqa", "300m")
    >>> round(activation_bytes(shape, sequences=4, half=True, fused_scan=True) / 1e9, 1)
    7.0
"""

from __future__ import annotations

from rotrain.config import MixerName, ModelConfig, Ssm
from rotrain.models import count

FP32 = 4


def activation_bytes(config: ModelConfig, sequences: int, *, half: bool, fused_scan: bool) -> int:
    """Return the bytes that all layers keep for the backward pass.

    Args:
        config: Shape of the model.
        sequences: Sequences that go through the model at once.
        half: Whether products are bf16; else fp32.
        fused_scan: Whether the scan of Mamba-2 is one kernel, which computes its chunks again; else it is made of matrix
            products over chunks, which keep theirs.
    """
    e = 2 if half else FP32
    layers = sum(_layer(config, config.mixer(layer), e, fused_scan) for layer in range(config.layers))
    final_norm = e * config.hidden + FP32
    return sequences * config.context * (layers + final_norm)


def cast_bytes(config: ModelConfig, *, half: bool) -> int:
    """Return the bytes of the bf16 copies of the blocks' matrices, which live as long as the activations; 0 in fp32."""
    return 2 * (count.matmul_params(config) - config.vocab_size * config.hidden) if half else 0


def _layer(config: ModelConfig, mixer: MixerName, e: int, fused_scan: bool) -> int:
    """Return the bytes of one token in one layer."""
    stream_and_norm = (
        FP32 * config.hidden + e * config.hidden + FP32
    )  # the stream, its norm, the norm's factor
    if config.parallel:
        queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
        products = e * (queries + 2 * keys + config.ffn) + e * (queries + config.ffn)
        return stream_and_norm + FP32 + products + _attention(config, e)
    if mixer == "attention":
        queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
        kept = stream_and_norm + e * (queries + 2 * keys) + _attention(config, e)
    else:
        assert config.ssm is not None
        kept = stream_and_norm + _mamba2(config.ssm, e, fused_scan)
    if config.mlp == "swiglu":
        kept += stream_and_norm + 3 * e * config.ffn  # gate, up, and their product
    return kept


def _attention(config: ModelConfig, e: int) -> int:
    """Return what rotation and attention keep: queries and keys after RoPE, the output, and the log of each sum."""
    queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
    return e * (queries + keys) + e * queries + FP32 * config.heads


def _mamba2(ssm: Ssm, e: int, fused_scan: bool) -> int:
    inner, pairs = ssm.inner, ssm.groups * ssm.state
    in_proj = e * (inner + ssm.channels + ssm.heads)
    conv = 3 * e * ssm.channels  # padded input, output, and the output after SiLU
    gate = 2 * FP32 * inner + e * inner + FP32  # before and after the gate in fp32, the norm, and its factor
    if fused_scan:
        # Its inputs as they lie in memory, its output, the steps and the sums of their logarithms.
        scan = 2 * e * inner + 2 * e * pairs + 2 * FP32 * ssm.heads
    else:
        weights = e * ssm.heads * ssm.chunk
        scores = 2 * e * ssm.groups * ssm.chunk
        states = FP32 * ssm.state * inner // ssm.chunk
        scan = weights + scores + states + 4 * e * inner + 2 * FP32 * ssm.heads
    return in_proj + conv + gate + scan
