import httpx
import msgspec

from api.app import RESOURCES
from api.examples import EXAMPLES
from api.problems import STATUS
from api.services import Part
from streams.log.errors import LogUnavailable
from tests.integration.api.people import Person, expect, new_visitor
from tests.integration.api.stack import Stack


async def test_health_and_readiness(stack: Stack) -> None:
    client = stack.client()
    assert (await expect(await client.get("/healthz"), 200)) == {"ok": True, "parts": {}}
    ready = await client.get("/readyz")
    assert ready.json()["parts"]["deciders"]["detail"] == "decides"


async def test_a_part_that_does_not_work_is_named(stack: Stack) -> None:
    stack.log.failing = LogUnavailable("disk full")
    stack.services.checks["log"] = _broken  # type: ignore[index]
    answer = await stack.client().get("/readyz")
    stack.log.failing = None
    assert answer.status_code == 503
    assert answer.json()["parts"]["log"] == {"ok": False, "detail": "disk full"}


async def _broken() -> Part:
    return Part(False, "disk full")


async def test_metrics_name_their_units_and_routes(stack: Stack, admin: Person) -> None:
    await new_visitor(stack, "acme")
    await admin.http.get("/v1/chats/unknown")
    text = (await stack.client().get("/metrics")).text
    assert 'deskstream_http_request_duration_seconds_count{method="POST",route="/v1/visitors"}' in (
        text
    )
    assert 'deskstream_http_requests_total{method="GET",route="/v1/chats/{chat}",status="404"}' in (
        text
    )
    assert "deskstream_actions_total " in text
    assert "/v1/chats/unknown" not in text


async def test_the_documentation_loads_nothing_from_elsewhere(stack: Stack) -> None:
    client = stack.client()
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("http-equiv", "")
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png", "start.js"):
        assert (await client.get(f"/docs/{asset}")).status_code == 200
    assert (await client.get("/docs/nothing")).status_code == 404


async def test_every_problem_explains_itself(stack: Stack) -> None:
    for code, status in STATUS.items():
        explained = await expect(await stack.client().get(f"/problems/{code}"), 200)
        assert explained["status"] == status
    await expect(await stack.client().get("/problems/none"), 404)


async def test_every_operation_is_described_in_full(stack: Stack) -> None:
    document = stack.app.openapi()
    ids = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = f"{method} {path}"
            assert operation["operationId"] not in ids, name
            ids.add(operation["operationId"])
            assert operation["summary"], name
            assert operation["tags"], name
            assert "security" in operation, name
            responses = operation["responses"]
            assert any(status.startswith(("2", "1")) for status in responses), name
            for status, response in responses.items():
                assert response["description"], name
                if status.startswith(("4", "5")) and path != "/readyz":
                    assert "application/problem+json" in response["content"], name
            if method in ("post", "put", "patch", "delete") and operation["security"]:
                assert "401" in responses, name
                assert "403" in responses, name


async def test_every_reference_leads_somewhere(stack: Stack) -> None:
    document = stack.app.openapi()

    def look(node: object) -> None:
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str):
                kind, name = reference.removeprefix("#/components/").split("/")
                assert name in document["components"][kind], reference
            for value in node.values():
                look(value)
        elif isinstance(node, list):
            for value in node:
                look(value)

    look(document)


def test_every_record_of_the_api_has_a_true_example() -> None:
    records = {record.__name__: record for resource in RESOURCES for record in resource.records}
    assert set(records) <= set(EXAMPLES)
    for name, record in records.items():
        shown: object = msgspec.convert(EXAMPLES[name], record)
        assert msgspec.json.encode(shown)


async def test_the_document_is_served(stack: Stack) -> None:
    answer = await stack.client().get("/openapi.json")
    assert answer.json()["openapi"].startswith("3.1")
    assert isinstance(answer, httpx.Response)
