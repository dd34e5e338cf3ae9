"""Call stock llama.cpp in this process through its C interface: token ids in, logits out.

The library is the file that `ROTRAIN_LLAMA_CPP` names, else a native build of `llama-cpp-python` if it is installed, else the
library in the wheel `xllamacpp`. The Python interfaces of both packages hide the logits, so ctypes calls the few C functions
that are needed.

The parameters of llama.cpp are structures whose fields move between versions. So the structures come from the library, with
its defaults. Before fields are set, their defaults are read at the expected offsets. A library with other values there is
rejected.

This module does not import PyTorch: the memory of a process that measures llama.cpp must not include PyTorch.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rotrain.errors import RotrainError, install
from rotrain.gguf_header import check_header

ENVIRONMENT = "ROTRAIN_LLAMA_CPP"
# Bytes for a parameter structure. It is larger than in any version: a C function uses only its own part.
_STRUCT_BYTES = 1024
# Offsets of the fields of llama_context_params, and their default values.
_N_CTX, _N_BATCH, _N_UBATCH, _N_SEQ, _FLASH, _KEYS, _VALUES = 0, 4, 8, 12, 52, 104, 108
_DEFAULTS = {_N_CTX: 512, _N_BATCH: 2048, _N_UBATCH: 512, _N_SEQ: 1, _FLASH: -1, _KEYS: 1, _VALUES: 1}
_GGML = {"f32": 0, "f16": 1, "q8_0": 8}
_LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_LOAD_LOCK = threading.Lock()


class _Params(ctypes.Structure):
    _fields_ = [("raw", ctypes.c_uint8 * _STRUCT_BYTES)]


class _Batch(ctypes.Structure):
    """`llama_batch`, unchanged since 2023."""

    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.POINTER(ctypes.c_float)),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


@dataclass(frozen=True)
class Library:
    """A loaded llama.cpp.

    Attributes:
        handle: The library in ctypes.
        file: File of the library.
        origin: Package and version, or environment variable, that the file comes from.
        errors: Errors that llama.cpp has logged.
    """

    handle: Any
    file: Path
    origin: str
    errors: list[str]

    @property
    def version(self) -> str:
        """The origin, and the version that the library reports, if it does."""
        function = getattr(self.handle, "llama_version", None)
        if function is None:
            return self.origin
        function.restype = ctypes.c_char_p
        return f"{self.origin}, {cast(bytes, function()).decode()}"


def find_library() -> tuple[Path, str] | None:
    """Return the file of the llama.cpp library and its origin, or None if there is none.

    It is searched in the environment variable, then in `llama-cpp-python`, then in `xllamacpp`.
    """
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named), ENVIRONMENT
    for package, pattern in (("llama_cpp", "lib/libllama.*"), ("xllamacpp", "xllamacpp.*.so")):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            for file in sorted(Path(spec.origin).parent.glob(pattern)):
                return file, _with_version(package)
    return None


def library() -> Library:
    """Load llama.cpp. All calls of a process, from any thread, return the same object.

    llama.cpp has one callback for its log. If two threads loaded it at the same time, it could keep the callback of a
    `Library` that Python has freed, and the next line of its log would crash the process.

    Raises:
        RotrainError: llama.cpp is not installed, or the layout of its parameters is unknown.
    """
    with _LOAD_LOCK:
        return _load()


@functools.cache
def _load() -> Library:
    found = find_library()
    if found is None:
        raise RotrainError("llama.cpp is not installed", hint=install("gguf"))
    file, origin = found
    try:
        handle = ctypes.CDLL(str(file))
        _declare(handle)
    except (OSError, AttributeError) as error:
        raise RotrainError(f"this is not llama.cpp: {error}", place=file, hint=install("gguf")) from None
    defaults = bytes(handle.llama_context_default_params().raw)
    if any(struct.unpack_from("<i", defaults, at)[0] != value for at, value in _DEFAULTS.items()):
        raise RotrainError(
            f"the layout of the parameters of this llama.cpp ({origin}) is unknown",
            place=file,
            hint="install xllamacpp 2026.10",
        )
    # A failed assertion of llama.cpp ends the process. Without this variable it first starts a debugger, which is slow.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    errors: list[str] = []
    _capture_errors(handle, errors)
    handle.llama_backend_init()
    return Library(handle, file, origin, errors)


class LlamaCpp:
    """A GGUF file that is loaded in llama.cpp, with one sequence. Use it as a context manager, or call `close`.

    Args:
        path: The file.
        context: Maximum tokens of the sequence.
        threads: CPU threads.
        cache: Type of keys and values: f16, the default of llama.cpp, or f32, which a comparison of logits needs. With f32,
            flash attention is off, because it rounds keys and values to f16 for every type of cache.

    Attributes:
        library: The loaded llama.cpp.
        vocab_size: Entries of the vocabulary.
        parameters: Parameters of the model.
        length: Tokens of the sequence so far.

    Raises:
        RotrainError: The file cannot be loaded.
    """

    def __init__(self, path: Path, *, context: int, threads: int = 2, cache: str = "f16") -> None:
        if not path.is_file():
            raise RotrainError("there is no GGUF file here", place=path)
        check_header(path)
        self.library = library()
        self.context, self.batch = context, min(context, 512)
        self._model = self._state = self._tokens = None
        c = self.library.handle
        del self.library.errors[:]
        self._model = c.llama_model_load_from_file(os.fsencode(path), c.llama_model_default_params())
        if not self._model:
            raise RotrainError(
                f"llama.cpp cannot load this: {self._reason()}",
                place=path,
                hint="the file is cut off, or it is not for llama.cpp: export it again",
            )
        params = c.llama_context_default_params()
        for at, value in (
            (_N_CTX, context),
            (_N_BATCH, self.batch),
            (_N_UBATCH, self.batch),
            (_KEYS, _GGML[cache]),
            (_VALUES, _GGML[cache]),
            (_FLASH, 0 if cache == "f32" else -1),
        ):
            struct.pack_into("<i", params.raw, at, value)
        self._state = c.llama_init_from_model(self._model, params)
        if not self._state:
            reason = self._reason()
            self.close()
            raise RotrainError(
                f"llama.cpp cannot make a context of {context:,} tokens: {reason}",
                place=path,
                hint="use a shorter context, or a machine with more memory",
            )
        c.llama_set_n_threads(self._state, threads, threads)
        self._vocab = c.llama_model_get_vocab(self._model)
        self.vocab_size = int(c.llama_vocab_n_tokens(self._vocab))
        self.parameters = int(c.llama_model_n_params(self._model))
        self._tokens = c.llama_batch_init(self.batch, 0, 1)
        self.length = 0

    def tokenize(self, text: str) -> list[int]:
        """Return the token ids of a text, with no tokens added. The text of a special token is encoded as text.

        Raises:
            RotrainError: llama.cpp fails.
        """
        data = text.encode()
        room = len(data) + 16
        ids = (ctypes.c_int32 * room)()
        count = self.library.handle.llama_tokenize(
            self._vocab, data, len(data), ids, room, ctypes.c_bool(False), ctypes.c_bool(False)
        )
        if count < 0:
            raise RotrainError(f"llama.cpp could not tokenize a text of {len(data):,} bytes")
        return list(ids[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes of a token; empty for a special token."""
        size = 64
        while True:
            room = ctypes.create_string_buffer(size)
            count = self.library.handle.llama_token_to_piece(
                self._vocab, token, room, size, 0, ctypes.c_bool(False)
            )
            if count >= 0:
                return room.raw[:count]
            size = -count  # a ruling line may be a token of thousands of bytes

    def reset(self) -> None:
        """Start a new sequence."""
        c = self.library.handle
        c.llama_memory_clear(c.llama_get_memory(self._state), ctypes.c_bool(True))
        self.length = 0

    def feed(self, tokens: list[int]) -> NDArray[np.float32]:
        """Append tokens to the sequence, and return the logits (V,) fp32 after the last one. The next call overwrites them.

        Raises:
            RotrainError: The sequence is longer than the context, or a token is not in the vocabulary.
        """
        for start in range(0, len(tokens), self.batch):
            part = tokens[start : start + self.batch]
            self._decode(part, all_rows=False, last=start + len(part) == len(tokens))
        last: NDArray[np.float32] = self._logits(1)[0]
        return last

    def logits(self, tokens: list[int]) -> NDArray[np.float32]:
        """Start a new sequence, and return the logits (T, V) fp32 after each of its tokens.

        Raises:
            RotrainError: The sequence is longer than the context, or a token is not in the vocabulary.
        """
        self.reset()
        rows = []
        for start in range(0, len(tokens), self.batch):
            part = tokens[start : start + self.batch]
            self._decode(part, all_rows=True, last=True)
            rows.append(self._logits(len(part)).copy())
        return np.concatenate(rows)

    def close(self) -> None:
        """Free the memory of the model and of the sequence."""
        c = self.library.handle
        if self._tokens is not None:
            c.llama_batch_free(self._tokens)
        if self._state:
            c.llama_free(self._state)
        if self._model:
            c.llama_model_free(self._model)
        self._tokens = self._state = self._model = None

    def __enter__(self) -> LlamaCpp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _decode(self, part: list[int], *, all_rows: bool, last: bool) -> None:
        if self.length + len(part) > self.context:
            raise RotrainError(f"{self.length + len(part):,} tokens, but the context is {self.context:,}")
        if not 0 <= min(part) <= max(part) < self.vocab_size:
            raise RotrainError(f"a token is outside the vocabulary of {self.vocab_size:,}")
        batch: Any = self._tokens
        batch.n_tokens = len(part)
        for index, token in enumerate(part):
            batch.token[index] = token
            batch.pos[index] = self.length + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = all_rows or (last and index == len(part) - 1)
        status = self.library.handle.llama_decode(self._state, batch)
        if status:
            raise RotrainError(f"llama.cpp failed to decode (status {status}): {self._reason()}")
        self.length += len(part)

    def _logits(self, rows: int) -> NDArray[np.float32]:
        pointer = self.library.handle.llama_get_logits(self._state)
        view: NDArray[np.float32] = np.ctypeslib.as_array(pointer, shape=(rows, self.vocab_size))
        return view

    def _reason(self) -> str:
        """Return the first error that llama.cpp logged since loading started."""
        lines = [line.strip() for line in self.library.errors if line.strip()]
        # The first line has the reason: "llama_model_load: error loading model: ...". Later lines only report the failure.
        return lines[0].split("error loading model: ", 1)[-1] if lines else "no reason given"


def _declare(c: Any) -> None:
    """Declare the argument and result types of the C functions. A missing function raises `AttributeError`."""
    pointer, integer, text = ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p
    flag = ctypes.c_bool
    ids = ctypes.POINTER(ctypes.c_int32)
    for name, result, arguments in (
        ("llama_backend_init", None, []),
        ("llama_log_set", None, [_LOG, pointer]),
        ("llama_model_default_params", _Params, []),
        ("llama_context_default_params", _Params, []),
        ("llama_model_load_from_file", pointer, [text, _Params]),
        ("llama_init_from_model", pointer, [pointer, _Params]),
        ("llama_model_free", None, [pointer]),
        ("llama_free", None, [pointer]),
        ("llama_set_n_threads", None, [pointer, integer, integer]),
        ("llama_model_get_vocab", pointer, [pointer]),
        ("llama_vocab_n_tokens", integer, [pointer]),
        ("llama_model_n_params", ctypes.c_uint64, [pointer]),
        ("llama_tokenize", integer, [pointer, text, integer, ids, integer, flag, flag]),
        ("llama_token_to_piece", integer, [pointer, integer, text, integer, integer, flag]),
        ("llama_get_memory", pointer, [pointer]),
        ("llama_memory_clear", None, [pointer, flag]),
        ("llama_batch_init", _Batch, [integer, integer, integer]),
        ("llama_batch_free", None, [_Batch]),
        ("llama_decode", integer, [pointer, _Batch]),
        ("llama_get_logits", ctypes.POINTER(ctypes.c_float), [pointer]),
    ):
        function = getattr(c, name)
        function.restype, function.argtypes = result, arguments


def _capture_errors(c: Any, errors: list[str]) -> None:
    """Make llama.cpp print nothing, and append the errors that it logs to a list."""

    def log(level: int, line: bytes | None, _: object) -> None:
        if level == 4 and line:  # GGML_LOG_LEVEL_ERROR
            errors.append(line.decode("utf-8", "replace"))

    callback = _LOG(log)
    c.llama_log_set(callback, None)
    c._rotrain_log = callback  # keeps the callback alive: llama.cpp may call it until the process ends


def _with_version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    name = {"llama_cpp": "llama-cpp-python"}.get(package, package)
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name
