"""The collector of cycles rests during a block, and is what it was afterwards."""

import gc
from contextlib import suppress

import pytest

from scalewarden.cli.uncollected import uncollected


@pytest.mark.parametrize("before", [True, False])
def test_it_is_afterwards_what_it_was(before: bool) -> None:
    was = gc.isenabled()
    (gc.enable if before else gc.disable)()
    try:
        with suppress(ValueError), uncollected():
            assert not gc.isenabled()
            raise ValueError
        assert gc.isenabled() is before
    finally:
        (gc.enable if was else gc.disable)()
