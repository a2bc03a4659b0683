"""Reads `.scalewarden.yaml` and the baseline file of a repository."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from scalewarden.errors import BadInput
from scalewarden.model.check_config import CheckConfig
from scalewarden.model.thresholds import Thresholds
from scalewarden.rules.catalogue import RULES

NAME = ".scalewarden.yaml"
_HINT = "the guide check-before-merge shows one"


def read_config(path: Path | None) -> CheckConfig:
    """The configuration at a path, that of the working directory by default. Raises BadInput naming file and field."""
    if path is None:
        path = Path(NAME)
        if not path.is_file():
            return CheckConfig()
    found = _yaml(path)
    try:
        config = CheckConfig.model_validate(found or {})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{field}: {first['msg'].lower()}", where=str(path), hint=_HINT) from None
    _known(config, path)
    return config


def _known(config: CheckConfig, path: Path) -> None:
    codes = {rule.code for rule, _ in RULES}
    for code in config.rules:
        if code not in codes:
            raise BadInput(f"rules.{code}: there is no such rule", where=str(path), hint="scalewarden rules lists them")
    Thresholds.parse(config.thresholds, where=f"{path}: thresholds")


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot be read: {(error.strerror or '').lower()}", where=str(path), hint=_HINT) from None
    except (yaml.YAMLError, ValueError) as error:
        raise BadInput(f"not YAML: {str(error).splitlines()[0]}", where=str(path), hint=_HINT) from None


def read_baseline(path: Path) -> frozenset[str]:
    """The fingerprints of findings that were there when a repository began. Raises BadInput."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "it is no text"
        hint = "--write-baseline writes one"
        raise BadInput(f"cannot be read: {what.lower()}", where=str(path), hint=hint) from None
    return frozenset(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))
