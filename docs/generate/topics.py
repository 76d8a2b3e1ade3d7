"""The page about the topics of a Kafka cluster, for those who read them from outside."""

from collections import defaultdict

from docs.generate.asyncapi import ABOUT
from docs.generate.markdown import code, table
from docs.generate.topic_examples import ACTION, FENCE, SIGNAL, decisions, headers
from schemas import codec
from schemas.decisions import Decision, Fence
from schemas.record import Record
from schemas.values import SYSTEM
from streams.acceptance import Acceptance
from streams.settings import PREFIX, Settings
from streams.topics import KAFKA_TOPICS, Layout, wanted

_REPLICAS = 3

_INTRO = f"""\
In a cluster, Deskstream's log is topics of Kafka. Other systems may read them, and only read: \
an action that did not come through the API was checked by nobody. The same as a document for \
tools: [asyncapi.json](asyncapi.json). A small reader to begin with is `examples/consumer.py`.

Topics' names begin with `{PREFIX}KAFKA_PREFIX` (`{Settings.model_fields["kafka_prefix"].default}` \
by default). All have the same number of partitions, and all that concerns an account is in one \
partition of each: the CRC-32 of the account's name modulo the number of partitions, which \
librdkafka calls `consistent`. `deskstream topics create` makes the topics and \
`deskstream topics check` compares them with the table below; `deskstream import` is the way to \
another number of partitions.

Values are JSON in UTF-8, but for those of `snapshots`. Later versions may add fields and kinds \
of records: ignore those that you do not know. A record that cannot be read at all does not stop \
you either: in `actions` it is refused by a decision like any other, in `events` it is ignored.
"""

_RULE = """\
**A reader accepts a decision if its `fence` is the newest fence that the reader has seen, and \
its `source` is the last accepted source + 1. It ignores, and counts, every other one.**

A decider that takes a partition over writes a fence; the fence's number is its own offset. From \
then on nothing counts that was decided under an older one. The writes of a decider that does not \
know yet that it was replaced, and writes that were repeated or came late, may stand on the topic \
for good; every reader sees the same order, so all pass over the same records. Both halves are \
needed: there are orders of events in which either alone lets readers take an action twice, or \
take what was decided from a state that nobody else has.

So a reader keeps three numbers for each partition: the next offset, the newest fence, and the \
last accepted source (-1 and -1 at the beginning of the topic). It starts at the topic's \
beginning, or goes on from the three numbers that it stored; an offset alone is not enough. Store \
them in the transaction in which you store what you made of the records, and a crash neither \
loses nor repeats any. Committed offsets of a consumer group are good for showing lag, no more.

A decision that is accepted here is one that Deskstream accepts, and answers to its client. \
That an account's `version` has no holes is a good check: a decision with events carries the \
versions that follow the account's last one.
"""

_CHAIN = """\
`prev` is the SHA-256, in hexadecimal, of the decision before it in the same chain: of the \
record's value, byte for byte. A decision about an account that exists is in the account's chain; \
all others (poison, actions for accounts that do not exist, and the creation of an account, with \
which the account's chain begins) are in the partition's. The first one's is empty. So whoever \
reads a topic from its beginning can tell that nothing was altered, added or left out before the \
newest record. Only accepted decisions are links.

`deskstream export` and `import` give each decision a new place, and so a new link; the first \
decision of every partition then names the SHA-256 of the export, in which the links of the old \
log stand as they were.
"""

_ATTRIBUTES = [
    ["ce_specversion", "`1.0`"],
    ["ce_id", "Unique together with `ce_source`. An action's is its id; a decision's is the "
     "action's id and the fence, since several terms may decide one action; signals, visits and "
     "fences get one when they are written."],
    ["ce_source", "`/accounts/ACCOUNT/TOPIC`; `/deciders/NAME` for a fence; `/TOPIC` where "
     "there is no account."],
    ["ce_type", "`deskstream.action.KIND`, `deskstream.decision.accepted` (the action was; whether "
     "the decision counts, the rule below says), `deskstream.decision.refused`, "
     "`deskstream.decision.repeated`, `deskstream.fence`, `deskstream.signal.KIND`, "
     "`deskstream.visit`, or `deskstream.unreadable` for what is none of these."],
    ["ce_time", "When it happened; RFC 3339, UTC."],
    ["ce_subject", "The chat, where it is about one."],
    ["ce_partitionkey", "The account; CloudEvents' extension for partitioning. It is the record's "
     "key as well. Neither is there where there is no account: fences, poison."],
    ["content-type", "`application/json`"],
    ["traceparent", "The action's trace (W3C Trace Context), if it has one."],
]  # fmt: skip


def page() -> str:
    """Topics, headers, the rule of acceptance and the chain."""
    return "\n".join(
        [
            "# Topics\n",
            _INTRO,
            _topics(),
            "## Settings of the topics\n",
            f"With {_REPLICAS} replicas ({PREFIX}KAFKA_REPLICATION) and "
            f"{PREFIX}MAX_RECORD as it is by default; -1 is without bound.\n",
            _settings(),
            "## Headers\n",
            "Attributes of CloudEvents 1.0 in binary mode; their texts are UTF-8.\n",
            table(["header", "value"], [[code(name), text] for name, text in _ATTRIBUTES]),
            "An action's:\n",
            _shown_headers(ACTION),
            "## Which decisions count\n",
            _RULE,
            "For example:\n",
            _acceptance(),
            "## The chain\n",
            _CHAIN,
            "For example, with the topic's first fence, an account and its first visitor:\n",
            _chain(),
            "A signal, with its headers:\n",
            _block(codec.encode(SIGNAL).decode()),
            _shown_headers(SIGNAL),
        ]
    )


def _topics() -> str:
    records = {
        "actions": "[Action](actions.md#action)",
        "events": "[Decision](records.md#decision), [Fence](records.md#fence)",
        "signals": "[Signal](records.md#signal)",
        "visits": "none yet",
        "snapshots": "none that others could read",
    }
    rows = [[code(topic), ABOUT[topic], records[topic]] for topic in KAFKA_TOPICS]
    return table(["topic", "what it holds", "records"], rows)


def _settings() -> str:
    layout = Layout(int(Settings.model_fields["partitions"].default), _REPLICAS)
    topics: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for topic in KAFKA_TOPICS:
        for each in wanted(topic, layout):
            least = each.value if each.least is None else each.least
            will_do = "as it is" if each.rule == "is" or each.value == -1 else f"{least} or more"
            topics[code(each.name), str(each.value), will_do].append(topic)
    rows = [
        ["all" if len(names) == len(KAFKA_TOPICS) else ", ".join(map(code, names)), *setting]
        for setting, names in topics.items()
    ]
    return table(["topic", "setting", "made with", "will do"], rows)


def _acceptance() -> str:
    """A zombie and its successor, as the code itself judges them."""
    records: list[tuple[Decision | Fence, str]] = [
        (FENCE, "The first decider begins."),
        (_decision(0, 0), "Its first decision."),
        (_decision(1, 0), "Its second."),
        (Fence(decider="decider-2", at=0), "Another one takes over."),
        (_decision(2, 0), "The first does not know it yet: an older fence."),
        (_decision(2, 3), "The second decides the same action."),
        (_decision(2, 3), "The same, written twice: not the last source + 1."),
        (_decision(4, 3), "Something is missing before it."),
        (_decision(3, 3), "The next one."),
    ]
    reader = Acceptance()
    rows = []
    for offset, (record, why) in enumerate(records):
        accepted = reader.take(offset, record) is not None
        if isinstance(record, Fence):
            rows.append([str(offset), "fence", "", "", "", why])
        else:
            verdict = "**accepted**" if accepted else "ignored"
            row = [str(offset), "decision", str(record.fence), str(record.source), verdict, why]
            rows.append(row)
    return table(["offset", "record", "`fence`", "`source`", "", "what happened"], rows)


def _decision(source: int, fence: int) -> Decision:
    return Decision(
        account="acme", action="a", actor=SYSTEM, at=0, source=source, fence=fence, rules=1,
        prev="", version=0,
    )  # fmt: skip


def _chain() -> str:
    first, second = (codec.encode(decision) for decision in decisions())
    lines = [codec.encode(FENCE), first, second]
    digest = f"The SHA-256 of the second line is `{codec.digest(first)}`.\n"
    return _block("\n".join(line.decode() for line in lines)) + "\n" + digest


def _shown_headers(record: Record) -> str:
    return _block("\n".join(f"{name}: {value}" for name, value in headers(record).items()))


def _block(text: str) -> str:
    return f"```text\n{text}\n```\n"
