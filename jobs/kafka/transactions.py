"""How far a reader is, said within a producer's transaction."""

from threading import Thread

from confluent_kafka import Consumer, Producer, TopicPartition

from jobs.errors import JobError
from jobs.kafka.client import REQUEST

HANDS = 10.0  # seconds that the call may take beyond its own time-out


def send_offsets(producer: Producer, reader: Consumer, places: list[TopicPartition]) -> None:
    """Make a reader's offsets part of the transaction.

    The call has a time-out of its own, which librdkafka forgets when a broker is restarted meanwhile.

    Args:
        producer: It has begun a transaction.
        reader: A member of the group.
        places: Where each partition is to be read on.

    Raises:
        JobError: The call hangs. Whoever is started anew has a client that does not.
        KafkaException: As the call itself.
    """
    failed: list[BaseException] = []

    def work() -> None:
        try:
            producer.send_offsets_to_transaction(places, reader.consumer_group_metadata(), REQUEST)
        except BaseException as error:  # raised again below
            failed.append(error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(REQUEST + HANDS)
    if thread.is_alive():
        raise JobError(f"{places[0].topic}: Kafka's client hangs; nothing is lost", hint="the same command again")
    if failed:
        raise failed[0]
