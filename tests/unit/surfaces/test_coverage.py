"""What admission looks at, as the chart installs it, and what is said where it does not."""

from typing import Any

import pytest

from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.coverage import Why, installed, notices
from scalewarden.surfaces.events import Subjects

REFUSES = {"spec": {"validationActions": ["Deny"]}}
SERVICE = Ref("scalewarden.dev/v1alpha1", "InferenceDeployment", "serving", "llama", "1")
TARGET = Ref("argoproj.io/v1alpha1", "Rollout", "serving", "llama", "2")


def rule(group: str = "apps", *resources: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources or ("deployments", "deployments/scale"))}


def policy(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"matchConstraints": {"resourceRules": list(rules)}}}


def webhook(*rules: dict[str, Any], name: str = "guard.scalewarden.dev") -> dict[str, Any]:
    return {"webhooks": [{"name": name, "rules": list(rules)}]}


def why(found: Any, group: str = "apps", plural: str = "deployments") -> Why | None:
    gap = found.gap(group, plural)
    return gap.why if gap else None


@pytest.mark.parametrize(
    ("one", "covered"),
    [
        (rule(), True),
        (rule("*"), True),
        (rule("apps", "*", "*/scale"), True),
        (rule("apps", "*/*"), True),
        (rule("apps", "deployments"), False),
        (rule("apps", "deployments/scale"), False),
        (rule("", "deployments", "deployments/scale"), False),
        (rule("apps", "statefulsets", "statefulsets/scale"), False),
    ],
)
def test_an_object_and_its_scale_must_both_be_matched(one: dict[str, Any], covered: bool) -> None:
    found = why(installed(policy(one), REFUSES, webhook(one)))
    assert found is (None if covered else Why.KIND_NOT_COVERED)


def test_rules_add_up() -> None:
    split = (rule("apps", "deployments"), rule("apps", "deployments/scale"))
    assert why(installed(policy(*split), REFUSES, None)) is None


def test_a_kind_that_nothing_looks_at_is_named_with_what_to_do() -> None:
    gap = installed(policy(rule()), REFUSES, webhook(rule())).gap("argoproj.io", "rollouts")
    assert gap is not None and gap.text == (
        "admission does not look at rollouts.argoproj.io: decreases pass; add it to the chart's value "
        "extraGuardedResources"
    )
    core = installed(policy(rule()), REFUSES, None).gap("", "replicationcontrollers")
    assert core is not None and "look at replicationcontrollers: " in core.text


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ((None, REFUSES, webhook(rule())), "not in force: with the guard gone nothing is refused"),
        ((policy(rule()), None, webhook(rule())), "not in force: with the guard gone nothing is refused"),
        ((policy(rule()), {"spec": {"validationActions": ["Audit"]}}, None), "nor is its webhook there: nothing"),
        ((None, None, webhook(rule(), name="services.guard.scalewarden.dev")), "nor is its webhook there: nothing"),
        ((None, None, None), "nor is its webhook there: nothing is refused"),
    ],
)
def test_a_missing_policy_or_binding_is_told_apart(there: tuple[Any, Any, Any], words: str) -> None:
    gap = installed(*there).gap("apps", "deployments")
    assert gap is not None and gap.why is Why.POLICY_MISSING and words in gap.text


def test_a_risk_is_told_on_both_objects_and_a_loss_on_the_service() -> None:
    about = Subjects(SERVICE, TARGET, {})
    kind = installed(policy(rule()), REFUSES, None).gap("argoproj.io", "rollouts")
    lost = installed(None, None, None).gap("apps", "deployments")
    assert kind is not None and lost is not None
    risks, losses = list(notices(kind, about)), list(notices(lost, about))
    assert [(one.reason, one.regarding, one.related) for one in risks] == [
        ("GuardBypassed", SERVICE, TARGET),
        ("GuardBypassed", TARGET, SERVICE),
    ]
    assert [(one.reason, one.regarding) for one in losses] == [("GuardDegraded", SERVICE)]
    assert [one.regarding for one in notices(kind, Subjects(SERVICE, None, {}))] == [SERVICE]
