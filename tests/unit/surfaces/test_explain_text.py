"""What people read of findings: rules that are silent for one reason share a line."""

from scalewarden.surfaces.explain_text import Line, merged

NO_GPU = "no GPU is measured"


def test_rules_that_cannot_speak_for_one_reason_share_a_line() -> None:
    lines = (
        Line("Fired", "KVC201 kv-cache-pressure", "full"),
        Line("Unknown", "UTL101 low-utilization-not-spare", NO_GPU),
        Line("Unknown", "KVC203 shrinking-kv-headroom", "young data"),
        Line("Unknown", "UTL102 busy-without-throughput", NO_GPU),
        Line("Unknown", "UTL103 oscillating-utilization", NO_GPU),
    )
    assert merged(lines) == (
        lines[0],
        Line("Unknown", "UTL101, UTL102, UTL103", NO_GPU),
        lines[2],
    )


def test_what_fired_keeps_a_line_of_its_own() -> None:
    lines = (Line("Fired", "ASC602 utilization-target", "same"), Line("Fired", "ASC610 utilization-under-mig", "same"))
    assert merged(lines) == lines
