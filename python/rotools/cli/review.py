"""`rotools review`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.options import Json, Quiet


def review(
    books: Annotated[Path, typer.Argument(help="What `rotools books` wrote.")],
    static: Annotated[
        bool, typer.Option("--static", help="Write BOOKS.review.html, which needs no server, and end.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Look at books, the worst first: page image beside the text, doubtful words marked, verdicts by keyboard.

    The page is served to this machine only. Verdicts are saved at once in BOOKS.decisions.jsonl; `rotools books` and
    `rotools pack` replay them.

    \b
    Examples:
      rotools review books.jsonl.zst
      rotools review books.jsonl.zst --static
    """
    from rotools.books.review import Review, serve
    from rotools.books.review import static as write

    shelf = Review(books)
    if static:
        out = books.with_name(books.name + ".review.html")
        write(shelf, out)
        if as_json:
            console.print_json({"out": str(out), "books": len(shelf.books)})
        console.say(f"{out}: {len(shelf.books):,} books; open it in a browser", quiet=quiet or as_json)
        return
    server, address = serve(shelf, port)
    if as_json:
        console.print_json({"address": address, "books": len(shelf.books)})
    else:
        # Asked for: without the address there is nothing to look at, so --quiet does not hide it.
        console.say(f"{len(shelf.books):,} books: {address}  (Ctrl-C ends)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        console.say("stopped; decisions are saved", quiet=quiet)
    finally:
        server.server_close()
