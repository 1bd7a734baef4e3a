"""SECURITY.md's table of what each route answers to whoever names there what is another owner's."""

from __future__ import annotations

from docs import pages

PLACES = ("path", "query", "header", "body")  # the table's columns, behind the route
HEADING = "Another tenant's ids"


def foreign_answers() -> dict[str, dict[str, set[int]]]:
    """By method and path, the statuses by the kind of the place."""
    return {
        route.strip("`"): {
            place: {int(status) for status in cell.split(" or ")}
            for place, cell in zip(PLACES, cells, strict=True)
            if cell
        }
        for route, *cells in _table()
    }


def _table() -> list[list[str]]:
    return pages.rows(pages.section(pages.ROOT / "SECURITY.md", HEADING))
