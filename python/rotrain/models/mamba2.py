"""The Mamba-2 mixer (Dao and Gu 2024): a gated state-space layer with a state of fixed size.

z, xBC, dt = in_proj(u);  x, B, C = silu(conv(xBC));  dt = softplus(dt + dt_bias)
y = scan(x, dt, -exp(A_log), B, C) + D x
out_proj(norm(y silu(z)))

The layout of the first matrix, and the order gate, then norm, are those of mamba-ssm and `Mamba2ForCausalLM`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rotrain.config import ModelConfig
from rotrain.models.activations import activations_kept
from rotrain.models.conv import init_conv
from rotrain.models.kernels import Kernels
from rotrain.models.mixer import Cache, Positions
from rotrain.models.precision import to_fp32

# The initial steps of mamba-ssm: between 0.001 and 0.1, uniform in their logarithm, never under 0.0001.
DT_MIN, DT_MAX, DT_FLOOR = 1e-3, 1e-1, 1e-4


class RecurrentCache:
    """The state of the scan, always fp32 or fp64, and the last inputs of the convolution.

    Args:
        state: State (B, H, N, P).
        tail: Inputs (B, K - 1, C).
    """

    def __init__(self, state: Tensor, tail: Tensor) -> None:
        self.state, self.tail = state, tail

    def bytes(self) -> int:
        """Return the bytes of the cache, which are the same for any number of positions."""
        return sum(x.numel() * x.element_size() for x in (self.state, self.tail))

    def reset(self) -> None:
        """Start a new sequence from zeros."""
        self.state.zero_()
        self.tail.zero_()


class Mamba2(nn.Module):
    """The mixer. `A_log`, `D` and `dt_bias` have one number for each head, without weight decay.

    Args:
        config: Shape of the model.
        ops: Kernels.
    """

    def __init__(self, config: ModelConfig, ops: Kernels) -> None:
        super().__init__()
        assert config.ssm is not None
        self.shape, self.ops, self.eps = config.ssm, ops, config.norm_eps
        ssm = config.ssm
        self.in_proj = nn.Linear(config.hidden, ssm.inner + ssm.channels + ssm.heads, bias=False)
        self.conv_weight = nn.Parameter(torch.empty(ssm.channels, 1, ssm.conv))
        self.conv_bias = nn.Parameter(torch.empty(ssm.channels))
        self.A_log = nn.Parameter(torch.empty(ssm.heads))
        self.D = nn.Parameter(torch.empty(ssm.heads))
        self.dt_bias = nn.Parameter(torch.empty(ssm.heads))
        self.gain = nn.Parameter(torch.ones(ssm.inner))
        self.out_proj = nn.Linear(ssm.inner, config.hidden, bias=False)

    def forward(self, u: Tensor, positions: Positions, cache: Cache | None) -> Tensor:
        """Mix (B, T, h), see `Mixer`."""
        held = cache if isinstance(cache, RecurrentCache) else None
        documents = _with_before(positions, self.shape.conv - 1)
        # A cache changes, so what reads it runs once.
        run = self.ops.activations if held is None else activations_kept
        return run(self._mix, self.in_proj(u), documents, held)

    def _mix(self, projected: Tensor, documents: Tensor | None, held: RecurrentCache | None) -> Tensor:
        """Return the output of the mixer, given that of its first matrix."""
        ssm, taps = self.shape, self.shape.conv - 1
        z, xbc, dt = projected.split((ssm.inner, ssm.channels, ssm.heads), -1)
        if held is None:
            xbc = F.pad(xbc, (0, 0, taps, 0))
        else:
            xbc = torch.cat((held.tail.to(xbc.dtype), xbc), 1)
            held.tail.copy_(xbc[:, -taps:])
        mixed = F.silu(self.ops.conv(xbc, self.conv_weight, self.conv_bias, documents))
        x, b, c = mixed.split((ssm.inner, ssm.groups * ssm.state, ssm.groups * ssm.state), -1)
        x = x.unflatten(-1, (ssm.heads, ssm.head_dim))
        b, c = (part.unflatten(-1, (ssm.groups, ssm.state)) for part in (b, c))
        dt = F.softplus(to_fp32(dt) + self.dt_bias)
        y, state = self.ops.scan(
            x,
            dt,
            -to_fp32(self.A_log).exp(),
            b,
            c,
            None if held is None else held.state,
            None if documents is None else documents[:, taps - 1 :],
            ssm.chunk,
        )
        if held is not None:
            held.state.copy_(state)
        y = (y + x * self.D[:, None]).flatten(2)
        out: Tensor = self.out_proj(self._gated_norm(y, z))
        return out

    def _gated_norm(self, y: Tensor, z: Tensor) -> Tensor:
        gated = to_fp32(y) * F.silu(to_fp32(z))
        if self.shape.groups == 1:
            return self.ops.rms_norm(gated, self.gain, self.eps)
        # Each group has its own mean, as in mamba-ssm.
        grouped = gated.unflatten(-1, (self.shape.groups, -1))
        return self.ops.rms_norm(grouped, None, self.eps).flatten(-2) * self.gain

    def new_cache(self, batch: int, context: int, dtype: torch.dtype) -> RecurrentCache:
        """Return an empty cache, see `Mixer.new_cache`. It has the same size for any context."""
        ssm, device = self.shape, self.in_proj.weight.device
        wide_dtype = torch.float64 if dtype == torch.float64 else torch.float32
        state = torch.zeros(batch, ssm.heads, ssm.state, ssm.head_dim, dtype=wide_dtype, device=device)
        tail = torch.zeros(batch, ssm.conv - 1, ssm.channels, dtype=dtype, device=device)
        return RecurrentCache(state, tail)

    def init_weights(self, std: float, out_std: float, generator: torch.Generator) -> None:
        """Draw the matrices as `Mixer.init_weights` says, and A, D, dt and convolution as mamba-ssm does.

        A is uniform in 1 ... 16 (transformers starts it at 1 ... heads), D is one, and softplus turns dt_bias into a step
        that is drawn between `DT_MIN` and `DT_MAX`.
        """
        nn.init.normal_(self.in_proj.weight, std=std, generator=generator)
        nn.init.normal_(self.out_proj.weight, std=out_std, generator=generator)
        init_conv(self.conv_weight, self.conv_bias, generator)
        self.A_log.uniform_(1, 16, generator=generator).log_()
        self.D.fill_(1)
        self.dt_bias.uniform_(math.log(DT_MIN), math.log(DT_MAX), generator=generator)
        step = self.dt_bias.exp().clamp(min=DT_FLOOR)
        self.dt_bias.copy_(step + torch.log(-torch.expm1(-step)))


def _with_before(positions: Positions, taps: int) -> Tensor | None:
    """Return the document numbers of the `taps` positions before the first, and of all positions from there."""
    documents = positions.documents
    if documents is None:
        return None
    first = positions.start - taps
    if first >= 0:
        return documents[:, first:]
    # Before the start are zeros and an empty state: their document does not matter.
    return torch.cat((documents[:, :1].expand(-1, -first), documents), 1)
