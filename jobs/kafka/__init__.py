"""Kafka's clients, made from the environment: I/O only, no decisions."""

from jobs.kafka.client import HINT, PATIENCE, REQUEST, admin, answer, consumer, failed, producer, reason
from jobs.kafka.delivery import Deliveries, Record, Sender, produce, sending
from jobs.kafka.offsets import describe, offsets_at, records, topic_id, watermarks
from jobs.kafka.transactions import send_offsets

__all__ = [
    "HINT",
    "PATIENCE",
    "REQUEST",
    "Deliveries",
    "Record",
    "Sender",
    "admin",
    "answer",
    "consumer",
    "describe",
    "failed",
    "offsets_at",
    "produce",
    "producer",
    "reason",
    "records",
    "send_offsets",
    "sending",
    "topic_id",
    "watermarks",
]
