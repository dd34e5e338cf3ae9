"""Exact accounting: parameters, work per token and cache, by formula and without building a model.

Work counts multiply-adds as two operations. A token costs 2 operations a matrix parameter
forward and 4 backward (Kaplan et al. 2020, appendix B), the tied embedding counted once as the
output matrix; attention adds 4 operations a visible key and width element forward, and twice
that backward. A causal token sees (context + 1) / 2 keys on average, itself included.
"""

from __future__ import annotations

from rotrain.config import ModelConfig


def attention_params(c: ModelConfig) -> int:
    """Query, key, value and output matrices of one layer."""
    queries, keys = c.heads * c.head_dim, c.kv_heads * c.head_dim
    return c.hidden * (queries + 2 * keys) + queries * c.hidden


def mlp_params(c: ModelConfig) -> int:
    """Gate, up and down matrices of one layer."""
    return 3 * c.hidden * c.ffn


def matmul_params(c: ModelConfig) -> int:
    """Parameters that multiply every token: all matrices, the tied output matrix included."""
    return c.layers * (attention_params(c) + mlp_params(c)) + c.vocab_size * c.hidden


def param_count(c: ModelConfig) -> int:
    """All parameters: the matrices, two norms a layer and the last norm."""
    return matmul_params(c) + (2 * c.layers + 1) * c.hidden


def flops_per_token(c: ModelConfig, context: int | None = None) -> float:
    """Operations of one training token, forward and backward, at a context in tokens."""
    visible = ((context or c.context) + 1) / 2
    attention = 3 * 4 * visible * c.heads * c.head_dim * c.layers
    return 6 * matmul_params(c) + attention


def cache_bytes(c: ModelConfig, context: int | None = None, bytes_per_value: int = 2) -> int:
    """Bytes of the key/value cache of one sequence (default: 16-bit values)."""
    return 2 * c.layers * c.kv_heads * c.head_dim * (context or c.context) * bytes_per_value
