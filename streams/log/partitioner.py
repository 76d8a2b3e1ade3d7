"""Which partition an account belongs to."""

import zlib


def partition_of(account: str, partitions: int) -> int:
    """The partition, from 0 to partitions - 1, that holds everything of an account.

    CRC-32 of the key modulo the number of partitions is what librdkafka calls `consistent`, so
    producers of any language that build on it put an account's records into the same place.
    """
    return zlib.crc32(account.encode()) % partitions
