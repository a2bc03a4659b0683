"""What makes a finding the same one in the next run."""

import os
from hashlib import sha256
from pathlib import PurePath

from scalewarden.model.checked import Checked


def fingerprint(one: Checked) -> str:
    """32 hexadecimal digits; the same for a finding that only moved within its file."""
    parts = (one.rule, PurePath(os.path.relpath(one.place.file)).as_posix(), one.object, one.field)
    return sha256("\0".join(parts).encode()).hexdigest()[:32]
