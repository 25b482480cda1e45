"""A small table of results as a notebook output: HTML for pages, aligned columns for terminals."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from vlm_lib.figures import html


@dataclass(frozen=True)
class Table:
    """What `table` returns; the last expression of a cell shows it."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.head)
        body = "".join(
            f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(x)}</td>" for x in rest) + "</tr>"
            for first, *rest in self.rows
        )
        return (
            f'{html.style()}<div class="vlm-card"><div class="vlm-scroll" tabindex="0" role="region" '
            f'aria-label="Table: {escape(", ".join(self.head))}"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div></div>"
        )

    def __repr__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        lines = [self.head, *self.rows]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Rows under their heads; numbers are floats with two digits unless they come as text.

    Raises: ValueError for no rows, or a row with another number of cells than `head`.
    """
    if not rows or any(len(row) != len(head) for row in rows):
        lengths = sorted({len(row) for row in rows})
        raise ValueError(f"rows have {lengths} cells, expected at least one row and {len(head)} cells in each")
    shown = [tuple(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row) for row in rows]
    return Table(tuple(head), tuple(shown))
