"""Every architecture with the kernels of a GPU is one graph, forward and backward, and what it keeps for the gradients.

The tensors are fake: they have shapes and types, and no values. So the kernels of CUDA are traced at real widths, and not run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch._inductor.decomposition import select_decomp_table
from torch._subclasses.fake_tensor import FakeTensorMode

from rotrain.models.decoder import Decoder
from rotrain.models.kernels import choose
from rotrain.models.platform import Platform
from rotrain.models.presets import ARCHS, model_config

H100 = Platform("cuda", (9, 0), half=True)
BARE = Platform("cuda", (8, 9), half=True, failures={("scan", "mamba-ssm"): "mamba_ssm is not installed"})
ROWS, LENGTH = 4, 2048


@dataclass
class Graphs:
    """The graphs of a model as a compiler gets them: operators, and bytes kept from forward for backward."""

    forward: list[list[str]] = field(default_factory=list)
    backward: list[list[str]] = field(default_factory=list)
    kept: int = 0

    def compiler(self, into: list[list[str]]) -> Callable[..., Any]:
        def compile_graph(graph: torch.fx.GraphModule, inputs: Any) -> Any:
            into.append([str(node.target) for node in graph.graph.nodes if node.op == "call_function"])
            if into is self.forward:
                (result,) = next(iter(graph.graph.find_nodes(op="output"))).args
                made = {node for node in result if getattr(node, "op", "placeholder") != "placeholder"}
                values = [node.meta["val"] for node in made if isinstance(node.meta["val"], Tensor)]
                self.kept += sum(value.numel() * value.element_size() for value in values)
            from functorch.compile import make_boxed_func

            return make_boxed_func(graph.forward)

        return compile_graph


def graphs(arch: str, platform: Platform, *, layers: int, document_end: int | None = None) -> Graphs:
    """Trace a training step of a model at the width of 300m, as inductor would get it."""
    whole = model_config(arch, "300m", document_end=document_end)
    pattern = tuple(dict.fromkeys(whole.pattern))  # two layers of a hybrid have both mixers
    config = whole.model_copy(update={"layers": layers, "pattern": pattern})
    torch._dynamo.reset()
    found = Graphs()
    backend = aot_autograd(
        fw_compiler=found.compiler(found.forward),
        bw_compiler=found.compiler(found.backward),
        partition_fn=partial(min_cut_rematerialization_partition, compiler="inductor"),
        decompositions=select_decomp_table(),
    )
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = Decoder(config, choose(config.vocab_size, platform))
        tokens = torch.zeros(ROWS, LENGTH, dtype=torch.long)
        starts = None if document_end is None else torch.zeros(64, dtype=torch.int32)
        forward = torch.compile(model.forward, backend=backend, fullgraph=True)
        with torch.autocast("cpu", torch.bfloat16):
            forward(tokens, starts=starts).float().sum().backward()
    return found


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize(
    ("arch", "document_end"),
    [*((arch, None) for arch in sorted(ARCHS)), ("mamba2-hybrid", 0), ("mistral-swa", 0)],
)
def test_an_architecture_is_one_graph(arch: str, document_end: int | None) -> None:
    config = model_config(arch, "300m")
    mixers = len(set(config.pattern))  # a layer of each
    found = graphs(arch, H100, layers=mixers, document_end=document_end)
    assert len(found.forward) == len(found.backward) == 1
    scans = int("mamba2" in config.pattern)
    assert found.forward[0].count("rotrain.ssd.default") == scans
    assert found.backward[0].count("rotrain.ssd_backward.default") == scans
    assert found.backward[0].count("rotrain.ssd.default") == 0  # the scan is not computed again
    packed = int("attention" in config.pattern and (config.window is not None or document_end is not None))
    assert found.forward[0].count("torch_attn._varlen_attn.default") == packed


def test_a_mamba_layer_keeps_two_tensors() -> None:
    """One layer and the last norm of mamba2-300m, 8,192 tokens in bf16: 345 MB before its cheap passes were computed again."""
    bare, mamba_ssm = (graphs("mamba2", p, layers=1).kept for p in (BARE, H100))
    token = ROWS * LENGTH * 2  # bytes of one number for each token
    stream, first, scanned = 1024, 2 * 2048 + 2 * 128 + 32, 2048
    assert bare < token * (5 * stream + first) + 20e6
    assert bare < mamba_ssm < bare + 1.01 * token * scanned
