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

_RECORDS = f"""A record of the log has `{PREFIX}MAX_RECORD` bytes at most.

- An action that is larger is refused with `record_too_large` and does not get onto the log.
- An action that fits may lead to a decision that does not: it says again what the action says, \
and what follows from it. Then the seats that it frees go to fewer of the chats that wait, and the \
others are served with the next request or gain of seats. What is too large all the same is \
refused with `record_too_large`, and nothing of it happens.

What was refused stays so; more is possible from when all processes have a larger limit. On Kafka \
the topics have to take it as well: see [Kafka](../how-to/run-a-kafka-log.md).
"""


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
            "## Of a record\n",
            _RECORDS,
            "## Of the service\n",
            "Each can be set; see [settings](settings.md).\n",
            table(["setting", "default", "meaning"], settings),
        ]
    )
