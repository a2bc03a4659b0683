"""Reading of options that several commands have."""

from scalewarden.errors import BadInput
from scalewarden.model.duration import seconds


def positive(text: str, option: str) -> float:
    """A duration above zero, in seconds. Raises BadInput naming the option."""
    hint = "write a duration like 30s or 10m"
    try:
        found = seconds(text)
    except ValueError as error:
        raise BadInput(str(error), where=option, hint=hint) from None
    if found <= 0:
        raise BadInput(f"{text!r} is no time at all", where=option, hint=hint)
    return found
