"""Convert a tokenizer.json to GGUF metadata: tokens, their types, merges, and the name of the pre-tokenizer.

llama.cpp implements each pre-tokenizer pattern in code, and the file names it (`tokenizer.ggml.pre`). llama.cpp does not load
a file with an unknown name, and uses a default pattern for a file without a name. So a pattern without a name is an error
here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rotrain.errors import RotrainError
from rotrain.files import read_file

# A word may include one sign before it. Digits are split into groups of three or one (`{digits}`).
_CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{digits}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# llama.cpp's name of each pattern, by the expression in tokenizer.json and by `ignore_merges`: whether a word that is a token is
# used without merges. The name decides both (llama-vocab.cpp).
PATTERNS = {
    (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", False): "gpt-2",
    (_CL100K.replace("{digits}", "{1,3}"), True): "llama-bpe",
    (_CL100K.replace("{digits}", "{1,3}"), False): "smaug-bpe",
    (_CL100K.replace("{digits}", ""), False): "qwen2",
}
_GPT2 = next(expression for (expression, _), name in PATTERNS.items() if name == "gpt-2")
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5


def pattern_name(tokenizer: dict[str, Any]) -> str:
    """Return llama.cpp's name of the pre-tokenizer pattern of a tokenizer.json.

    Args:
        tokenizer: The content of the file.

    Raises:
        RotrainError: llama.cpp has no name for the pattern, or the tokenizer has a normalizer.
    """
    if tokenizer.get("normalizer"):
        raise RotrainError(
            "the tokenizer has a normalizer, which llama.cpp does not support",
            hint="normalize the corpus (`rotools normalize`) and train a tokenizer without a normalizer",
        )
    outer = tokenizer.get("pre_tokenizer") or {}
    steps = outer.get("pretokenizers") or [outer]
    kinds = [step.get("type") for step in steps]
    expression = None
    if kinds == ["ByteLevel"] and steps[0].get("use_regex", True):
        expression = _GPT2
    elif kinds == ["Split", "ByteLevel"] and not steps[1].get("use_regex", True):
        split = steps[0]
        if split.get("behavior") == "Isolated" and not split.get("invert"):
            expression = (split.get("pattern") or {}).get("Regex")
    whole_words = bool(tokenizer["model"].get("ignore_merges"))
    name = PATTERNS.get((expression or "", whole_words))
    if name is None or steps[-1].get("add_prefix_space"):
        raise RotrainError(
            "llama.cpp has no name for the pattern with which this tokenizer splits words",
            hint=f"train one with `rotools tokenizer train`; names are: {', '.join(PATTERNS.values())}",
        )
    return name


def tokenizer_fields(
    file: Path,
    rows: int,
    eos_id: int,
    *,
    bos_id: int | None = None,
    add_bos: bool = False,
    pad_id: int | None = None,
) -> dict[str, Any]:
    """Return the metadata `tokenizer.ggml.*`, by the last part of the key.

    A row of the embedding without a token gets the name `[PADn]` and the type `UNUSED`.

    Args:
        file: A tokenizer.json.
        rows: Rows of the embedding.
        eos_id: Id of the token between documents.
        bos_id: Id of the token before a text. None: `eos_id`.
        add_bos: Whether the tokenizer puts it there itself.
        pad_id: Id of the token that fills a batch. None: the file names none.

    Raises:
        RotrainError: A token has no row, or llama.cpp has no name for the pattern.
    """
    tokenizer: dict[str, Any] = json.loads(read_file(file).decode())
    model = tokenizer["model"]
    try:
        name = pattern_name(tokenizer)
    except RotrainError as error:
        raise RotrainError(error.what, place=file, hint=error.hint) from None
    tokens: list[str] = [f"[PAD{index}]" for index in range(rows)]
    kinds = [UNUSED] * rows
    for token, index in model["vocab"].items():
        if index >= rows:
            raise RotrainError(f"token {index} has no row in an embedding of {rows:,}", place=file)
        tokens[index], kinds[index] = token, NORMAL
    for added in tokenizer.get("added_tokens") or []:
        if added["id"] >= rows:
            raise RotrainError(f"token {added['id']} has no row in an embedding of {rows:,}", place=file)
        tokens[added["id"]] = added["content"]
        kinds[added["id"]] = CONTROL if added.get("special") else USER_DEFINED
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return {
        "model": "gpt2",
        "pre": name,
        "tokens": tokens,
        "token_type": kinds,
        "merges": merges,
        "bos_token_id": eos_id if bos_id is None else bos_id,
        "eos_token_id": eos_id,
        "add_bos_token": add_bos,
        **({} if pad_id is None else {"padding_token_id": pad_id}),
    }
