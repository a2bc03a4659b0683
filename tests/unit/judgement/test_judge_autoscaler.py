"""One autoscaler judged alone: what is only information makes none unsound."""

from scalewarden.judgement.evaluate import judge_autoscaler
from scalewarden.model.finding import Severity, Status
from tests.builders import hpa, mig, pods_metric, replica, snapshot


def test_information_leaves_an_autoscaler_sound() -> None:
    found = judge_autoscaler(
        snapshot([replica()]), hpa(pods_metric("vllm:num_requests_waiting"), min_replicas=1, max_replicas=8)
    )
    told = [(finding.rule, finding.severity) for finding in found.findings if finding.fired]
    assert told == [("ASC604", Severity.INFO)]
    assert found.status is Status.CLEAR


def test_a_number_that_mig_does_not_report_is_told_once() -> None:
    slices = snapshot([replica(gpus=[mig(engine_active=0.5)])])
    found = judge_autoscaler(slices, hpa(pods_metric("DCGM_FI_DEV_MEM_COPY_UTIL", 50), min_replicas=1, max_replicas=2))
    assert [finding.rule for finding in found.findings if finding.fired] == ["ASC610"]
    assert found.status is Status.FIRED
