"""What makes a transaction one, said once: for silver, which reads with Spark, and for the stream, which does not."""

NEEDED = ("id", "montant", "currency", "account", "merchant", "timestamp")
NAMES = ("id", "account", "merchant")
LONGEST = 1_000  # characters of a name; so that it fits into any key
LARGEST = 1_000_000_000  # of any currency
CURRENCY = "[A-Z]{3}"
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-7]):[0-9]{2})?"
