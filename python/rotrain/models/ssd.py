"""The state-space recurrence of Mamba-2 (Dao and Gu, "Transformers are SSMs", 2024), in two ways.

Every head h has a state of N x P that decays and takes in the outer product of B and x:

    state_t = exp(dt_t a) state_{t-1} + dt_t B_t x_t'        y_t = state_t' C_t

x is (B, T, H, P). dt is (B, T, H), positive. a is (H,), negative. b and c are (B, T, G, N), shared by the H / G heads of a
group. state is (B, H, N, P). Decay and state are fp32 (fp64 for fp64 inputs), because an error in them is carried through
all later positions. With `documents`, numbers (B, T + 1) of the position before and of each position, the state is emptied
where the number changes.

Examples:
    >>> x, dt, a = torch.ones(1, 3, 1, 1), torch.ones(1, 3, 1), torch.full((1,), -0.6931472)  # exp(dt a) is 1/2
    >>> b = c = torch.ones(1, 3, 1, 1)
    >>> y, state = scan_reference(x, dt, a, b, c, None)
    >>> [round(value, 4) for value in y.flatten().tolist()], round(float(state), 4)
    ([1.0, 1.5, 1.75], 1.75)
    >>> torch.allclose(scan_chunked(x, dt, a, b, c, None, chunk=2)[0], y)
    True
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rotrain.models.precision import product_dtype, to_fp32

# A factor below e^-60 changes no sum in fp32. A chunk decays to e^-200. From e^-87 on such factors, and products of smaller
# ones, are denormal numbers, and an Intel CPU takes 150 cycles for each of them (docs/log).
MIN_LOG_DECAY = -60.0


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
    """Compute the recurrence as it is defined, one position at a time.

    Args:
        x: Inputs (B, T, H, P).
        dt: Steps (B, T, H).
        a: Rates (H,).
        b: Input weights (B, T, G, N).
        c: Output weights (B, T, G, N).
        state: State before the first position (B, H, N, P), or None for zeros.
        documents: Document of the position before and of each position (B, T + 1), or None.
        chunk: Ignored.

    Returns:
        y (B, T, H, P), and the last state (B, H, N, P).
    """
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
    """Compute the same by matrix products over chunks of Q positions (section 6 of the paper).

    1. Inside a chunk the recurrence is attention without a softmax: position i takes from j <= i with the weight
       (C_i . B_j) times the decay between them, times dt_j. C B' is one product for each group, not for each head.
    2. What a chunk adds to the state is one product for each group, for all its heads at once.
    3. The states pass from chunk to chunk in a short loop.
    4. What a chunk sees of the state before it is again one product for each group.

    Products run in the type of autocast. Decay and states stay fp32. The weights take T Q H values of memory in the type of
    products. The decay is computed again for the gradients.

    The arguments and results are those of `scan_reference`; `chunk` is Q.
    """
    length, heads, width = x.shape[1:]
    groups = b.shape[2]
    if length == 1:
        return scan_reference(x, dt, a, b, c, state, documents)
    chunk = min(chunk, length)
    if length % chunk:
        # A position with dt = 0 neither decays the state nor adds to it.
        extra = chunk - length % chunk
        x, b, c = (F.pad(v, (0, 0, 0, 0, 0, extra)) for v in (x, b, c))
        dt = F.pad(dt, (0, 0, 0, extra))
        if documents is not None:
            documents = torch.cat((documents, documents[:, -1:].expand(-1, extra)), 1)
    batch, count, share = x.shape[0], x.shape[1] // chunk, heads // groups

    log_decay = (
        (to_fp32(dt) * to_fp32(a)).unflatten(1, (count, chunk)).cumsum(2)
    )  # log of the decay since the start of the chunk
    since = _decay(log_decay)
    until = _decay(log_decay[:, :, -1:] - log_decay)
    whole = since[:, :, -1]
    # Tensors made from it are Q times as large and inherit its strides.
    per_head = log_decay.permute(0, 1, 3, 2).contiguous()
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
    # Unbound once: the gradient of an index would be a tensor of zeros as large as all chunks.
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
    """What each position takes from the ones before it, (B, n, H, Q, Q) in `narrow`: scores times the decay between.

    It is one tensor of T Q H values, changed in place, and computed again for the gradients. As plain operations each pass
    would make a new tensor, and a scan is bound by memory. Let E be the gradient of the weights times the weights. The
    logarithms l enter as l_i - l_j, so their gradient is the sum over E's rows minus the sum over its columns. Both sum the
    same fp32 numbers, because the diagonal must cancel.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, log: Tensor, narrow: torch.dtype) -> Tensor:
        ctx.save_for_backward(scores, log)
        share = log.shape[2] // scores.shape[2]
        weights: Tensor = _pairwise_decay(log).unflatten(2, (-1, share)).mul_(to_fp32(scores)[:, :, :, None])
        return weights.flatten(2, 3).to(narrow)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        scores, log = ctx.saved_tensors
        share = log.shape[2] // scores.shape[2]
        decay = _pairwise_decay(log).mul_(upstream[0]).unflatten(2, (-1, share))
        d_scores = decay.sum(3).to(scores.dtype)
        changed = decay.mul_(to_fp32(scores)[:, :, :, None]).flatten(2, 3)
        return d_scores, changed.sum(4) - changed.sum(3), None


def _pairwise_decay(log: Tensor) -> Tensor:
    """Return exp(l_i - l_j) (B, n, H, Q, Q), given l (B, n, H, Q): what remains at row i of what came at column j.

    It is at most one (the scores hide what comes after i), and at least exp(`MIN_LOG_DECAY`).
    """
    between = log[..., :, None] - log[..., None, :]
    return between.clamp_(MIN_LOG_DECAY, 0).exp_()


def _decay(log: Tensor) -> Tensor:
    """Return exp(log), and 0 under `MIN_LOG_DECAY`."""
    return F.threshold(log, MIN_LOG_DECAY, float("-inf")).exp()


def empty_state(x: Tensor, b: Tensor) -> Tensor:
    """Return zeros (B, H, N, P) in the type of the state."""
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    return torch.zeros(x.shape[0], x.shape[2], b.shape[3], x.shape[3], dtype=dtype, device=x.device)
