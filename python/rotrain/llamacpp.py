"""Stock llama.cpp in this process, by its C interface: tokens in, logits out.

The library is the one inside the wheel `xllamacpp`, a native build of `llama-cpp-python` if that is installed, or the file
that `ROTRAIN_LLAMA_CPP` names. The Python interfaces of both hide the logits, so the few functions that are needed are called
through ctypes. Parameters are structures whose fields move between versions. They are taken from the library's own defaults,
and the fields that are set here are first looked for at their offsets, by the values that they must have there. A library
that answers differently is refused.

Nothing here imports PyTorch: a process that measures llama.cpp holds llama.cpp alone.
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

ENVIRONMENT = "ROTRAIN_LLAMA_CPP"
# More than the structure of any version: a C function reads and writes its own part of it.
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
        handle: The library.
        file: Its file.
        origin: The package or variable that it came from.
        said: Errors that it logged.
    """

    handle: Any
    file: Path
    origin: str
    errors: list[str]

    @property
    def version(self) -> str:
        """The version that the library reports, or the package that it came in."""
        function = getattr(self.handle, "llama_version", None)
        if function is None:
            return self.origin
        function.restype = ctypes.c_char_p
        return f"{self.origin}, {cast(bytes, function()).decode()}"


def find_library() -> tuple[Path, str] | None:
    """Return the file of a llama.cpp and its origin, or None: from the environment, a native build, or the wheel."""
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
    """Load llama.cpp once in a process, for any number of threads.

    llama.cpp keeps one function for what it logs, the last one that it was given. If it were loaded twice at once, it could
    keep the function of a `Library` that nobody holds, and its next line would end the process.

    Raises:
        RotrainError: There is no llama.cpp, or its parameters are unknown.
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
            f"the parameters of this llama.cpp ({origin}) have another layout than this program knows",
            place=file,
            hint="take xllamacpp 2026.10",
        )
    # A failed assertion of llama.cpp ends the process; the debugger that it would start only takes time.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    errors: list[str] = []
    _capture_errors(handle, errors)
    handle.llama_backend_init()
    return Library(handle, file, origin, errors)


class LlamaCpp:
    """A loaded GGUF file, and one sequence. Use it as a context manager, or call `close`.

    Args:
        path: The file.
        context: Most tokens of the sequence.
        threads: Threads.
        cache: Type of keys and values: f16, llama.cpp's default, or f32, which a comparison of logits needs. With f32 its
            flash attention is off, because that rounds them to f16 for any type of the cache.

    Attributes:
        vocab_size: Entries of the vocabulary.
        parameters: Parameters of the model.
        length: Tokens of the sequence so far.

    Raises:
        RotrainError: The file cannot be loaded.
    """

    def __init__(self, path: Path, *, context: int, threads: int = 2, cache: str = "f16") -> None:
        if not path.is_file():
            raise RotrainError("there is no GGUF file here", place=path)
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
                hint="the file is cut off or foreign: export it again",
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
                hint="take a shorter context, or a machine with more memory",
            )
        c.llama_set_n_threads(self._state, threads, threads)
        self._vocab = c.llama_model_get_vocab(self._model)
        self.vocab_size = int(c.llama_vocab_n_tokens(self._vocab))
        self.parameters = int(c.llama_model_n_params(self._model))
        self._tokens = c.llama_batch_init(self.batch, 0, 1)
        self.length = 0

    def tokenize(self, text: str) -> list[int]:
        """Return the token ids of a text, with nothing added. The text of a special token is text."""
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
        """Return the bytes of a token."""
        room = ctypes.create_string_buffer(512)
        count = self.library.handle.llama_token_to_piece(
            self._vocab, token, room, len(room), 0, ctypes.c_bool(False)
        )
        return room.raw[: max(0, count)]

    def reset(self) -> None:
        """Start a new sequence."""
        c = self.library.handle
        c.llama_memory_clear(c.llama_get_memory(self._state), ctypes.c_bool(True))
        self.length = 0

    def feed(self, tokens: list[int]) -> NDArray[np.float32]:
        """Continue the sequence, and return the logits (V,) after its last token. The next call overwrites the array."""
        for start in range(0, len(tokens), self.batch):
            part = tokens[start : start + self.batch]
            self._decode(part, all_rows=False, last=start + len(part) == len(tokens))
        last: NDArray[np.float32] = self._logits(1)[0]
        return last

    def logits(self, tokens: list[int]) -> NDArray[np.float32]:
        """Return the logits (T, V) after each token of a new sequence."""
        self.reset()
        rows = []
        for start in range(0, len(tokens), self.batch):
            part = tokens[start : start + self.batch]
            self._decode(part, all_rows=True, last=True)
            rows.append(self._logits(len(part)).copy())
        return np.concatenate(rows)

    def close(self) -> None:
        """Release everything."""
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
        # "llama_model_load: error loading model: ..." says why; the lines after it only say that it failed.
        return lines[0].split("error loading model: ", 1)[-1] if lines else "it does not say why"


def _declare(c: Any) -> None:
    """Declare the types of the functions. A missing function is an `AttributeError`."""
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
    """Keep what llama.cpp logs as an error, and print nothing."""

    def log(level: int, line: bytes | None, _: object) -> None:
        if level == 4 and line:  # GGML_LOG_LEVEL_ERROR
            errors.append(line.decode("utf-8", "replace"))

    callback = _LOG(log)
    c.llama_log_set(callback, None)
    c._rotrain_log = callback  # the library calls it as long as the process lives


def _with_version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    name = {"llama_cpp": "llama-cpp-python"}.get(package, package)
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name
