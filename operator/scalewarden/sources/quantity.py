"""Kubernetes quantities ("500m", "80", "1Ki", "2.5e3") as plain numbers."""

import math
import re
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_LONGEST = 64
_POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL = {suffix: Decimal(10) ** power for suffix, power in _POWERS.items()}
_BINARY = {f"{prefix}i": Decimal(1024) ** power for power, prefix in enumerate("KMGTPE", start=1)}
_FACTORS = _DECIMAL | _BINARY


def quantity(value: object) -> float | None:
    """The number that a quantity stands for; None where it is missing or none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip()
    found = _QUANTITY.fullmatch(text)
    if found is None or len(text) > _LONGEST:
        return None
    try:
        number = float(Decimal(found.group(1)) * _FACTORS[found.group(2) or ""])
    except ArithmeticError:  # an exponent that no number has
        return None
    return number if math.isfinite(number) else None
