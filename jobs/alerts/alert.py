"""One alert, as `forest score` writes it to a topic: read with care, for it carries what an attacker sent."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from jobs.errors import JobError

Attack = Literal["dos", "probe", "r2l", "u2r"]
ATTACKS: tuple[Attack, ...] = ("dos", "probe", "r2l", "u2r")
LONGEST = 100
"""How much of a key is kept, in characters."""

Text = Annotated[str, StringConstraints(max_length=1000)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]  # what a script in a browser can count to


class Alert(BaseModel):
    """A record that was scored and is not normal.

    Args:
        id: Topic, partition and offset of the record: `demo/3/1234`.
        key: Its key as text.
        produced: When it was sent, in epoch milliseconds.
        scored: When it was judged, in epoch milliseconds.
        said: The class that the model said.
        probability: How sure the model is, from 0 to 1.
        label: What it is, where somebody knows.
        actual: The class of that label.
        model: The version of the model.
        protocol_type: tcp, udp or icmp.
        service: What was talked to, such as http.
        src_bytes: How many bytes were sent.
        dst_bytes: How many bytes were received.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    id: Text
    key: str = ""
    produced: Count
    scored: Count
    said: Attack
    probability: Annotated[float, Field(ge=0, le=1)]
    label: Text | None = None
    actual: Attack | Literal["normal"] | None = Field(None, alias="class")
    model: Count = 0
    protocol_type: Text = ""
    service: Text = ""
    src_bytes: Count = 0
    dst_bytes: Count = 0

    @property
    def latency(self) -> int:
        """From sent to judged, in milliseconds; clocks that disagree make it 0, not less."""
        return max(0, self.scored - self.produced)


def read(key: bytes | None, value: bytes | None) -> Alert:
    """The alert of one record.

    Raises:
        JobError: It is none; the message says why, and nothing of what the record says.
    """
    try:
        alert = Alert.model_validate_json(value or b"")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the value"
        raise JobError(f"{where}: {first['msg']}") from None
    return alert.model_copy(update={"key": (key or b"")[: 4 * LONGEST].decode("utf-8", "replace")[:LONGEST]})
