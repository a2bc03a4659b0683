"""The command line and the admin endpoint."""

from __future__ import annotations

import aiohttp
from typer.testing import CliRunner

from tools.fleet import Fleet, FleetSpec, Pod, StaticPods
from tools.fleet.__main__ import app
from tools.fleet.admin import administered

RUN = CliRunner()


def test_preview_shows_the_fleet_before_and_after() -> None:
    shown = RUN.invoke(app, ["preview", "--replicas", "2", "--seconds", "40"])
    assert shown.exit_code == 0
    rows = [line for line in shown.stdout.splitlines() if line.startswith("│")]
    assert len(rows) == 5
    assert "gone" not in rows[1]
    assert "gone" in rows[2]
    assert float(rows[3].split("│")[2].split()[0]) > 0.95


def test_preview_refuses_to_remove_every_replica() -> None:
    shown = RUN.invoke(app, ["preview", "--replicas", "2", "--remove", "2"])
    assert shown.exit_code == 2
    assert "leaves none" in shown.stderr


def test_a_cache_too_small_for_one_request_is_an_error_not_a_traceback() -> None:
    shown = RUN.invoke(app, ["preview", "--kv-blocks", "10"])
    assert shown.exit_code == 2
    assert shown.stderr.startswith("error: fleet preview: a request of 1200 tokens must fit")


async def test_the_admin_endpoint_shows_breaks_and_heals() -> None:
    pods = StaticPods([Pod("ns", "chat-0", "127.93.1.1", labels={"scalewarden.dev/fleet": "chat"})])
    async with (
        Fleet(spec=FleetSpec.idle("chat", port=18003), pods=pods, settle_seconds=0.0) as fleet,
        administered(fleet, 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as admin,
        aiohttp.ClientSession() as http,
    ):
        await fleet.wait_for(1)
        assert (await admin.put("/users/chat/50")).status == 200
        assert (await admin.put("/faults/chat-0/404")).status == 200
        assert (await http.get("http://127.93.1.1:18003/metrics")).status == 404
        assert (await admin.delete("/faults/chat-0")).status == 200
        assert (await http.get("http://127.93.1.1:18003/metrics")).status == 200
        assert (await admin.put("/faults/chat-9/hang")).status == 404
        assert (await admin.put("/faults/chat-0/sulk")).status == 400
        shown = await (await admin.get("/")).json()
    assert shown["chat"][0]["name"] == "chat-0"
