"""Decide whether a book is kept, from the scores of its pages. Quantiles are used, so that a bad half is noticed."""

from typing import Any

from rotools.books.language import ROMANIAN

__all__ = ["judge"]

SCORE = 0.78
"""The lower quartile of the pages' scores must reach this. The pages of a quarter of the words may have less."""
USABLE_PAGES = 0.75
"""Share of the pages that are not blank that must have usable text."""
ASTRAY = 0.06
"""Share of the sentences that may continue in the wrong place. A larger share means that columns were read across. The
worst of 81 novels has 0.03."""
STOPS = 50
"""A book with fewer sentences is judged as if it had this many."""


def judge(result: dict[str, Any]) -> dict[str, Any]:
    """Judge one book.

    Args:
        result: `pages`, each with `action`, `score` and `measures`, and `wanting`, the number of pages that need OCR and
            got none; `foreign`, if the book is in another language.

    Returns:
        `action` (`keep` or `drop`), `rule`, `value`, `threshold` and `score`.
    """
    if other := result.get("foreign"):
        return {
            "action": "drop",
            "rule": "language",
            "value": other["romanian"],
            "threshold": ROMANIAN,
            "score": 0.0,
        }
    pages = [page for page in result["pages"] if page["action"] != "blank"]
    kept = [page for page in pages if page["action"] != "drop"]
    scores = [
        (page["score"], page["measures"]["tokens"]) for page in kept if page["measures"]["tokens"] >= 12
    ]
    # A leaflet has no page that is long enough to judge. Its text is kept.
    quartile = _quartile(scores) if scores else (1.0 if kept else 0.0)
    if not pages or not kept:
        rule = "needs-ocr" if result["wanting"] else "no-text"
        return {"action": "drop", "rule": rule, "value": 0.0, "threshold": None, "score": 0.0}
    share = len(kept) / len(pages)
    stops = sum(page["measures"]["stops"] for page in kept)
    astray = sum(page["measures"]["astray"] for page in kept) / max(stops, STOPS)
    # Missing pages lower the rank of a book, but they do not remove its good pages.
    score = max(quartile - 5 * max(astray - ASTRAY / 2, 0.0), 0.0) * share
    if share < USABLE_PAGES:
        return {
            "action": "drop",
            "rule": "usable-pages",
            "value": share,
            "threshold": USABLE_PAGES,
            "score": score,
        }
    if quartile < SCORE:
        return {"action": "drop", "rule": "score", "value": quartile, "threshold": SCORE, "score": score}
    if astray > ASTRAY:
        return {
            "action": "drop",
            "rule": "reading-order",
            "value": astray,
            "threshold": ASTRAY,
            "score": score,
        }
    return {"action": "keep", "rule": "", "value": share, "threshold": USABLE_PAGES, "score": score}


def _quartile(scores: list[tuple[float, int]]) -> float:
    """Return the lower quartile of scores with weights. A short page of a table must not decide about a leaflet."""
    whole, below = sum(weight for _, weight in scores), 0
    for score, weight in sorted(scores):
        below += weight
        if 4 * below > whole:
            return score
    return 0.0
