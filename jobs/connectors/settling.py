"""Making Connect match a plan, and waiting until it does."""

import logging
import time

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from jobs.connect import Connect
from jobs.connectors import judging, rules
from jobs.connectors.changes import Plan
from jobs.connectors.declared import Connectors
from jobs.connectors.states import State, judge
from jobs.connectors.telegram import WATCH
from jobs.errors import JobError

log = logging.getLogger(__name__)

SETTLE = 90
"""How long a connector may take until it and its tasks do as they are told, in seconds."""

STEADY = 2.0
"""How long a changed connector must be seen running, in seconds: at first Connect still shows its old tasks."""


def settle(connect: Connect, declared: Connectors, plan: Plan) -> None:
    """Do what the plan says, and wait until every declared connector is in its state.

    Raises:
        JobError: Another poller has a Telegram source's token, or a connector does not come to its state.
    """
    configs, wanted = declared.resolved(), declared.states()
    for change in plan.changes:
        name = change.connector
        log.info("%s connector %s", change.action, name)
        if change.action == "create":
            _refuse_second_poller(connect, name, configs[name])
            connect.create(name, configs[name], wanted[name])
            continue
        if change.settings:
            connect.put(name, configs[name])
        if change.state:
            connect.turn(name, wanted[name])
    changed = {change.connector for change in plan.changes if change.action == "change"}
    await_states(connect, wanted, steady=STEADY if changed else 0)


def await_states(connect: Connect, wanted: dict[str, str], *, steady: float = 0) -> None:
    """Wait until all are in their state, have been seen so for `steady` seconds, or one has failed.

    Raises:
        JobError: One has failed, or is not in its state in time.
    """
    since: list[float] = []

    def look() -> tuple[list[State], bool]:
        found = connect.statuses()
        states = [judge(name, found.get(name)) for name in sorted(wanted)]
        if any(each.state != wanted[each.name] for each in states):
            since.clear()
            return states, any(each.state == "FAILED" for each in states)
        since.append(time.monotonic())
        return states, since[-1] - since[0] >= steady

    states, _ = Retrying(
        retry=retry_if_result(lambda seen: not seen[1]),
        wait=wait_fixed(0.2),
        stop=stop_after_delay(SETTLE),
        retry_error_callback=lambda state: state.outcome and state.outcome.result(),
    )(look)
    if bad := [each for each in states if each.state != wanted[each.name]]:
        raise JobError(
            "; ".join(each.said for each in bad), hint=bad[0].mend or "headrace connectors status", result=states
        )


def _refuse_second_poller(connect: Connect, name: str, config: dict[str, str]) -> None:
    """Nothing is created beside a poller of the same token: each would take messages from the other."""
    if not rules.telegram_bot(config):
        return
    why = judging.trouble(connect, config, watch=WATCH)
    if why.startswith("409"):
        raise JobError(
            f"connector {name} was not created: something else polls with its token: {why}",
            hint="stop the other poller, or delete the bot's webhook (deleteWebhook); then headrace connectors apply",
        )
    if why:
        log.warning("%s: %s", name, why)
