"""Is a book worth keeping? From the scores of its pages, by quantiles: a bad half must show."""

from typing import Any

__all__ = ["judge"]

SCORE = 0.77
"""The lower quartile of the pages' scores must reach this."""
USABLE_PAGES = 0.75
"""Share of the pages with something on them that must have usable text."""
ASTRAY = 0.06
"""Share of the sentences that may go on elsewhere: more are columns that were read across. Of 81 novels the worst has 0.03."""
STOPS = 50
"""Sentences that must be there before those that go astray count."""


def judge(result: dict[str, Any]) -> dict[str, Any]:
    """`action` (`keep` or `drop`), `rule`, `value`, `threshold`, `score` of a book.

    `result` has `pages`, each with `action`, `score` and `measures`, and `wanting`: pages that need OCR and had none.
    """
    pages = [page for page in result["pages"] if page["action"] != "blank"]
    kept = [page for page in pages if page["action"] != "drop"]
    scores = sorted(page["score"] for page in kept if page["measures"]["tokens"] >= 12)
    # A leaflet has no page that can be judged; what it has is kept.
    quartile = scores[len(scores) // 4] if scores else (1.0 if kept else 0.0)
    if not pages or not kept:
        rule = "needs-ocr" if result["wanting"] else "no-text"
        return {"action": "drop", "rule": rule, "value": 0.0, "threshold": None, "score": 0.0}
    share = len(kept) / len(pages)
    stops = sum(page["measures"]["stops"] for page in kept)
    astray = sum(page["measures"]["astray"] for page in kept) / max(stops, STOPS)
    # What is missing counts for the rank, but good pages are not given up for bad ones.
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
