"""The tag `{% generation %}` of chat templates."""

from __future__ import annotations

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser


class GenerationTag(Extension):
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
