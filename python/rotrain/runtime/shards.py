"""Tensors that several processes share (FSDP2), and tensors that they do not, by the same calls."""

from __future__ import annotations

from torch import Tensor


def is_sharded(tensor: Tensor) -> bool:
    """Return whether each process holds a part of a tensor only."""
    # By its method: importing DTensor takes as long as importing PyTorch, and one process needs none of it.
    return hasattr(tensor, "full_tensor")


def full_tensor(tensor: Tensor) -> Tensor:
    """Return a tensor with all its shards, or a tensor without shards as it is. Every process must call this."""
    gather = getattr(tensor, "full_tensor", None)
    return tensor if gather is None else gather()


def shard_like(tensor: Tensor, parameter: Tensor) -> Tensor:
    """Return a full tensor sharded as `parameter` is, as the main process has it. A scalar is not sharded."""
    if tensor.ndim == 0 or not is_sharded(parameter):
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(parameter, DTensor)
    return distribute_tensor(tensor.to(parameter.device), parameter.device_mesh, parameter.placements)


def take_shard(tensor: Tensor, parameter: Tensor) -> Tensor:
    """Return the same of a tensor that every process has whole: nothing is sent."""
    if not is_sharded(parameter):
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(parameter, DTensor)
    return distribute_tensor(tensor, parameter.device_mesh, parameter.placements, src_data_rank=None)
