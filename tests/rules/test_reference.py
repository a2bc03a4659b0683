"""The reference pages of the rules say what the code says."""

from scalewarden.rules.catalogue import RULES
from tools.docs import rules
from tools.docs.files import ROOT


def test_pages_are_up_to_date() -> None:
    assert {path: (ROOT / path).read_text(encoding="utf-8") for path in rules.render()} == rules.render()


def test_every_page_carries_its_rule() -> None:
    pages = rules.render()
    for rule, _ in RULES:
        text = pages[rules.FOLDER / f"{rule.code}.md"]
        assert rule.remedy in text
        assert all(f"| `{name}` |" in text for name in rule.thresholds)
