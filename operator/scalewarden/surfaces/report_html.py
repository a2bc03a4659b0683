"""Pieces of HTML in which everything that comes from elsewhere is escaped."""

import unicodedata
from collections.abc import Sequence
from html import escape

LONGEST = 600
"""Characters of one text; names of objects are shorter, messages of rules too."""
_UNSEEN = ("Cc", "Cf", "Co", "Cs", "Cn")
"""Control, format (such as marks that turn the direction of writing), private and unassigned characters."""


def escaped(text: str) -> str:
    """As text or in an attribute; characters that are not seen become `�`, and what is too long is cut."""
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return escape("".join("�" if unicodedata.category(char) in _UNSEEN else char for char in short))


def element(name: str, text: str, kind: str = "", **attributes: str) -> str:
    """One element with text in it; kind is its class."""
    given = {"class": kind, **attributes}
    said = "".join(f' {key}="{escaped(value)}"' for key, value in given.items() if value)
    return f"<{name}{said}>{escaped(text)}</{name}>"


def share_style(left: float, width: float | None = None) -> str:
    """A place on the time axis, in hundredths of it; never outside."""
    start = min(1.0, max(0.0, left))
    place = f"left:{start * 100:.2f}%"
    return place if width is None else f"{place};width:{min(max(0.0015, width), 1.0 - start) * 100:.2f}%"


def table(headings: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]], kind: str = "cards") -> str:
    """Cells are (class, HTML). Of `cards` each row becomes a card on a narrow screen, whose cells name their heading,
    one below the other, or beside each other where it is `brief` too; a `small` table stays one."""
    kinds = [kind for kind, _ in rows[0]] if rows else [""] * len(headings)
    head = "".join(
        f'<th class="n">{escaped(one)}</th>' if kind == "n" else f"<th>{escaped(one)}</th>"
        for one, kind in zip(headings, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(_cell(heading, kind, html) for heading, (kind, html) in zip(headings, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f'<div class=scroll><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(heading: str, kind: str, html: str) -> str:
    label = f' data-h="{escaped(heading)}"' if heading else ""
    return f'<td class="{kind}"{label}>{html}</td>' if kind else f"<td{label}>{html}</td>"
