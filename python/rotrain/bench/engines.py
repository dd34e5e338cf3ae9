"""The engines PyTorch and llama.cpp behind one interface.

The code for llama.cpp must not import PyTorch: that would add 200 MiB to the memory of the measured process.
"""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rotrain.errors import RotrainError

if TYPE_CHECKING:
    from rotrain.runtime.decoding import DecodingStep


class Engine(Protocol):
    """A loaded model that decodes one sequence greedily.

    Attributes:
        facts: Sizes, versions and the memory of the cache, for the result.
    """

    facts: dict[str, Any]

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text."""

    def piece(self, token: int) -> bytes:
        """Return the bytes of a token."""

    def reset(self) -> None:
        """Start a new sequence."""

    def feed(self, tokens: list[int]) -> int:
        """Append tokens to the sequence, and return the most likely next token. The call waits for the device."""


def open_engine(spec: dict[str, Any]) -> Engine:
    """Load the model of a worker's specification with its engine.

    Raises:
        RotrainError: The model cannot be loaded, or it has too few positions.
    """
    kind = LlamaEngine if spec["engine"] == "llama.cpp" else TorchEngine
    return kind(Path(spec["model"]), spec)


class LlamaEngine:
    """A GGUF file in stock llama.cpp. Keys and values are f16, the default of llama.cpp.

    Args:
        path: The file.
        spec: The specification of the worker: context and threads.
    """

    def __init__(self, path: Path, spec: dict[str, Any]) -> None:
        from rotrain.llamacpp import LlamaCpp

        self._model = LlamaCpp(path, context=spec["context"], threads=spec["threads"])
        self.facts = {
            "parameters": self._model.parameters,
            "engine_version": self._model.library.version,
            "device": f"cpu, {spec['threads']} threads",
            **gguf_facts(path),
        }

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text."""
        return self._model.tokenize(text)

    def piece(self, token: int) -> bytes:
        """Return the bytes of a token."""
        return self._model.piece(token)

    def reset(self) -> None:
        """Start a new sequence."""
        self._model.reset()

    def feed(self, tokens: list[int]) -> int:
        """Continue the sequence, and return the most likely next token."""
        return int(self._model.feed(tokens).argmax())


class TorchEngine:
    """A run or a quantized folder in PyTorch. The weights that are not quantized are fp32 or bf16.

    Args:
        path: Run directory or quantized folder.
        spec: The specification of the worker: context, threads, device and variant.
    """

    def __init__(self, path: Path, spec: dict[str, Any]) -> None:
        import torch

        from rotrain.models.quantized import quantized_matrices
        from rotrain.run.load import load_run

        torch.set_num_threads(spec["threads"])
        if spec["device"] == "cuda" and not torch.cuda.is_available():
            raise RotrainError("there is no CUDA device here", hint="give --device cpu")
        trained = load_run(path)
        if spec["context"] > trained.model.config.context:
            raise RotrainError(
                f"the depths and new tokens take {spec['context']} positions, and the model has "
                f"{trained.model.config.context}",
                place=path,
                hint="give smaller --depths or --new-tokens",
            )
        self._torch, self._tokenizer, model = torch, trained.tokenizer, trained.model
        self._device = torch.device(spec["device"])
        quantized = quantized_matrices(model)
        dtype = torch.bfloat16 if spec["variant"] == "bf16" else torch.float32
        self._model = model.to(self._device, dtype)
        self._context = spec["context"]
        self._cache = self._model.new_cache(context=self._context)
        # On a GPU a token is a recorded step, as `generate` makes it.
        self._step: DecodingStep | None = None
        if self._device.type == "cuda" and model.config.document_end is None:
            from rotrain.runtime.decoding import DecodingStep

            self._step = DecodingStep(
                self._model, self._cache, lambda logits: logits.argmax(-1, keepdim=True)
            )
        c = model.config
        float_parameters = sum(
            p.numel() for n, p in model.named_parameters() if not n.endswith((".scale", ".zero"))
        )
        matrices = sum(matrix.bytes for matrix in quantized.values())
        weight_bytes = matrices + float_parameters * dtype.itemsize
        half_context_bytes = self._model.new_cache(context=max(1, self._context // 2)).bytes()
        growth_bytes = self._cache.bytes() - half_context_bytes
        per_token = growth_bytes / (self._context - max(1, self._context // 2)) if self._context > 1 else 0.0
        parameters = sum(matrix.codes.numel() for matrix in quantized.values()) + float_parameters
        self.facts = {
            "arch": c.arch,
            "parameters": parameters,
            "engine_version": f"torch {torch.__version__}",
            "device": f"{self._device}, {spec['threads']} threads",
            "matrices": trained.matrices,
            "weight_bytes": weight_bytes,
            "bits_per_weight": 8 * weight_bytes / parameters,
            "file_bytes": weight_bytes_on_disk(path) or weight_bytes,
            "cache": {"bytes_per_token": per_token, "bytes": self._cache.bytes(), "context": self._context},
        }

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text."""
        return self._tokenizer.encode(text)

    def piece(self, token: int) -> bytes:
        """Return the bytes of a token."""
        return self._tokenizer.token_bytes[token]

    def reset(self) -> None:
        """Start a new sequence."""
        self._cache.reset()

    def feed(self, tokens: list[int]) -> int:
        """Continue the sequence, and return the most likely next token."""
        torch, model = self._torch, self._model
        with torch.inference_mode():
            inputs = torch.tensor([tokens], device=self._device)
            if self._step is not None and len(tokens) == 1:
                return int(self._step(inputs))
            # int() copies the value from the device, so it waits until the device has computed it.
            with self._precision():
                return int(model.logits(model(inputs, self._cache)[0, -1]).argmax())

    def _precision(self) -> contextlib.AbstractContextManager[None]:
        """Mamba-2 keeps its gate in fp32, so its bf16 matrices need autocast. Others need none, which costs time."""
        from rotrain.runtime.decoding import decoding_precision

        if self._model.config.ssm is None:
            return contextlib.nullcontext()
        return decoding_precision(self._model)


def weight_bytes_on_disk(path: Path) -> int:
    """Return the bytes of the weights file of a run's newest checkpoint or of a folder; 0 if there is none."""
    files = sorted(path.glob("checkpoints/step-*/model.safetensors")) or sorted(path.glob("*.safetensors"))
    return files[-1].stat().st_size if files else 0


def gguf_facts(path: Path) -> dict[str, Any]:
    """Read the sizes of the weights and of the cache of a sequence from the header of a GGUF file.

    Raises:
        RotrainError: The file is cut off, or it is not a GGUF file.
    """
    from rotrain.exporters.gguf.write import read_gguf

    reader = read_gguf(path)

    def value(key: str, default: Any = 0) -> Any:
        field = reader.fields.get(key)
        return default if field is None else field.contents()

    kind = value("general.architecture", "")
    layers, heads = value(f"{kind}.block_count"), value(f"{kind}.attention.head_count")
    kv_heads = value(f"{kind}.attention.head_count_kv", heads)
    per_layer = kv_heads if isinstance(kv_heads, list) else [kv_heads] * layers
    key_length = value(f"{kind}.attention.key_length", value(f"{kind}.embedding_length") // max(1, heads))
    inner_size, state_size = value(f"{kind}.ssm.inner_size"), value(f"{kind}.ssm.state_size")
    conv_values = (value(f"{kind}.ssm.conv_kernel") - 1) * (
        inner_size + 2 * value(f"{kind}.ssm.group_count") * state_size
    )
    ssm_layers = sum(1 for count in per_layer if not count) if inner_size else 0
    weights = sum(int(tensor.n_bytes) for tensor in reader.tensors)
    parameters = sum(int(tensor.n_elements) for tensor in reader.tensors)
    return {
        "arch": kind,
        "weight_bytes": weights,
        "bits_per_weight": 8 * weights / parameters,
        "file_bytes": path.stat().st_size,
        "cache": {
            "bytes_per_token": 4.0 * sum(per_layer) * key_length,
            "window": value(f"{kind}.attention.sliding_window", None),
            "fixed_bytes": ssm_layers * 4 * (inner_size * state_size + conv_values),
        },
    }


def process_memory() -> dict[str, int | None]:
    """Return the memory of this process in bytes.

    `peak` is its largest resident memory so far. On Linux there are also the current `anonymous` memory, the `file_backed`
    memory of mapped files, and the `proportional` set size, which divides shared pages among the processes that share them.
    """
    found: dict[str, int | None] = {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    names = {"RssAnon": "anonymous", "RssFile": "file_backed", "VmHWM": "peak"}
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            key, _, rest = line.partition(":")
            if key in names:
                found[names[key]] = int(rest.split()[0]) * 1024
        for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                found["proportional"] = int(line.split()[1]) * 1024
    except OSError:
        pass
    return found
