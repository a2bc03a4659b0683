"""An HTTP application on an address of its own."""

from aiohttp import web

from scalewarden.errors import BadInput


async def listening(app: web.Application, host: str, port: int, option: str) -> web.AppRunner:
    """Listen in the background until the runner is cleaned up. Raises BadInput naming the option where the address
    cannot be had."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        what = f"cannot listen: {error.strerror or error}"
        raise BadInput(what, where=f"{host}:{port}", hint=f"give another {option}") from error
    return runner
