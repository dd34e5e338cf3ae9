"""`rotools review`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.books import review as open_review
from rotools.cli import console
from rotools.cli.options import Json, Quiet


def review(
    books: Annotated[Path, typer.Argument(help="The file that `rotools books` wrote.")],
    static: Annotated[
        bool, typer.Option("--static", help="Write BOOKS.review.html, which needs no server, and exit.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the server. 0: a free one.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Review books, the worst first: page image beside the text, doubtful words marked, decisions by keyboard.

    The page is served to this machine only. Decisions are saved at once in BOOKS.decisions.jsonl. `rotools books` and
    `rotools pack` apply them.

    \b
    Examples:
      rotools review books.jsonl.zst
      rotools review books.jsonl.zst --static
    """
    opened = open_review(books)
    count = len(opened.books)
    if static:
        page = opened.write_page()
        if as_json:
            console.print_json({"out": str(page), "books": count})
        console.say(f"{page}: {count:,} books; open it in a browser", quiet=quiet or as_json)
        return
    server, address = opened.serve(port)
    if as_json:
        console.print_json({"address": address, "books": count})
    else:
        # Without the address there is nothing to look at, so --quiet does not hide it.
        console.say(f"{count:,} books: {address}  (Ctrl-C ends)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        console.say("stopped; decisions are saved", quiet=quiet)
    finally:
        server.server_close()
