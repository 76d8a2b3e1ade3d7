"""The page about limits: how long a text, how large a number, how much at once."""

from msgspec import inspect as kinds

from docs.generate.markdown import code, table
from docs.generate.values import describe, personal
from schemas import values
from streams.settings import PREFIX, Settings

_LIMITING = (
    "max_record", "max_body", "max_pending", "answer_timeout", "send_timeout", "resume_limit",
    "live_buffer", "max_streams", "rate_per_viewer", "burst_per_viewer", "rate_per_address",
    "burst_per_address",
)  # fmt: skip


def page() -> str:
    """The limits of values, and those that settings set."""
    rows = []
    for name, kind in vars(values).items():
        if getattr(kind, "__metadata__", None):
            described = kinds.type_info(kind)
            rows.append([name, describe(described), "yes" if personal(described) else ""])
    settings = [
        [
            code(PREFIX + name.upper()),
            str(Settings.model_fields[name].default),
            Settings.model_fields[name].description or "",
        ]
        for name in _LIMITING
    ]
    return "\n".join(
        [
            "# Limits\n",
            "## Values\n",
            "What the fields of records hold. Personal content is what encryption per visitor, "
            "and erasure, will cover.\n",
            table(["value", "limits", "personal"], rows),
            "## Of the service\n",
            "Each can be set; see [settings](settings.md).\n",
            table(["setting", "default", "meaning"], settings),
        ]
    )
