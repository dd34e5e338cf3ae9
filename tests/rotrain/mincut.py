"""What the compiler keeps between forward and backward pass, by tracing: the measure of `runtime.activations`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch._inductor.decomposition import select_decomp_table
from torch._subclasses.fake_tensor import FakeTensorMode

from rotrain.config import ModelConfig
from rotrain.models import kernels
from rotrain.models.attention_kernels import attention_sdpa
from rotrain.models.decoder import Decoder
from rotrain.models.kernels import Platform


def min_cut_bytes(config: ModelConfig, sequences: int, *, half: bool) -> int:
    """Trace the joint graph of a model, cut it as the compiler does, and count what crosses. No memory is taken.

    Fake tensors of the CPU have fused attention as a GPU does. A window of a GPU is a fused kernel too, and keeps the same.
    """
    ops = kernels.choose(config.vocab_size, Platform("cuda", (9, 0), half, frozenset()))
    ops = replace(ops, window_attention=lambda q, k, v, window: attention_sdpa(q, k, v))
    kept: dict[int, int] = {}

    def cut(joint: Any, inputs: Any, *, num_fwd_outputs: int, **options: Any) -> tuple[Any, Any]:
        parts = min_cut_rematerialization_partition(
            joint, inputs, compiler="inductor", num_fwd_outputs=num_fwd_outputs, **options
        )
        (output,) = (node for node in parts[0].graph.nodes if node.op == "output")
        for node in output.args[0][num_fwd_outputs:]:
            value = node.meta.get("val")
            if node.op != "placeholder" and isinstance(value, Tensor):
                storage = value.untyped_storage()  # views of one tensor share it
                kept[storage._cdata] = storage.nbytes()
        return parts

    def pass_on(graph: Any, inputs: Any) -> Callable[..., Any]:
        forward: Callable[..., Any] = graph.forward
        return forward

    backend = aot_autograd(
        fw_compiler=pass_on, bw_compiler=pass_on, partition_fn=cut, decompositions=select_decomp_table()
    )
    torch._dynamo.reset()
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = Decoder(config, ops)
        tokens = torch.zeros(sequences, config.context, dtype=torch.long)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            torch.compile(model.forward, backend=backend)(tokens)
    torch._dynamo.reset()
    return sum(kept.values())
