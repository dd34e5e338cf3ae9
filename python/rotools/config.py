"""The corpus file: the phases of a pack, in TOML."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rotools.errors import Place, UsageError
from rotools.phases import Phase

__all__ = ["read_config"]

HINT = "see configs/corpus/example.toml"


class PhaseTable(BaseModel):
    """One `[[phase]]` of a corpus file."""

    model_config = ConfigDict(extra="forbid")

    name: str
    inputs: list[str] = Field(min_length=1)
    kind: Literal["web", "books"] | None = None
    """Kind of text in the inputs. By default the name of the phase says it; other names hold web text."""
    epochs: int = Field(default=1, ge=1)


class CorpusFile(BaseModel):
    """A corpus file."""

    model_config = ConfigDict(extra="forbid")

    phase: list[PhaseTable] = Field(min_length=1)


def read_config(path: Path) -> list[Phase]:
    """Read a corpus file. Relative paths in it are relative to the file.

    Raises:
        UsageError: The file cannot be read, is not TOML, or has a wrong key or value.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "corpus.toml"
        >>> _ = path.write_text('[[phase]]\\nname = "books"\\ninputs = ["/data/books.jsonl"]\\nepochs = 2\\n')
        >>> read_config(path)
        [Phase(name='books', inputs=['/data/books.jsonl'], epochs=2, profile=None)]
    """
    try:
        corpus = CorpusFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(str(error), Place(str(path)), HINT) from None
    except RecursionError:
        raise UsageError("the file is nested too deep", Place(str(path)), HINT) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UsageError(f"{key}: {first['msg']}", Place(str(path)), HINT) from None
    return [
        Phase(
            table.name,
            [name if name == "-" else str(path.parent / name) for name in table.inputs],
            table.epochs,
            table.kind,
        )
        for table in corpus.phase
    ]
