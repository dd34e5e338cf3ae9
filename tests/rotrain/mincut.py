"""What the compiler keeps between forward and backward pass, by tracing: the measure of `runtime.activations`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch._inductor.decomposition import select_decomp_table
from torch._subclasses.fake_tensor import FakeTensorMode

from rotrain.config import ModelConfig
from rotrain.models import decoder, kernels
from rotrain.models.decoder import Decoder
from rotrain.models.platform import Platform
from rotrain.models.precision import product_dtype


def min_cut_bytes(config: ModelConfig, sequences: int, platform: Platform) -> int:
    """Trace the joint graph of a model, cut it as the compiler does, and count what crosses. No memory is taken.

    The kernels are those of a GPU, and the fake tensors are of the CPU, which the tracer needs. So the stream gets here the
    type that it has on a GPU.
    """
    ops = kernels.choose(config.vocab_size, platform)
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
    with (
        pytest.MonkeyPatch.context() as patch,
        FakeTensorMode(allow_non_fake_inputs=True),
    ):
        patch.setattr(decoder, "stream_dtype", product_dtype)
        model = Decoder(config, ops)
        tokens = torch.zeros(sequences, config.context, dtype=torch.long)
        with torch.autocast("cpu", torch.bfloat16, enabled=platform.half):
            torch.compile(model.forward, backend=backend)(tokens)
    torch._dynamo.reset()
    return sum(kept.values())
