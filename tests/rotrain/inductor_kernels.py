"""The compiler's own Triton kernels of a block as machine code: `python inductor_kernels.py CAPABILITY ARCH...`.

For each architecture it traces a training step of one layer of each kind at the width of 300m, as PyTorch's compiler gets it
for a GPU ("mamba2 without mamba-ssm" takes the next scan), lets the compiler write its kernels for a GPU of that capability, and compiles them. No GPU is asked: the tensors
have shapes only, and the device answers as its data sheet says. Standard output is JSON: for each kernel its registers, its
stack and local memory, and its shared memory, of the first of its configurations that spills nothing.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
import triton
from compiled_mamba import NamedGpu
from cuobjdump import resources
from functorch.compile import make_boxed_func
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.device_interface import CudaInterface
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch._inductor.codecache import PyCodeCache
from torch._inductor.compile_fx import compile_fx_inner
from torch._inductor.decomposition import select_decomp_table
from torch._inductor.graph import GraphLowering
from torch._inductor.runtime import triton_helpers
from torch._inductor.runtime.triton_heuristics import StaticTritonCompileResult
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._mode_utils import no_dispatch

from rotrain.models import decoder
from rotrain.models.decoder import Decoder
from rotrain.models.kernels import choose
from rotrain.models.platform import Platform
from rotrain.models.precision import product_dtype
from rotrain.models.presets import model_config

GPU = torch.device("cuda", 0)
ROWS, LENGTH = 4, 2048
# Multiprocessors by data sheet (A100, RTX 4090, H100); the rest is the same for all three but for the threads of Ada's.
MULTIPROCESSORS, THREADS = {80: 108, 89: 128, 90: 132}, {80: 2048, 89: 1536, 90: 2048}


class Written(Exception):
    """Ends a compilation when the code is written."""


def on_gpu(value: Any) -> Any:
    """The description of a tensor, moved to a GPU."""
    if isinstance(value, FakeTensor):
        with no_dispatch():
            plain = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
        return FakeTensor(value.fake_mode, plain, GPU)
    return type(value)(map(on_gpu, value)) if isinstance(value, tuple | list) else value


def place_on_gpu(graph: torch.fx.GraphModule) -> None:
    """Move a graph that was traced on a CPU to a GPU."""
    for node in graph.graph.nodes:
        if "val" in node.meta:
            node.meta["val"] = on_gpu(node.meta["val"])
        node.kwargs = {k: GPU if isinstance(v, torch.device) else v for k, v in node.kwargs.items()}
        node.args = tuple(GPU if isinstance(a, torch.device) else a for a in node.args)
    graph.recompile()


def describe(capability: int) -> SimpleNamespace:
    """What a driver says of a GPU."""
    return SimpleNamespace(
        name=f"sm_{capability}",
        major=capability // 10,
        minor=capability % 10,
        multi_processor_count=MULTIPROCESSORS[capability],
        regs_per_multiprocessor=65536,
        max_threads_per_multi_processor=THREADS[capability],
        max_threads_per_block=1024,
        warp_size=32,
        total_memory=80 << 30,
        shared_memory_per_block=48 << 10,
        L2_cache_size=40 << 20,
        gcnArchName="",
    )


def write_kernels(arch: str, capability: int) -> list[str]:
    """Return the code that the compiler writes for forward and backward pass."""
    codes: list[str] = []

    def keep(self: GraphLowering) -> Any:
        code = self.codegen()[0]
        codes.append(code if isinstance(code, str) else code.value)
        raise Written

    def compile_graph(graph: torch.fx.GraphModule, inputs: Any, **options: Any) -> Callable[..., Any]:
        with answers_of_gpu(capability):
            moved = copy.deepcopy(graph)
            place_on_gpu(moved)
            try:
                compile_fx_inner(moved, [on_gpu(x) for x in inputs])
            except Exception as error:
                if not _is_written(error):
                    raise
        return make_boxed_func(graph.forward)

    arch, _, without = arch.partition(" without ")
    whole = model_config(arch, "300m")
    pattern = tuple(dict.fromkeys(whole.pattern))
    config = whole.model_copy(update={"layers": len(pattern), "pattern": pattern})
    failures = {("scan", without): "not wanted"} if without else {}
    platform = Platform("cuda", (capability // 10, capability % 10), half=True, failures=failures)
    backend = aot_autograd(
        fw_compiler=compile_graph,
        bw_compiler=compile_graph,
        partition_fn=_partition,
        decompositions=select_decomp_table(),
    )
    torch._dynamo.reset()
    with (
        mock.patch.object(decoder, "stream_dtype", product_dtype),
        mock.patch.object(GraphLowering, "compile_to_module", keep),
        FakeTensorMode(allow_non_fake_inputs=True),
    ):
        model = Decoder(config, choose(config.vocab_size, platform))
        tokens = torch.zeros(ROWS, LENGTH, dtype=torch.long)
        with torch.autocast("cpu", torch.bfloat16):
            torch.compile(model.forward, backend=backend, fullgraph=True)(tokens).float().sum().backward()
    return codes


def _partition(*args: Any, **words: Any) -> Any:
    return min_cut_rematerialization_partition(*args, compiler="inductor", **words)


def _is_written(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, Written):
            return True
        error = error.__cause__ or error.__context__ or getattr(error, "inner_exception", None)
    return False


def compile_kernels(code: str, folder: Path) -> dict[str, dict[str, int]]:
    """Compile each Triton kernel in the code of a graph."""
    found: dict[str, dict[str, int]] = {}
    for name, source in re.findall(r"async_compile\.triton\('(\w+)', '''(.*?)'''", code, re.DOTALL):
        tuner = getattr(PyCodeCache.load(source.replace("\\\\", "\\")), name)
        for config in tuner.configs:
            binary = tuner._precompile_config(config).kernel
            used = resources(binary.asm["cubin"], folder) | {"shared": binary.metadata.shared}
            if name not in found or spilled(used) < spilled(found[name]):
                found[name] = used
            if not spilled(used):
                break
    return found


def spilled(used: dict[str, int]) -> int:
    """Bytes of registers that a kernel keeps in memory."""
    return used["STACK"] + used["LOCAL"]


@contextlib.contextmanager
def answers_of_gpu(capability: int) -> Iterator[None]:
    """Let PyTorch answer as on a machine with this GPU."""
    gpu = describe(capability)
    answers = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_device_capability": lambda device=None: (gpu.major, gpu.minor),
        "get_device_properties": lambda device=None: gpu,
        "get_rng_state": lambda device=None: torch.zeros(16, dtype=torch.uint8),
        "set_rng_state": lambda state, device=None: None,
        "_exchange_device": lambda device: 0,
        "_maybe_exchange_device": lambda device: 0,
        "synchronize": lambda device=None: None,
        "is_bf16_supported": lambda including_emulation=True: True,
    }
    copied = {name: staticmethod(answers[name]) for name in answers if name in vars(CudaInterface)}
    with (
        mock.patch.multiple(torch.cuda, **answers),
        mock.patch.multiple(CudaInterface, **copied),
        mock.patch.object(fake_tensor, "init_gpu_context", lambda device: None),
        mock.patch.object(StaticTritonCompileResult, "can_statically_launch", lambda *asked: None),
        mock.patch.object(triton_helpers, "set_driver_to_gpu", lambda: None),
    ):
        yield


def main(capability: int, archs: list[str]) -> dict[str, Any]:
    """Return the resources of each kernel by architecture and pass."""
    triton.runtime.driver.set_active(NamedGpu(capability))
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        for arch in archs:
            codes = write_kernels(arch, capability)
            with answers_of_gpu(capability):
                passes = [compile_kernels(code, Path(name)) for code in codes]
            results[arch] = dict(zip(("forward", "backward"), passes, strict=True))
    return results


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2:])))
