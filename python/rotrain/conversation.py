"""Talk with a model: turns of a chat, or lines of a text that the model goes on with.

A model with a chat template (one that somebody fine-tuned) gets the messages in its template. Only the template may name special
tokens: the words of a person are text, whatever they are. Our base models have no template: a person writes a line, and the model
writes the next one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rotrain.errors import RotrainError, reason
from rotrain.files import read_file
from rotrain.generation import Sampling, generate_tokens
from rotrain.run.load import TrainedModel

# A character of a private plane stands for the words of a message in the rendered template.
_FIRST_MARK = 0xF0000


class Conversation:
    """A conversation with a model.

    Args:
        trained: The model.
        sampling: How a token is drawn.
        max_tokens: Maximum tokens of an answer.

    Attributes:
        dropped: Whether the oldest turns no longer fit into the context at the last answer.

    Examples:
        >>> from rotrain.run.load import load_run
        >>> conversation = Conversation(load_run("runs/llama-mha-nano"), Sampling(), max_tokens=4)
        >>> isinstance("".join(conversation.answer("A fost odată")), str)
        True
    """

    def __init__(self, trained: TrainedModel, sampling: Sampling, *, max_tokens: int) -> None:
        self._trained, self._sampling = trained, sampling
        self._max_tokens = min(max_tokens, max(1, trained.model.config.context // 2))
        self._turns: list[dict[str, str]] = []
        self.dropped = False

    def answer(self, line: str) -> Iterator[str]:
        """Yield the pieces of the answer to a line as they come. Without a template it ends with the line."""
        self._turns.append({"role": "user", "content": line})
        room = self._trained.model.config.context - self._max_tokens
        kept = list(self._turns)
        self.dropped = False
        while len(ids := self._encode(kept)) > room and len(kept) > 1:
            # A question and its answer go together.
            kept, self.dropped = kept[2:], True
        if len(ids) > room:
            ids, self.dropped = ids[-room:], True
        found: list[str] = []
        for piece in self._trained.tokenizer.stream(self._tokens(ids)):
            piece, end, _ = piece.partition("\n") if self._trained.chat_template is None else (piece, "", "")
            found.append(piece)
            yield piece
            if end:
                break
        self._turns.append({"role": "assistant", "content": "".join(found)})

    def _tokens(self, ids: list[int]) -> Iterator[int]:
        return generate_tokens(
            self._trained.model,
            ids,
            max_tokens=self._max_tokens,
            eos_id=self._trained.eos_id,
            sampling=self._sampling,
            stop_ids=self._trained.stop_ids,
            tokens=self._trained.tokenizer.vocab_size,
        )

    def _encode(self, turns: list[dict[str, str]]) -> list[int]:
        trained = self._trained
        if trained.chat_template is None:
            text = "".join(f"{turn['content']}\n" for turn in turns)
            return [trained.begin_id, *trained.tokenizer.encode(text)]
        from tokenizers import Tokenizer

        encoder: Any = Tokenizer.from_str(read_file(trained.run.tokenizer).decode())
        encoder.no_truncation()
        encoder.no_padding()
        marked = [turn | {"content": chr(_FIRST_MARK + place)} for place, turn in enumerate(turns)]
        ids: list[int] = []
        frame = ""
        for character in self._render(trained.chat_template, marked):
            place = ord(character) - _FIRST_MARK
            if not 0 <= place < len(turns):
                frame += character
                continue
            ids += encoder.encode(frame, add_special_tokens=False).ids
            ids += trained.tokenizer.encode(turns[place]["content"])
            frame = ""
        return ids + list(encoder.encode(frame, add_special_tokens=False).ids)

    def _render(self, template: str, turns: list[dict[str, str]]) -> str:
        names = {
            "bos_token": self._trained.tokenizer.token(self._trained.begin_id),
            "eos_token": self._trained.tokenizer.token(self._trained.eos_id),
        }
        try:
            # The options, functions and filters are those of transformers.
            environment = ImmutableSandboxedEnvironment(
                trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _GenerationTag]
            )
            environment.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
            environment.filters["tojson"] = _to_json
            return environment.from_string(template).render(
                messages=turns, add_generation_prompt=True, **names
            )
        except Exception as error:  # a template is a program: besides its own errors it has those of Python
            raise RotrainError(
                f"the chat template cannot be used: {reason(error)}", place=self._trained.run.path
            ) from None


class _GenerationTag(Extension):
    """Read `{% generation %} ... {% endgeneration %}` as its content.

    The tag marks the words of the assistant, so that a trainer can leave all other tokens out of the loss. It changes no text, and
    rotrain trains on no chats, so a conversation reads what is inside.

    Source: `AssistantTracker` in `transformers/utils/chat_template_utils.py`.
    """

    tags = {"generation"}  # noqa: RUF012  (jinja2 declares it so)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return the nodes between the two tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _raise_exception(message: str) -> None:
    """Let a template refuse its messages."""
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    """Return the local time, for templates that tell a model the date."""
    return datetime.now().strftime(form)


def _to_json(value: object, indent: int | None = None) -> str:
    """Return JSON without the escapes of HTML, which jinja's own filter writes."""
    return json.dumps(value, ensure_ascii=False, indent=indent)
