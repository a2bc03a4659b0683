"""Generated files are as the code says, and `--check` names the first line that is not."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from scalewarden.model.finding import Misinterpretation
from scalewarden.model.signal import SignalName
from scalewarden.model.thresholds import CATALOGUE
from scalewarden.model.verdict import Reason, Test
from scalewarden.rules.catalogue import RULES
from scalewarden.surfaces.conditions import TYPES, Cause
from scalewarden.surfaces.events import EventReason
from scalewarden.surfaces.metrics import METRICS
from tools import generate
from tools.docs import conditions, events, reasons, signals

ROOT = Path(__file__).parents[2]
PAGE = Path("docs/reference/x.md")
FILES = {PAGE: f"{generate.MARK} `x`. -->\n# X\n\nline\n"}


@pytest.fixture(scope="module")
def rendered() -> Mapping[Path, str]:
    return generate.render_all()


def test_committed_files_are_as_generated(rendered: Mapping[Path, str]) -> None:
    assert list(generate.problems(rendered)) == []


def test_the_same_again(rendered: Mapping[Path, str]) -> None:
    assert generate.render_all() == rendered


def test_every_generated_page_says_so(rendered: Mapping[Path, str]) -> None:
    silent = [path for path, text in rendered.items() if path.suffix == ".md" and not text.startswith(generate.MARK)]
    assert silent == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, f"{PAGE}: missing"),
        (FILES[PAGE].replace("line", "other"), f"{PAGE}:4: has 'other', should be 'line'"),
        (FILES[PAGE] + "more\n", f"{PAGE}:5: has 'more', should be ''"),
        (FILES[PAGE].removesuffix("\n"), f"{PAGE}:5: has no such line, should be ''"),
    ],
)
def test_a_difference_is_named(tmp_path: Path, found: str | None, said: str) -> None:
    if found is not None:
        (tmp_path / PAGE).parent.mkdir(parents=True)
        (tmp_path / PAGE).write_text(found)
    assert list(generate.problems(FILES, tmp_path)) == [said]


def test_what_no_generator_writes_any_more_goes(tmp_path: Path) -> None:
    old, own = tmp_path / "docs/reference/old.md", tmp_path / "docs/guide.md"
    old.parent.mkdir(parents=True)
    old.write_text(f"{generate.MARK} `x`. -->\n")
    own.write_text("# Written by hand\n")
    said = [f"{PAGE}: missing", "docs/reference/old.md: left over, no generator writes it"]
    assert list(generate.problems(FILES, tmp_path)) == said
    assert generate.write(FILES, tmp_path) == [PAGE, Path("docs/reference/old.md")]
    assert own.exists() and not old.exists()
    assert list(generate.problems(FILES, tmp_path)) == []
    assert generate.write(FILES, tmp_path) == []


def test_two_generators_of_one_file_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "generators", lambda: {"a": lambda: FILES, "b": lambda: FILES})
    with pytest.raises(ValueError, match=r"tools/docs/b\.py writes docs/reference/x\.md"):
        generate.render_all()


def test_check_exits_with_one_and_keeps_stdout_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "generators", lambda: {"a": lambda: FILES})
    assert generate.main(["--check"], tmp_path) == 1
    assert not (tmp_path / PAGE).exists()
    assert generate.main([], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{PAGE}: missing" in err and f"wrote {PAGE}" in err


def test_it_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.generate", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, "--check" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("reasons", [*Reason, *Test]),
        ("thresholds", list(CATALOGUE)),
        ("signals", list(SignalName)),
        ("events", list(EventReason)),
        ("conditions", [*TYPES, *Cause]),
        ("metrics", [metric.name for metric in METRICS]),
    ],
)
def test_pages_are_complete(page: str, words: list[str], rendered: Mapping[Path, str]) -> None:
    text = rendered[Path(f"docs/reference/{page}.md")]
    assert [word for word in words if f"| `{word}` |" not in text] == []


def test_the_words_cover_their_enums() -> None:
    assert set(reasons.REASONS) == set(Reason)
    assert set(reasons.TESTS) == set(Test)
    assert set(signals.MEANING) == set(SignalName)
    assert set(events.TOLD) == set(EventReason)
    assert set(conditions.CAUSES) == set(Cause)


def test_every_misreading_has_its_rules_on_the_page() -> None:
    text = (ROOT / "docs/concepts/the-five-misreadings.md").read_text(encoding="utf-8")
    sections = {part[:2]: part for part in text.split("\n## ")[1:]}
    assert list(sections) == [str(one) for one in Misinterpretation]
    missing = [
        (rule.code, one) for rule, _ in RULES for one in rule.misinterpretations if rule.code not in sections[str(one)]
    ]
    assert missing == []
