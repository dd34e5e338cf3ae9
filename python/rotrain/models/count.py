"""Exact accounting: parameters, work per token and cache, by formula and without building a model.

Work counts multiply-adds as two operations. A token costs 2 operations a matrix parameter
forward and 4 backward (Kaplan et al. 2020, appendix B), the tied embedding counted once as the
output matrix. What mixes positions comes on top, again three times its forward work:

attention   4 operations a visible key and width element; a causal token sees (context + 1) / 2
            keys on average, itself included, with a window W at most W of them
mamba2      chunks of Q: 2 Q N a group for the scores and 2 Q P a head inside the chunk, 4 N P a
            head to and from the state (section 6 of the paper), and 2 K a channel of convolution
"""

from __future__ import annotations

from rotrain.config import ModelConfig


def attention_params(c: ModelConfig) -> int:
    """Query, key, value and output matrices of one layer."""
    queries, keys = c.heads * c.head_dim, c.kv_heads * c.head_dim
    return c.hidden * (queries + 2 * keys) + queries * c.hidden


def mamba2_params(c: ModelConfig) -> int:
    """The two matrices of one layer."""
    if c.ssm is None:
        return 0
    return c.hidden * (2 * c.ssm.inner + c.ssm.channels + c.ssm.heads)


def mlp_params(c: ModelConfig) -> int:
    """Gate, up and down matrices of one layer; a GELU feed-forward has no gate."""
    return {"swiglu": 3, "gelu": 2, "none": 0}[c.mlp] * c.hidden * c.ffn


def matmul_params(c: ModelConfig) -> int:
    """Parameters that multiply every token: all matrices, the tied output matrix included."""
    mixers = c.mixers("attention") * attention_params(c) + c.mixers("mamba2") * mamba2_params(c)
    return mixers + c.layers * mlp_params(c) + c.vocab_size * c.hidden


def param_count(c: ModelConfig) -> int:
    """All parameters: the matrices, the norms, and what Mamba-2 has beside its matrices."""
    norms = c.layers * (2 if c.mlp == "swiglu" else 1) + 1
    norm = c.hidden * (2 if c.norm == "layer" else 1)
    small = 0
    if c.ssm is not None:  # convolution and its bias; A_log, D, dt_bias; the gain of the gated norm
        small = c.mixers("mamba2") * (c.ssm.channels * (c.ssm.conv + 1) + 3 * c.ssm.heads + c.ssm.inner)
    return matmul_params(c) + norms * norm + small


def visible_keys(c: ModelConfig, context: int) -> float:
    """Keys a token of attention sees on average."""
    window = min(c.window or context, context)
    return (window * (window + 1) / 2 + (context - window) * window) / context


def flops_per_token(c: ModelConfig, context: int | None = None) -> float:
    """Operations of one training token, forward and backward, at a context in tokens."""
    context = context or c.context
    mixing = 4 * visible_keys(c, context) * c.heads * c.head_dim * c.mixers("attention")
    if c.ssm is not None:
        s, chunk = c.ssm, min(c.ssm.chunk, context)
        scan = 2 * chunk * (s.groups * s.state + s.inner) + 4 * s.state * s.inner
        mixing += (scan + 2 * s.conv * s.channels) * c.mixers("mamba2")
    return 6 * matmul_params(c) + 3 * mixing


def cache_bytes(c: ModelConfig, context: int | None = None, bytes_per_value: int = 2) -> int:
    """Bytes of the cache of one sequence (default: 16-bit values; the state of Mamba-2 is fp32)."""
    held = min(c.window or c.context, context or c.context)
    total = 2 * c.mixers("attention") * c.kv_heads * c.head_dim * held * bytes_per_value
    if c.ssm is not None:
        s = c.ssm
        state = s.inner * s.state * 4 + (s.conv - 1) * s.channels * bytes_per_value
        total += c.mixers("mamba2") * state
    return total
