"""What is kept of a service from one run of the operator to the next: its baseline as JSON, its names made short."""

import pytest
from pydantic import ValidationError

from scalewarden.model.baseline import from_json, to_json
from scalewarden.model.fingerprint import LONGEST, short
from tests.unit.judgement.learning import taught


def test_what_was_learned_is_the_same_after_it_was_written() -> None:
    learned = taught(900.0, 1000.0, 1100.0)
    assert learned.saturated
    assert from_json(to_json(learned)) == learned
    assert from_json(to_json(learned).decode()) == learned


def test_what_is_no_baseline_is_refused() -> None:
    for text in ("{}x", '{"buckets": 3}', "[]"):
        with pytest.raises(ValidationError):
            from_json(text)


@pytest.mark.parametrize("text", ["x" * (LONGEST + 1), "é" * LONGEST, "a b\n" * LONGEST])
def test_a_long_text_keeps_its_beginning_and_its_digest(text: str) -> None:
    found = short(text)
    assert len(found.encode()) <= LONGEST and "\n" not in found
    head, _, digest = found.partition("~")
    assert " ".join(text.split()).startswith(head) and len(digest) == 12
    assert short(text + "!") != found


def test_a_short_text_stays_on_one_line() -> None:
    assert short("vllm/vllm-openai:v0.21.0") == "vllm/vllm-openai:v0.21.0"
    assert short(" two\nlines ") == "two lines"
