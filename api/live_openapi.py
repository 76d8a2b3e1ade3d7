"""The live connections as OpenAPI has them; what serves them is no route of the framework."""

from typing import Any

LIVE_RECORDS: tuple[type, ...] = ()
LIVE_PATHS: dict[str, Any] = {}
