import pytest

from streams import topics
from streams.kafka_connection import KafkaTopic
from streams.topics import KAFKA_TOPICS, Layout, Wanted, wanted


@pytest.mark.parametrize("topic", KAFKA_TOPICS)
def test_topics_are_made_as_they_are_wanted(topic: KafkaTopic) -> None:
    for each in wanted(topic, Layout(4, replication=3)):
        assert each.problem(str(each.value)) is None


def test_more_than_wanted_will_do_and_less_will_not() -> None:
    retention = Wanted("retention.ms", 30, least=7)
    assert retention.problem("7") is None
    assert retention.problem("-1") is None
    assert retention.problem("6") == "retention.ms is 6 and should be at least 7"


def test_what_is_kept_for_ever_may_have_no_bound() -> None:
    assert Wanted("retention.ms", -1).problem("5") == "retention.ms is 5 and should be -1"


def test_a_policy_must_be_the_one_that_is_wanted() -> None:
    policy = Wanted("cleanup.policy", "delete", "is")
    assert policy.problem("compact") == "cleanup.policy is compact and should be delete"
    assert policy.problem(None) == "cleanup.policy is not known to the cluster"


def test_the_largest_record_fits_a_batch() -> None:
    assert topics.batch_bytes(16 << 20) > topics.append_bytes(16 << 20) == 16 << 20
    assert topics.append_bytes(1 << 16) == 8 << 20


def test_one_replica_may_be_down() -> None:
    for replication, least in ((1, 1), (2, 1), (3, 2)):
        found = {each.name: each.value for each in wanted("events", Layout(4, replication))}
        assert found["min.insync.replicas"] == least
