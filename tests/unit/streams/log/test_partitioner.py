"""The partitioner: pinned, because a change of it would tear every account apart."""

from streams.log.partitioner import partition_of


def test_it_is_crc32_modulo_the_partitions() -> None:
    assert partition_of("123456789", 1 << 32) == 0xCBF43926  # the check value of CRC-32
    assert partition_of("123456789", 7) == 0xCBF43926 % 7


def test_every_partition_gets_its_share() -> None:
    counts = [0] * 8
    for number in range(8000):
        counts[partition_of(f"account-{number}", 8)] += 1
    assert min(counts) > 800
