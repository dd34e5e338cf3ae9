"""Exact counts of parameters, work and cache by formula, without building a model.

A multiply-add counts as two operations. A token costs 2 operations for each parameter of a matrix forward and 4 backward
(Kaplan et al. 2020, appendix B); the tied embedding counts once, as the output matrix. What mixes positions comes on top,
again three times its forward work:

attention   4 operations for each visible key and element of the width; a causal token sees (context + 1) / 2 keys on
            average, itself included, and with a window W at most W of them
mamba2      chunks of Q: 2 Q N for each group for the scores and 2 Q P for each head inside the chunk, 4 N P for each head
            to and from the state (section 6 of the paper), and 2 K for each channel of the convolution

Examples:
    >>> from rotrain.models.presets import model_config
    >>> shape = model_config("llama-gqa", "300m")
    >>> f"{param_count(shape):,} parameters, {flops_per_token(shape) / 1e9:.2f} GFLOP per token"
    '300,268,544 parameters, 2.09 GFLOP per token'
"""

from __future__ import annotations

from rotrain.config import ModelConfig


def attention_params(c: ModelConfig) -> int:
    """Return the parameters of the query, key, value and output matrices of one layer."""
    queries, keys = c.heads * c.head_dim, c.kv_heads * c.head_dim
    return c.hidden * (queries + 2 * keys) + queries * c.hidden


def mamba2_params(c: ModelConfig) -> int:
    """Return the parameters of the two matrices of one Mamba-2 layer."""
    if c.ssm is None:
        return 0
    return c.hidden * (2 * c.ssm.inner + c.ssm.channels + c.ssm.heads)


def mlp_params(c: ModelConfig) -> int:
    """Return the parameters of the gate, up and down matrices of one layer. A GELU feed-forward has no gate."""
    return {"swiglu": 3, "gelu": 2, "none": 0}[c.mlp] * c.hidden * c.ffn


def matmul_params(c: ModelConfig) -> int:
    """Return the parameters that multiply every token: all matrices, the tied output matrix included."""
    mixers = c.mixers("attention") * attention_params(c) + c.mixers("mamba2") * mamba2_params(c)
    return mixers + c.layers * mlp_params(c) + c.vocab_size * c.hidden


def param_count(c: ModelConfig) -> int:
    """Return all parameters: the matrices, the norms, and what Mamba-2 has beside its matrices."""
    norms = c.layers * (2 if c.mlp == "swiglu" else 1) + 1
    norm = c.hidden * (2 if c.norm == "layer" else 1)
    small = 0
    if c.ssm is not None:  # convolution and its bias; A_log, D, dt_bias; the gain of the gated norm
        small = c.mixers("mamba2") * (c.ssm.channels * (c.ssm.conv + 1) + 3 * c.ssm.heads + c.ssm.inner)
    return matmul_params(c) + norms * norm + small


def visible_keys(c: ModelConfig, context: int) -> float:
    """Return how many keys a token of attention sees on average."""
    window = min(c.window or context, context)
    return (window * (window + 1) / 2 + (context - window) * window) / context


def flops_per_token(c: ModelConfig, context: int | None = None) -> float:
    """Return the operations of one training token, forward and backward.

    Args:
        c: Shape of the model.
        context: Tokens of a sequence. Default: the model's context.
    """
    context = context or c.context
    mixing = 4 * visible_keys(c, context) * c.heads * c.head_dim * c.mixers("attention")
    if c.ssm is not None:
        s, chunk = c.ssm, min(c.ssm.chunk, context)
        scan = 2 * chunk * (s.groups * s.state + s.inner) + 4 * s.state * s.inner
        mixing += (scan + 2 * s.conv * s.channels) * c.mixers("mamba2")
    return 6 * matmul_params(c) + 3 * mixing


def cache_bytes(c: ModelConfig, context: int | None = None, bytes_per_value: int = 2) -> int:
    """Return the bytes of the cache of one sequence. The state of Mamba-2 is fp32.

    Args:
        c: Shape of the model.
        context: Tokens of the sequence. Default: the model's context.
        bytes_per_value: Bytes of a key or value.
    """
    held = min(c.window or c.context, context or c.context)
    total = 2 * c.mixers("attention") * c.kv_heads * c.head_dim * held * bytes_per_value
    if c.ssm is not None:
        s = c.ssm
        state = s.inner * s.state * 4 + (s.conv - 1) * s.channels * bytes_per_value
        total += c.mixers("mamba2") * state
    return total
