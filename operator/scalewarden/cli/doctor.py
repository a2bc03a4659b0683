"""`scalewarden doctor NAME|DIR`: where every signal comes from, or why it is missing and what to switch on."""

from pathlib import Path

from scalewarden.cli.options import Context, Direct, For, NameOrRecording, Namespace, positive
from scalewarden.cli.output import Format, Output
from scalewarden.cli.prometheus_flags import Prometheus, reads_prometheus


@reads_prometheus()
def doctor(
    subject: NameOrRecording,
    namespace: Namespace = None,
    context: Context = None,
    output: Output = Format.TEXT,
    lasts: For = "15s",
    direct: Direct = False,
    prometheus: Prometheus = None,
) -> None:
    """Say of every signal where it comes from, or why it is missing and what to switch on; and test the fence.

    The fence is tested by dry runs of one replica fewer and one more: nothing is written.
    """
    if Path(subject, "recording.yaml").is_file() or "/" in subject:
        from scalewarden.cli.doctor_work import tell_recording

        tell_recording(Path(subject), output)
        return
    span = positive(lasts, "--for")
    from scalewarden.cli.cluster import Cluster
    from scalewarden.cli.doctor_work import tell

    cluster = Cluster.connect(context)
    found = cluster.inference_deployment(subject, namespace or cluster.namespace)
    tell(cluster, found, output, span, prometheus, direct=direct)
