"""Give an exported model a pad token of its own.

Stock software pads the shorter texts of a batch. Without a pad token it takes the end of a document, and then a collator masks
every end out of the labels (transformers#22312): a model that is trained further forgets how to stop.

A new token needs a new row of the embedding, which is also the head: its logit takes a part of the probability, and the export
is no longer the same model. But a byte-level vocabulary has tokens that no text can have: the 13 bytes that never occur in UTF-8
(RFC 3629). The token of the byte 0xFF gets the name `<|pad|>`. All ids, all weights and all probabilities stay.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rotrain.data.tokenizer import NEVER_IN_TEXT
from rotrain.files import read_file
from rotrain.run.load import TrainedModel

PAD = "<|pad|>"


@dataclass(frozen=True)
class Padding:
    """The pad token of an export.

    Attributes:
        token: Its text; None if the tokenizer has no token for it.
        id: Its id, or None.
        tokenizer: Content of tokenizer.json with the token.
    """

    token: str | None
    id: int | None
    tokenizer: bytes


def padding_of(trained: TrainedModel) -> Padding:
    """Return the pad token that the export of a model has. A pad token that the model has already is kept.

    Args:
        trained: The model.
    """
    content = read_file(trained.run.tokenizer)
    if trained.pad_id is not None and trained.pad_id < trained.tokenizer.vocab_size:
        return Padding(trained.tokenizer.token(trained.pad_id), trained.pad_id, content)
    tokenizer: dict[str, Any] = json.loads(content)
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    used = {part for merge in tokenizer["model"]["merges"] for part in _pair(merge)}
    free = [byte for byte in reversed(NEVER_IN_TEXT) if byte in vocabulary and byte not in used]
    if not free or PAD in vocabulary:
        return Padding(None, None, content)
    index = vocabulary[free[0]]
    tokenizer["model"]["vocab"] = {
        PAD if token == free[0] else token: number for token, number in vocabulary.items()
    }
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    added = [*(tokenizer.get("added_tokens") or []), {"id": index, "content": PAD, **flags, "special": True}]
    tokenizer["added_tokens"] = sorted(added, key=lambda token: int(token["id"]))
    return Padding(PAD, index, json.dumps(tokenizer, ensure_ascii=False, indent=2).encode())


def _pair(merge: str | list[str]) -> list[str]:
    return merge.split(" ") if isinstance(merge, str) else merge
