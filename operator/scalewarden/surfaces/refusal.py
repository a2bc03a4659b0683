"""The one line that a refused or warned request gets: reason, safe count, and the command that shows the evidence.

It carries no live number but the safe count: the HPA controller writes it into its status at every sync, and events
are aggregated by their text.
"""

from scalewarden.judgement.frontier import EXPLANATION
from scalewarden.model.verdict import Reason

MOST_BYTES = 1024
UNEXPLAINED = "this many replicas are not known to be enough"


def refusal_text(reason: str, safe_replicas: int, owner: str, explanation: str | None = None) -> str:
    """`Scalewarden: <reason>: <explanation>; the safe count is N. Evidence: kubectl describe infd …`.

    reason is a `Reason`, or a word from a newer operator's status; owner is `<namespace>/<name>` of the
    InferenceDeployment; explanation defaults to the reason's own sentence.
    """
    why = explanation or _explanation(reason)
    return one_line(f"Scalewarden: {reason}: {why}; the safe count is {safe_replicas}. {evidence(owner)}")


def evidence(owner: str) -> str:
    """The command that shows the evidence."""
    namespace, _, name = owner.partition("/")
    return f"Evidence: kubectl describe infd {name} -n {namespace}"


def one_line(text: str) -> str:
    """Without line breaks and whatever else moves a terminal, and at most 1,024 bytes of UTF-8."""
    flat = " ".join(text.split())
    if not flat.isprintable():  # names of users and objects are other people's
        flat = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in flat)
    encoded = flat.encode()
    return flat if len(encoded) <= MOST_BYTES else encoded[: MOST_BYTES - 3].decode(errors="ignore") + "…"


def _explanation(reason: str) -> str:
    known = {str(one): said for one, said in EXPLANATION.items()}
    return known.get(reason, UNEXPLAINED)


def is_declared(reason: str) -> bool:
    """True where the owner's declared minimum refuses, which needs no fresh evidence."""
    return reason == Reason.BELOW_MINIMUM
