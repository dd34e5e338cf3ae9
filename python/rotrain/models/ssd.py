"""The state-space recurrence of Mamba-2 (Dao and Gu, "Transformers are SSMs", 2024), two ways.

Every head h holds a state of N x P that fades and takes in the outer product of B and x:

    state_t = exp(dt_t a) state_{t-1} + dt_t B_t x_t'        y_t = state_t' C_t

x: (B, T, H, P); dt: (B, T, H), positive; a: (H,), negative; b, c: (B, T, G, N), shared by the
H / G heads of a group; state: (B, H, N, P). Fading and state are fp32 (fp64 for fp64 inputs), for
an error in either is carried through all later positions. With `documents`, (B, T + 1) numbers
of the position before and of each position, the state is emptied where the number changes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rotrain.models.precision import product_dtype, to_fp32

# A factor below e^-60 is nothing: no sum in fp32 notices it. A chunk fades to e^-200, and from e^-87 on such factors,
# and products of smaller ones, are denormal numbers, for each of which an Intel CPU takes 150 cycles (docs/log.md).
FAINT = -60.0


def scan_reference(
    x: Tensor,
    dt: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    state: Tensor | None,
    documents: Tensor | None = None,
    chunk: int = 0,
) -> tuple[Tensor, Tensor]:
    """The definition, a position at a time: y (B, T, H, P) and the last state. Ignores `chunk`."""
    share = x.shape[2] // b.shape[2]
    x, dt, a = to_fp32(x), to_fp32(dt), to_fp32(a)
    b, c = to_fp32(b).repeat_interleave(share, 2), to_fp32(c).repeat_interleave(share, 2)
    if state is None:
        state = empty_state(x, b)
    outputs = []
    for t in range(x.shape[1]):
        keep = torch.exp(dt[:, t] * a)
        if documents is not None:
            keep = keep * (documents[:, t + 1] == documents[:, t])[:, None]
        taken = dt[:, t, :, None] * b[:, t]
        state = torch.addcmul(keep[..., None, None] * state, taken[..., None], x[:, t, :, None, :])
        outputs.append((c[:, t, :, None, :] @ state).squeeze(2))
    return torch.stack(outputs, 1), state


def scan_chunked(
    x: Tensor,
    dt: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    state: Tensor | None,
    documents: Tensor | None = None,
    chunk: int = 128,
) -> tuple[Tensor, Tensor]:
    """The same by matrix products over chunks of Q positions (section 6 of the paper).

    1. Inside a chunk the recurrence is attention without a softmax: position i takes from j <= i
       the weight (C_i . B_j) times the fading between them, times dt_j. C B' is one product a
       group, not one a head.
    2. What a chunk adds to the state is one product a group for all its heads at once.
    3. The states pass from chunk to chunk in a short loop.
    4. What a chunk sees of the state before it is again one product a group.

    Products run in the type of autocast; fading and states stay fp32. Costs T Q H values of
    memory for the weights, in the type of products; the fading is made again for the gradients.
    """
    length, heads, width = x.shape[1:]
    groups = b.shape[2]
    if length == 1:
        return scan_reference(x, dt, a, b, c, state, documents)
    chunk = min(chunk, length)
    if length % chunk:
        # A position with dt = 0 neither fades the state nor adds to it.
        extra = chunk - length % chunk
        x, b, c = (F.pad(v, (0, 0, 0, 0, 0, extra)) for v in (x, b, c))
        dt = F.pad(dt, (0, 0, 0, extra))
        if documents is not None:
            documents = torch.cat((documents, documents[:, -1:].expand(-1, extra)), 1)
    batch, count, share = x.shape[0], x.shape[1] // chunk, heads // groups

    faded = (
        (to_fp32(dt) * to_fp32(a)).unflatten(1, (count, chunk)).cumsum(2)
    )  # log of fading since the chunk began
    since = _fading(faded)
    until = _fading(faded[:, :, -1:] - faded)
    whole = since[:, :, -1]
    # What is made of it is Q times as large and takes over its strides.
    per_head = faded.permute(0, 1, 3, 2).contiguous()
    hidden = ~torch.ones(chunk, chunk, dtype=torch.bool, device=x.device).tril()
    if documents is not None:
        inside = documents[:, 1:].unflatten(1, (count, chunk))
        before = documents[:, :-1].unflatten(1, (count, chunk))[:, :, 0]
        hidden = hidden | (inside[:, :, None, :, None] != inside[:, :, None, None, :])
        since = since * (inside == before[..., None])[..., None]
        until = until * (inside == inside[:, :, -1:])[..., None]
        whole = since[:, :, -1]

    x_dt = (x * dt[..., None]).unflatten(1, (count, chunk))  # (B, n, Q, H, P)
    b_group = b.unflatten(1, (count, chunk)).transpose(2, 3)  # (B, n, G, Q, N)
    c_group = c.unflatten(1, (count, chunk)).transpose(2, 3)
    scores = (c_group @ b_group.mT).masked_fill(hidden, 0)  # (B, n, G, Q, Q)
    weights: Tensor = _Weights.apply(scores, per_head, product_dtype(x))
    y = (weights @ x_dt.transpose(2, 3).to(weights.dtype)).transpose(2, 3)

    def by_group(v: Tensor) -> Tensor:  # (B, n, Q, H, P) to (B, n, G, Q, H / G * P)
        grouped: Tensor = v.unflatten(3, (groups, share)).flatten(4).transpose(2, 3)
        return grouped

    taken = b_group.mT @ by_group(x_dt * until[..., None]).to(b_group.dtype)  # (B, n, G, N, H / G * P)
    if state is None:
        state = empty_state(x, b)
    now = state.unflatten(1, (groups, share)).transpose(2, 3)  # (B, G, N, H / G, P)
    states = []
    # Unbound once: the gradient of an index is a tensor of zeros as large as all of them.
    for fade, added in zip(whole.unbind(1), to_fp32(taken).unbind(1), strict=True):
        states.append(now.flatten(3))
        left = fade.unflatten(1, (groups, 1, share))[..., None]
        now = torch.addcmul(added.unflatten(3, (share, width)), now, left)
    before_chunk = torch.stack(states, 1)
    seen = (c_group @ before_chunk.to(c_group.dtype)).transpose(2, 3)  # (B, n, Q, G, H / G * P)
    seen = to_fp32(seen.reshape(batch, count, chunk, heads, width))
    y = torch.addcmul(to_fp32(y), seen, since[..., None]).flatten(1, 2)[:, :length]
    return y, now.transpose(2, 3).flatten(1, 2)


class _Weights(torch.autograd.Function):
    """What each position takes from the ones before it, (B, n, H, Q, Q) in `narrow`: scores times the fading between.

    One tensor of T Q H values, changed in place, and made again for the gradients: as plain operations each pass would
    make a new one, and memory is what a scan waits for. With E the gradient of the weights times the weights, the
    logarithms l enter as l_i - l_j: their gradient is a sum over E's rows less one over its columns. Both are sums of
    the same fp32 numbers, for what is on the diagonal must cancel.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, log: Tensor, narrow: torch.dtype) -> Tensor:
        ctx.save_for_backward(scores, log)
        share = log.shape[2] // scores.shape[2]
        weights: Tensor = _between(log).unflatten(2, (-1, share)).mul_(to_fp32(scores)[:, :, :, None])
        return weights.flatten(2, 3).to(narrow)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        scores, log = ctx.saved_tensors
        share = log.shape[2] // scores.shape[2]
        fading = _between(log).mul_(upstream[0]).unflatten(2, (-1, share))
        d_scores = fading.sum(3).to(scores.dtype)
        changed = fading.mul_(to_fp32(scores)[:, :, :, None]).flatten(2, 3)
        return d_scores, changed.sum(4) - changed.sum(3), None


def _between(log: Tensor) -> Tensor:
    """exp(l_i - l_j), (B, n, H, Q, Q), of (B, n, H, Q): what is left at row i of what came at column j.

    At most one, for what comes after i is hidden in the scores, and at least exp(`FAINT`).
    """
    between = log[..., :, None] - log[..., None, :]
    return between.clamp_(FAINT, 0).exp_()


def _fading(log: Tensor) -> Tensor:
    """exp(log), and nothing where `FAINT` says so."""
    return F.threshold(log, FAINT, float("-inf")).exp()


def empty_state(x: Tensor, b: Tensor) -> Tensor:
    """Zeros (B, H, N, P) in the type of the state."""
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    return torch.zeros(x.shape[0], x.shape[2], b.shape[3], x.shape[3], dtype=dtype, device=x.device)
