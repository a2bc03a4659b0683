"""docs/reference/README.md: what there is to look up."""

from pathlib import Path

from tools.docs.markdown import page, table

PAGES = (
    ("Rules", "rules.md", "what each one finds, reads and says"),
    ("Accuracy", "accuracy.md", "what was predicted, and what a real server then did"),
    ("Reasons", "reasons.md", "reasons and binding tests of a verdict, and what to do"),
    ("Conditions", "conditions.md", "the four conditions and their reasons"),
    ("Write paths", "write-paths.md", "who can lower a count by which request, and what happens with parts gone"),
    ("Thresholds", "thresholds.md", "every line with its default, unit and source"),
    ("Signals", "signals.md", "canonical signals, and the series of engines and exporters behind them"),
    ("Facts from the command line", "facts.md", "which flags and variables of an engine are read"),
    ("Events", "events.md", "when each is written, and on which object"),
    ("Custom resources", "crd.md", "every field"),
    ("Command line", "cli.md", "every command and option"),
    ("JSON of `evaluate`", "evaluate.schema.json", "schema of `scalewarden evaluate -o json`"),
    ("JSON of `what-if`", "what-if.schema.json", "schema of `scalewarden what-if -o json`"),
    ("JSON of `check`", "check.schema.json", "schema of `scalewarden check -o json`"),
    ("JSON of `replay`", "replay.schema.json", "schema of `scalewarden replay -o json`"),
    ("Metrics", "metrics.md", "what operator and guard export about themselves"),
    ("Permissions", "permissions.md", "what the chart's two accounts may do, as a real API server answers"),
    ("Helm chart", "../../charts/scalewarden/README.md", "what it installs, and its values"),
)
"""The pages in the order in which they are looked for."""

_INTRODUCTION = """\
Everything in this folder is generated from the code by `make generate`, and a test compares the two; permissions are
what a real API server answered. How it fits together is told in the [concepts](../README.md)."""


def render() -> dict[Path, str]:
    """The page by its path."""
    rows = [(f"[{title}]({path})", what) for title, path, what in PAGES]
    text = page("Reference", _INTRODUCTION, table(("page", "what"), rows))
    return {Path("docs/reference/README.md"): text}
