"""`python -m tools.demo`: the main job in two minutes, on a real API server with a real HPA controller."""

from __future__ import annotations

import sys

from tools.demo.screen import DemoFailedError, Screen
from tools.demo.story import Story
from tools.installed import Installed
from tools.localcluster import LocalCluster, LocalClusterError, Settings

SETTINGS = Settings(hpa_sync_period="2s", hpa_downscale_stabilization="1s", nodes=3)
OPERATOR = ("--interval", "2s", "--scrape-interval", "2s")


def main() -> int:
    """Run the demo; 1 where something that it shows did not happen."""
    screen = Screen()
    try:
        screen.step("A real control plane: etcd, API server, controller manager with its HPA controller, no Docker")
        with LocalCluster.start("demo", settings=SETTINGS) as cluster:
            screen.say(
                f"API server at {cluster.url}; pods are simulated vLLM servers that answer on {cluster.pod_cidr}."
            )
            screen.step("Scalewarden as its Helm chart installs it, under the chart's own ServiceAccounts")
            with Installed(cluster, operator_args=OPERATOR) as installed:
                Story(screen, cluster, installed).tell()
        print()
        screen.say("That was all; nothing is left running. Next: docs/README.md, or `make help`.")
    except (DemoFailedError, LocalClusterError) as error:
        print(f"error: the demo did not show what it should: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; nothing is left running", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
