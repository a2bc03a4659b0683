"""The fence's self-test: what admission answers to one replica fewer and one more, and what it should have answered."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from scalewarden.surfaces.refusal import one_line


class Answer(StrEnum):
    """What the API server answers to a dry run, and who refused."""

    ALLOWED = "allowed"
    BY_POLICY = "refused by a policy"
    BY_WEBHOOK = "refused by a webhook"
    FORBIDDEN = "not tried: you may not scale it"
    FAILED = "not answered"


REFUSED = (Answer.BY_POLICY, Answer.BY_WEBHOOK)


@dataclass(frozen=True, slots=True)
class Asked:
    """One dry run: replicas from and to, the answer, and its text."""

    from_: int
    to: int
    answer: Answer
    text: str = ""


class Installed(StrEnum):
    """Whether a part of admission is there."""

    YES = "installed"
    NO = "missing"
    UNSEEN = "you may not look"


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The dry runs and what they are held against.

    floor: replicas below which the fence lets nobody go, None without an entry. opted_in: whether the namespace is
    guarded, None where that could not be read. parts: admission's objects by name. gap: why admission, as it is
    installed, does not look at the target; empty where it does.
    """

    asked: tuple[Asked, ...]
    floor: int | None
    opted_in: bool | None
    parts: tuple[tuple[str, Installed], ...]
    fence_seen: bool = True
    gap: str = ""

    @property
    def as_expected(self) -> bool | None:
        """True where every answer is as the fence says; None where nothing was answered."""
        judged = [verdict for one in self.asked if (verdict := expected(one, self.floor)) is not None]
        return all(judged) if judged else None


def answer_of(status: int, message: str) -> Answer:
    """Who answered: the policies and webhooks name themselves in their refusals."""
    if status == 0 or status >= 500:
        return Answer.FAILED
    if "ValidatingAdmissionPolicy" in message or "denied request" in message:
        return Answer.BY_POLICY
    if "admission webhook" in message or message.startswith("Scalewarden: "):
        return Answer.BY_WEBHOOK
    return Answer.FORBIDDEN if status in (401, 403) else Answer.FAILED


def expected(asked: Asked, floor: int | None) -> bool | None:
    """Whether the answer is what the floor asks for; None where there was none."""
    if asked.answer in (Answer.FORBIDDEN, Answer.FAILED):
        return None
    refuses = floor is not None and asked.to < min(floor, asked.from_)
    return (asked.answer in REFUSED) is refuses


def lines(test: SelfTest) -> Iterator[tuple[str, str]]:
    """(what was asked, what came of it) of each dry run."""
    for asked in test.asked:
        verdict = expected(asked, test.floor)
        note = {True: "as it should be", False: f"but {_should(asked, test)}", None: ""}[verdict]
        text = f": {one_line(asked.text)}" if asked.text and asked.answer is not Answer.ALLOWED else ""
        yield f"{asked.from_} → {asked.to}", ", ".join(part for part in (asked.answer.value, note) if part) + text


def _should(asked: Asked, test: SelfTest) -> str:
    if asked.answer in REFUSED:
        return "no fence of Scalewarden asks for that" if asked.to < asked.from_ else "an increase is never refused"
    return f"the fence stands at {test.floor}: {_why_not(test)}"


def _why_not(test: SelfTest) -> str:
    """Why a fence that is there refuses nothing."""
    if test.opted_in is False:
        return "the namespace is not opted in, label it scalewarden.dev/guard=enabled"
    if test.gap:
        return test.gap
    absent = [name for name, there in test.parts if there is Installed.NO]
    return (
        f"missing: {', '.join(absent)}" if absent else "the policy may not be in force yet, or excludes the namespace"
    )
