"""The records in a range of one partition."""

from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from jobs import kafka


def span(reader: Consumer, where: TopicPartition, begin: int, end: int) -> Iterator[Message]:
    """The records of one partition from `begin` up to but not including `end`.

    Args:
        reader: It must be told of a partition's end (`enable.partition.eof`); nobody else may use it meanwhile.
        where: Topic and partition.
        begin: The first offset.
        end: The offset after the last one.

    Raises:
        JobError: They can't be read.
    """
    reader.assign([TopicPartition(where.topic, where.partition, begin)])
    while True:
        for record in reader.consume(10_000, 0.2):
            error = record.error()
            if error and error.name() == "_PARTITION_EOF":
                return
            if error:
                raise kafka.failed(f"read {where.topic}", KafkaException(error))
            if (record.offset() or 0) >= end:
                return
            yield record
