"""The API over sources in memory: who is let in, what is answered, and that nothing it is asked breaks it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
import schemathesis
from bson import Decimal128
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from jobs.api.documents import Query, condition
from jobs.api.tokens import Tokens
from jobs.cli import launch
from jobs.errors import UsageError
from tests.apis import KEY, RUNS, Memory, app, client, failing, fuzzing, sources

PRIVATE = ["/pipeline", "/runs", "/runs/messages-1", "/ledger", "/dead-letters", "/alerts", "/metrics", "/collections",
           "/data?collection=transactions"]  # fmt: skip
NOTES = [{"_id": f"txn-{number:03}", "amount": number % 7, "when": datetime(2026, 11, 1 + number % 9, tzinfo=UTC),
          "place": {"city": "Lyon", "street": "x"}} for number in range(40)]  # fmt: skip


@pytest.fixture(scope="module")
def api() -> TestClient:
    return client(app(sources(Memory(transactions=NOTES))))


def test_everything_but_the_process_itself_is_for_those_who_have_a_key(api: TestClient) -> None:
    nobody, wrong = client(api.app, key=""), client(api.app, key="x")  # type: ignore[arg-type]

    for path in PRIVATE:
        assert api.get(path).status_code == 200, path
        assert api.get(path, headers={"Authorization": "", "X-API-Key": KEY}).status_code == 200, path
        for each in (nobody, wrong):
            refused = each.get(path)
            assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
            assert refused.headers["www-authenticate"].startswith("Bearer")
    for path in ("/health", "/ready", "/openapi.json", "/", "/docs", "/page/page.js", "/swagger/swagger-ui-bundle.js"):
        assert nobody.get(path).status_code == 200, path


def test_no_page_asks_another_server() -> None:
    each = client()
    for path in ("/", "/docs", "/page/page.js", "/page/draw.js", "/page/say.js", "/page/page.css", "/page/docs.js"):
        assert "http://" not in (text := each.get(path).text), path
        assert "https://" not in text, path


def test_problems_are_said_in_one_shape_and_without_a_trace(api: TestClient) -> None:
    broken = client(app(sources(runs=lambda: 1 // 0, letters=failing)))  # type: ignore[arg-type]
    answers = {
        404: api.get("/nothing"),
        405: api.post("/runs"),
        422: api.get("/runs?limit=many"),
        400: api.get("/data?collection=transactions&cursor=abc"),
        500: broken.get("/runs"),
        503: broken.get("/dead-letters"),
    }

    for status, answer in answers.items():
        said = answer.json()
        assert (answer.status_code, said["status"]) == (status, status)
        assert answer.headers["content-type"] == "application/problem+json"
        assert said.keys() == {"type", "title", "status", "detail", "hint"}
        assert "Traceback" not in answer.text
        assert "ZeroDivision" not in answer.text
    assert answers[405].headers["allow"] == "GET"
    assert answers[503].headers["retry-after"] == "5"
    assert answers[503].json()["hint"] == "make up"


@pytest.mark.parametrize(
    "path, said",
    [
        ("/runs?limt=5", "no parameter 'limt': it has workflow, status, after, limit"),
        ("/dead-letters?limit=5", "it has none"),
        ("/runs?limit=5&limit=6", "limit is given more than once"),
        ("/runs?limit=0", "limit: Input should be greater than or equal to 1"),
        ("/data", "collection: Field required"),
        ("/data?collection=transactions&filter=$where=1", "filter.0: String should match pattern"),
    ],
)
def test_a_mistake_in_a_question_is_named(api: TestClient, path: str, said: str) -> None:
    answer = api.get(path)

    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_whoever_asks_too_often_must_wait() -> None:
    slow = client(app(rate="3/minute", wrong="2/minute"))

    assert [slow.get("/runs").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert 1 <= int(slow.get("/runs").headers["retry-after"]) <= 60
    assert slow.get("/health").status_code == 200
    stranger = client(slow.app, key="x")  # type: ignore[arg-type]
    assert [stranger.get("/runs").status_code for _ in range(4)] == [401, 401, 429, 429]


def test_a_part_that_is_missing_is_named_and_documents_say_what_to_do() -> None:
    from jobs.api.sources import Part

    lame = client(app(sources(parts=lambda: (Part("kafka", "missing"), Part("mongodb", "off")))))

    ready, data = lame.get("/ready"), lame.get("/data?collection=a")

    assert (ready.status_code, ready.json()["status"]) == (503, "missing")
    assert ready.json()["parts"][0] == {"name": "kafka", "state": "missing"}
    assert (data.status_code, data.json()["hint"]) == (503, "set MONGODB_HOST")
    assert lame.get("/health").json() == {"status": "ok"}


def test_the_worst_comes_first(api: TestClient) -> None:
    said = api.get("/pipeline").json()

    assert said["verdict"] == "fail"
    assert [each["name"] for each in said["connectors"]] == ["bad", "good"]
    assert [each["group"] for each in said["lags"]] == ["g", "h"]


def test_runs_are_paged_and_filtered(api: TestClient) -> None:
    first = api.get("/runs?limit=4").json()
    second = api.get(f"/runs?limit=4&after={first['next']}").json()
    third = api.get(f"/runs?limit=4&after={second['next']}").json()

    assert [each["run"] for page in (first, second, third) for each in page["items"]] == [each.run for each in RUNS]
    assert third["next"] is None
    assert [each["run"] for each in api.get("/runs?status=Failed").json()["items"]] == ["messages-3"]
    assert api.get("/runs?after=x").status_code == 404
    assert api.get("/runs/x").status_code == 404


def test_a_ledger_is_cut_and_of_one_topic(api: TestClient) -> None:
    assert len(api.get("/ledger?last=1").json()["topics"][0]["layers"][0]["lines"]) == 1
    assert api.get("/ledger").json()["tables"][0]["table"] == "scored/demo"
    assert api.get("/ledger?topic=none").status_code == 404
    assert [each["said"] for each in api.get("/alerts?said=probe").json()["items"]] == ["probe"]


def test_metrics_are_those_of_the_api_and_of_the_pipeline(api: TestClient) -> None:
    api.get("/runs/made-up-by-somebody")
    text = api.get("/metrics").text

    assert 'headrace_group_lag_seconds{group="g",topic="messages"} 12.5' in text
    assert 'route="/runs/{run}",status="404"' in text
    assert "made-up-by-somebody" not in text
    assert client(app(sources(look=failing))).get("/metrics").status_code == 200


def pages(api: TestClient, **query: Any) -> Iterator[list[dict[str, Any]]]:
    cursor: str | None = ""
    while cursor is not None:
        more = {"cursor": cursor} if cursor else {}
        said = api.get("/data", params={"collection": "transactions", **query, **more})
        assert said.status_code == 200, said.text
        yield said.json()["items"]
        cursor = said.json()["next"]


@pytest.mark.parametrize("sort", ["_id", "-_id", "amount", "-amount", "when", "-when"])
def test_pages_hold_each_document_once_in_order(api: TestClient, sort: str) -> None:
    found = [each for page in pages(api, sort=sort, limit=7) for each in page]

    field, down = sort.removeprefix("-"), sort.startswith("-")
    expected = sorted(NOTES, key=lambda each: (each[field], each["_id"]), reverse=down)
    assert [each["_id"] for each in found] == [each["_id"] for each in expected]


def test_documents_are_filtered_and_projected(api: TestClient) -> None:
    query = {"filter": ["amount>=5", "when<2026-11-03"], "fields": "amount,place.city", "sort": "-amount"}
    found = [each for page in pages(api, **query) for each in page]

    assert {each["_id"] for each in found} == {
        each["_id"] for each in NOTES if each["amount"] >= 5 and each["when"] < datetime(2026, 11, 3, tzinfo=UTC)
    }
    assert all(each.keys() == {"_id", "amount", "place"} and each["place"] == {"city": "Lyon"} for each in found)
    assert api.get("/data?collection=transactions&sort=place").status_code == 400
    assert api.get("/data?collection=nothing").status_code == 404


def test_a_cursor_goes_on_with_its_own_question_only(api: TestClient) -> None:
    cursor = api.get("/data?collection=transactions&limit=3").json()["next"]

    for other in ("sort=-_id", "filter=amount>2"):
        answer = api.get(f"/data?collection=transactions&{other}&cursor={cursor}")
        assert (answer.status_code, answer.json()["detail"]) == (400, "the cursor is not one of this query")


MOMENTS = st.integers(0, 9).map(lambda each: datetime.fromtimestamp(each / 1000, UTC))  # MongoDB keeps milliseconds
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | MOMENTS


@given(st.lists(VALUES, max_size=12), st.integers(1, 5), st.sampled_from(["amount", "-amount"]))
def test_whatever_is_sorted_by_nothing_is_left_out_or_given_twice(values: list[Any], limit: int, sort: str) -> None:
    held = [{"_id": str(number), "amount": value} for number, value in enumerate(values)]
    held += [{"_id": "missing"}]
    memory, query = Memory(notes=held), Query("notes", sort=sort, limit=limit)

    found: list[str] = []
    cursor = ""
    for _ in range(len(held) + 1):
        page = memory.find("notes", query.condition(cursor), query.order, limit + 1, ())
        found += [each["_id"] for each in page[:limit]]
        if len(page) <= limit:
            break
        cursor = query.cursor(page[limit - 1])

    assert sorted(found) == sorted(each["_id"] for each in held)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_value_becomes_an_operator(value: str, cursor: str) -> None:
    said = condition(f"amount={value}")
    assert said.keys() == {"amount"}
    assert said["amount"].keys() == {"$in"}
    assert not any(isinstance(each, dict | list) for each in said["amount"]["$in"])
    if cursor:
        with pytest.raises(UsageError):
            Query("notes").condition(cursor)


@pytest.mark.parametrize("held", [0.1, Decimal128("0.1"), Decimal128("0.10")], ids=str)
def test_a_fraction_is_the_number_that_is_written_whatever_type_holds_it(held: Any) -> None:
    memory = Memory(notes=[{"_id": "a", "amount": held}])
    found = {
        sign
        for sign in ("=", "!=", "<", ">", "<=", ">=")
        if memory.find("notes", condition(f"amount{sign}0.1"), [], 9, ())
    }

    assert found == {"=", "<=", ">="}


def test_more_than_a_number_is_a_number() -> None:
    memory = Memory(notes=[{"_id": each, "amount": each} for each in (5, "much", "5", None)])

    def found(text: str) -> list[Any]:
        return [each["amount"] for each in memory.find("notes", condition(text), [], 9, ())]

    assert [found(each) for each in ("amount>4.5", "amount=5", 'amount="5"', 'amount>"4.5"')] == [
        [5], [5, "5"], ["5"], ["much", "5"]
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "amount", "$where=1", "a.$b=1", "=1", "a b=1"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        condition(text)


class Issuer(Tokens):
    """An issuer whose keys are at hand."""

    def __init__(self, key: RSAPrivateKey) -> None:
        super().__init__("https://issuer.test", "headrace")
        self.__dict__["_keys"] = self
        self.key = key

    def get_signing_key_from_jwt(self, _: str) -> Any:
        return self.key.public_key()


@pytest.fixture(scope="module")
def private() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def test_a_token_must_be_the_issuers_for_us_and_fresh(private: RSAPrivateKey) -> None:
    api = app(tokens=Issuer(private))
    good = {"iss": "https://issuer.test", "aud": "headrace", "sub": "ada", "exp": 4_000_000_000}
    other = generate_private_key(65537, 2048)
    tokens = {
        200: [jwt.encode(good, private, "RS256")],
        401: [
            jwt.encode({**good, "aud": "others"}, private, "RS256"),
            jwt.encode({**good, "iss": "https://other.test"}, private, "RS256"),
            jwt.encode({**good, "exp": 1}, private, "RS256"),
            jwt.encode({name: each for name, each in good.items() if name != "exp"}, private, "RS256"),
            jwt.encode(good, other, "RS256"),
            jwt.encode(good, "", "none"),
            "a.b.c",
        ],
    }

    for status, each in tokens.items():
        assert [client(api, key=token).get("/runs").status_code for token in each] == [status] * len(each)


@pytest.mark.parametrize(
    "words, variables, said",
    [
        (["--auth=off", "--host=0.0.0.0"], {}, "--auth=off is for this machine alone"),
        ([], {}, "nobody has a key"),
        (["--rate=often"], {}, "is no rate"),
        ([], {"OIDC_ISSUER": "https://issuer.test"}, "belong together"),
    ],
)
def test_it_does_not_begin_when_nobody_or_everybody_could_ask(
    words: list[str], variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name in ("KEYS_FILE", "KEYS_SHA256", "OIDC_ISSUER", "OIDC_AUDIENCE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert launch(["api", "serve", *words, "--output=json"]) == 2
    assert said in capsys.readouterr().err


FUZZED = schemathesis.openapi.from_asgi("/openapi.json", app(sources(Memory(transactions=NOTES))), config=fuzzing())


@FUZZED.parametrize()
def test_whatever_the_schema_allows_or_forbids_is_answered_as_it_says(case: schemathesis.Case) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"})
