"""Choose the ggml type of each matrix for a quantization method such as q4_k_m.

A method gives the same tensors the same types as in llama.cpp. Its rules give some tensors more bits, by their part and
layer. A tied embedding follows the rule of the output matrix, which is Q8_0 for Falcon.

Source: llama.cpp, src/llama-quant.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rotrain.errors import UsageError

# Values in a block, and bytes of a block, of each ggml type (ggml-common.h).
BLOCKS = {
    "F32": (1, 4),
    "F16": (1, 2),
    "BF16": (1, 2),
    "Q8_0": (32, 34),
    "Q6_K": (256, 210),
    "Q5_K": (256, 176),
    "Q5_1": (32, 24),
    "Q5_0": (32, 22),
    "Q4_K": (256, 144),
    "Q4_1": (32, 20),
    "Q4_0": (32, 18),
    "IQ4_NL": (32, 18),
    "IQ4_XS": (256, 136),
    "Q3_K": (256, 110),
    "Q2_K": (256, 84),
}
# Substitutes for rows whose inputs are not a multiple of 256.
FALLBACK = {
    "Q6_K": "Q8_0",
    "Q5_K": "Q5_1",
    "Q4_K": "Q5_0",
    "IQ4_XS": "IQ4_NL",
    "Q3_K": "Q4_0",
    "Q2_K": "Q4_0",
}


@dataclass(frozen=True)
class MatrixPosition:
    """A matrix and its position in the model. The rules depend on nothing else.

    Attributes:
        part: Part of the model, such as `attn_v`.
        index: Number of the layer, from 0, among the layers that have this part.
        count: Number of layers that have this part.
        architecture: llama.cpp's name of the architecture.
        queries_per_kv: Query heads that share a key/value head.
        importance: Whether there is an importance matrix.
    """

    part: str
    index: int
    count: int
    architecture: str
    queries_per_kv: int
    importance: bool

    @property
    def more_bits(self) -> bool:
        """Whether the layer gets more bits: the first and the last eighth, and every third layer between them.

        Example:
            >>> [MatrixPosition("ffn_down", i, 16, "llama", 1, False).more_bits for i in (0, 2, 4, 14)]
            [True, False, True, True]
        """
        eighth = self.count // 8
        return self.index < eighth or self.index >= 7 * self.count // 8 or (self.index - eighth) % 3 == 2


@dataclass(frozen=True)
class Method:
    """A quantization method of llama.cpp.

    Attributes:
        file_type: Value of `general.file_type` in the file (llama.h).
        base: ggml type of most matrices.
        exceptions: Returns the type of a matrix that gets another type than `base`, else None.
    """

    file_type: int
    base: str
    exceptions: Callable[[MatrixPosition], str | None] = lambda position: None


def _is_value_matrix(position: MatrixPosition) -> bool:
    return position.part in ("attn_v", "attn_qkv")


def _q4_k_m(position: MatrixPosition) -> str | None:
    if _is_value_matrix(position):
        return "Q6_K" if position.more_bits else None
    if position.part == "ffn_down":
        if position.architecture == "falcon":
            return "Q6_K" if position.index < position.count // 16 else "Q5_K" if position.more_bits else None
        return "Q6_K" if position.more_bits else None
    return None


def _q5_k_m(position: MatrixPosition) -> str | None:
    return (
        "Q6_K" if (_is_value_matrix(position) or position.part == "ffn_down") and position.more_bits else None
    )


def _q4_k_s(position: MatrixPosition) -> str | None:
    if _is_value_matrix(position):
        return "Q5_K" if position.index < 4 else None
    falcon = position.architecture == "falcon"
    return (
        "Q5_K"
        if position.part == "ffn_down" and not falcon and position.index < position.count // 8
        else None
    )


def _q3_k_m(position: MatrixPosition) -> str | None:
    falcon = position.architecture == "falcon"
    if _is_value_matrix(position):
        return "Q5_K" if position.index < 2 else "Q4_K"
    if position.part == "ffn_down":
        if position.index < position.count // 16:
            return "Q5_K"
        return "Q4_K" if not falcon or position.more_bits else None
    return "Q4_K" if position.part == "attn_output" and not falcon else None


def _q3_k_l(position: MatrixPosition) -> str | None:
    falcon = position.architecture == "falcon"
    if _is_value_matrix(position):
        return "Q5_K"
    if position.part in ("ffn_down", "attn_output"):
        return "Q4_K" if falcon else "Q5_K"
    return None


def _q2_k(position: MatrixPosition) -> str | None:
    if _is_value_matrix(position):
        return "Q4_K" if position.queries_per_kv >= 4 else "Q3_K"
    if position.part == "ffn_down" or (position.part == "attn_output" and position.architecture != "falcon"):
        return "Q3_K"
    return None


def _iq4(position: MatrixPosition) -> str | None:
    if _is_value_matrix(position):
        return "Q5_K" if position.queries_per_kv >= 4 else None
    first = position.part == "ffn_down" and position.index < position.count // 8
    return "Q5_K" if first and not position.importance else None


def _legacy(higher_type: str) -> Callable[[MatrixPosition], str | None]:
    def rule(position: MatrixPosition) -> str | None:
        first = position.part == "ffn_down" and position.index < position.count // 8
        return higher_type if first and position.importance else None

    return rule


METHODS = {
    "q8_0": Method(7, "Q8_0"),
    "q6_k": Method(18, "Q6_K"),
    "q5_k_m": Method(17, "Q5_K", _q5_k_m),
    "q5_k_s": Method(16, "Q5_K"),
    "q5_0": Method(8, "Q5_0", _legacy("Q5_1")),
    "q4_k_m": Method(15, "Q4_K", _q4_k_m),
    "q4_k_s": Method(14, "Q4_K", _q4_k_s),
    "iq4_nl": Method(25, "IQ4_NL", _iq4),
    "iq4_xs": Method(30, "IQ4_XS", _iq4),
    "q4_0": Method(2, "Q4_0", _legacy("Q4_1")),
    "q3_k_l": Method(13, "Q3_K", _q3_k_l),
    "q3_k_m": Method(12, "Q3_K", _q3_k_m),
    "q3_k_s": Method(11, "Q3_K"),
    "q2_k": Method(10, "Q2_K", _q2_k),
}


def find_method(name: str) -> Method:
    """Return a method by its name.

    Raises:
        UsageError: There is no such method.

    Example:
        >>> find_method("q4_k_m").base
        'Q4_K'
    """
    if name not in METHODS:
        raise UsageError(
            f"there is no method {name!r}", hint=f"methods are: {', '.join(METHODS)}, rtn, hqq, gptq"
        )
    return METHODS[name]


def part_of(tensor: str) -> str:
    """Return the part of the model that a GGUF tensor belongs to.

    Example:
        >>> part_of("blk.3.attn_v.weight")
        'attn_v'
    """
    return tensor.split(".")[-2]


def choose_types(
    name: str, shapes: dict[str, tuple[int, ...]], architecture: str, queries_per_kv: int, importance: bool
) -> dict[str, str]:
    """Choose the ggml type of each matrix of a file.

    Args:
        name: Name of the method.
        shapes: Shapes (rows, inputs) of the matrices by name, in the order of the file.
        architecture: llama.cpp's name of the architecture.
        queries_per_kv: Query heads that share a key/value head.
        importance: Whether there is an importance matrix.

    Returns:
        The ggml type of each matrix, by its name.

    Example:
        >>> choose_types("q4_k_m", {"blk.0.attn_v.weight": (64, 256)}, "llama", 1, False)
        {'blk.0.attn_v.weight': 'Q6_K'}
    """
    method = find_method(name)
    layers: dict[str, list[int]] = {}
    for tensor in shapes:
        match = re.match(r"blk\.(\d+)\.", tensor)
        if match:
            layers.setdefault(_family(part_of(tensor)), []).append(int(match[1]))
    types = {}
    for tensor, shape in shapes.items():
        part = part_of(tensor)
        if part in ("token_embd", "output"):
            high = "Q8_0" if architecture == "falcon" or method.base == "Q8_0" else "Q6_K"
            width = BLOCKS[method.base][0]
            types[tensor] = fitting_type("Q8_0" if shape[-1] % width else high, shape[-1])
            continue
        layers_with_part = layers[_family(part)]
        layer = int(tensor.split(".")[1])
        position = MatrixPosition(
            part,
            layers_with_part.index(layer),
            len(layers_with_part),
            architecture,
            queries_per_kv,
            importance,
        )
        types[tensor] = fitting_type(method.exceptions(position) or method.base, shape[-1])
    return types


def _family(part: str) -> str:
    return "attn_v" if part == "attn_qkv" else part


def fitting_type(kind: str, inputs: int) -> str:
    """Return `kind` if rows of `inputs` values fill whole blocks, else the substitute that llama.cpp takes.

    Example:
        >>> fitting_type("Q4_K", 512), fitting_type("Q4_K", 96)
        ('Q4_K', 'Q5_0')
    """
    if inputs % BLOCKS[kind][0] == 0:
        return kind
    substitute = FALLBACK.get(kind, "F16")
    return substitute if inputs % BLOCKS[substitute][0] == 0 else "F16"


def row_bytes(kind: str, inputs: int) -> int:
    """Return the bytes of a row of `inputs` values in the ggml type `kind`.

    Example:
        >>> row_bytes("Q4_K", 512)
        288
    """
    values, size = BLOCKS[kind]
    return inputs // values * size
