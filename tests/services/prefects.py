"""Prefect's server, asked as its own clients ask: again when it is busy."""

import httpx
from prefect.client.base import PrefectHttpxSyncClient

from tests.services.copies import Copy


def client(copy: Copy) -> httpx.Client:
    """A client of a copy's server; with SQLite, that answers 503 while somebody else writes."""
    return PrefectHttpxSyncClient(base_url=copy.env["PREFECT_API_URL"], timeout=60, raise_on_all_errors=False)
