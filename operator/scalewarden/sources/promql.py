"""Whether a user's PromQL stays within the parentheses that we put around it. Pure, and no parser.

Brackets must close in order, strings must end, and comments are ended by a line break of ours: then no text can close
our parentheses and go on beside them. What servers are known to read differently (a carriage return after `#`, a
backslash between backticks) is refused. Whether it is PromQL at all is for the server to say.
"""

_CLOSES = {")": "(", "]": "[", "}": "{"}


def wrapped(promql: str) -> str:
    """In parentheses, with a comment at its end ended."""
    return f"({promql}\n)"


def fault(promql: str) -> str:
    """Why a text cannot stand in parentheses; empty where it can."""
    if any(not char.isprintable() and char not in "\n\t" for char in promql):
        return "it has a control character"
    opened: list[str] = []
    at, meaning = 0, False
    while at < len(promql):
        char = promql[at]
        if char in "\"'`":
            end = _end_of_string(promql, at)
            if end < 0:
                return "a string in it does not end"
            if char == "`" and "\\" in promql[at:end]:
                return "it has a backslash between backticks: use double quotes"
            at = end
        elif char == "#":
            at = (promql + "\n").index("\n", at)
        elif char in "([{":
            opened.append(char)
        elif char in _CLOSES and (not opened or opened.pop() != _CLOSES[char]):
            return f"it closes a {char} that it did not open"
        meaning |= not char.isspace() and char != "#"
        at += 1
    if opened:
        return f"it does not close its {opened[-1]}"
    return "" if meaning else "it is empty"


def _end_of_string(text: str, start: int) -> int:
    """Where the string that begins at `start` ends; below 0 where it does not. Backticks know no escapes."""
    quote, at = text[start], start + 1
    while at < len(text):
        if text[at] == quote:
            return at
        if text[at] == "\\" and quote != "`":
            at += 1
        elif text[at] == "\n" and quote != "`":
            return -1
        at += 1
    return -1
