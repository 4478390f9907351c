"""The values on the page of compatibility: each is taken, or not, as the page says."""

from __future__ import annotations

from collections.abc import Set
from fnmatch import fnmatch

import pytest

from docs.compatibility_values import VALUES, Values
from forebay.core.clock import Instant
from forebay.core.errors import InvalidParameter, UnsupportedParameter
from forebay.core.models import Model, ModelKind
from forebay.core.money import Price, PriceList
from forebay.core.windows import DEFAULT_WINDOWS
from forebay.dialects.chat import ChatDialect
from forebay.dialects.completions import CompletionsDialect
from forebay.dialects.dialect import Dialect, DialectName
from forebay.dialects.embeddings import EmbeddingsDialect
from forebay.dialects.messages import MessagesDialect
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.responses_history import resolved
from forebay.dialects.turn import Delta, JsonObject, Turn
from forebay.lanes.admission import Admission, Caller
from forebay.lanes.catalogue import Catalogue
from forebay.lanes.image_parts import image_parts
from tests.dialects.apis import APIS
from tests.dialects.calls import events, finish, outcome_of, reasoning, streamed
from tests.docs.sdk_values import OFFICIAL
from tests.docs.value_samples import CIPHER, PROJECT, REFERENCE, SAMPLES, USER
from tests.fakes import CountingIds, ManualClock

CALLER = Caller(project_id=PROJECT, key_id="key_1")
DIALECTS: dict[str, Dialect] = {
    "/v1/chat/completions": ChatDialect(),
    "/v1/responses": ResponsesDialect(CIPHER),
    "/v1/messages": MessagesDialect(),
    "/v1/completions": CompletionsDialect(),
    "/v1/embeddings": EmbeddingsDialect(),
}
BODIES: dict[str, JsonObject] = {api.path: api.body for api in APIS}
TOKEN: JsonObject = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
SAID = [*reasoning("hm"), Delta(text="a", logprobs=(TOKEN,)), *finish()]
VECTOR = [Delta(embeddings=([0.5, 0.5],)), *finish()]

ROWS = [(path, values) for path, rows in VALUES.items() for values in rows]


def seen(path: str, body: JsonObject) -> tuple[object, ...]:
    """Return all that a value may change: the turn, the window, the answer, what is told of usage.

    Raises `RequestRejected` for a body that is refused.
    """
    dialect = DIALECTS[path]
    if dialect.name is DialectName.RESPONSES:
        body = resolved(body, {REFERENCE: USER})
    accepted = admission(dialect.name).admit(dialect.name, body, CALLER)
    if isinstance(accepted.turn, Turn):
        image_parts(accepted.turn, max_images=1)
    deltas = VECTOR if dialect.name is DialectName.EMBEDDINGS else SAID
    final = dialect.final(accepted.call, outcome_of(deltas))
    answer = [final.get(name) for name in ("choices", "output", "content", "data")]
    usages: list[object] = []
    if accepted.call.wishes.is_streamed:
        usages = [event.get("usage") for event in events(streamed(dialect, accepted.call, deltas))]
    return accepted.turn, accepted.window.name, answer, usages


def admission(name: DialectName) -> Admission:
    """Return a door to a model that this API can use; the next id is always the same."""
    catalogue = Catalogue()
    catalogue.add(
        Model(
            name="m",
            aliases=(),
            kind=ModelKind.EMBEDDING if name is DialectName.EMBEDDINGS else ModelKind.CHAT,
            windows=DEFAULT_WINDOWS,
            prices=PriceList(asap=Price(input=1, cached=1, output=1)),
            currency="USD",
            created_at=Instant(0),
        )
    )
    dialects = {dialect.name: dialect for dialect in DIALECTS.values()}
    return Admission(catalogue, dialects, clock=ManualClock(), new_id=CountingIds())


def spelled_out(path: str, values: Values, among: Set[str]) -> list[str]:
    """Return the values, those that end in `*` as the vendor's SDK has them."""
    official = OFFICIAL[path, values.place]
    return sorted(
        {
            name
            for value in among
            for name in (
                [known for known in official if fnmatch(known, value)] if "*" in value else [value]
            )
        }
    )


def cases(kind: str) -> list[object]:
    return [
        pytest.param(path, values.place, value, id=f"{path}-{values.place}-{value}")
        for path, values in ROWS
        for value in spelled_out(path, values, getattr(values, kind))
    ]


def having(path: str, place: str, value: str) -> JsonObject:
    return {**BODIES[path], **SAMPLES[path, place].having(value)}


def lacking(path: str, place: str) -> JsonObject:
    return {**BODIES[path], **SAMPLES[path, place].lacking}


@pytest.mark.parametrize(("path", "place", "value"), cases("honoured"))
def test_an_honoured_value_changes_something_unless_it_is_the_usual_one(
    path: str, place: str, value: str
) -> None:
    (values,) = [row for row in VALUES[path] if row.place == place]
    is_changed = seen(path, having(path, place, value)) != seen(path, lacking(path, place))
    assert is_changed == (value not in values.usual)


@pytest.mark.parametrize(("path", "place", "value"), cases("dropped"))
def test_a_value_without_effect_changes_nothing(path: str, place: str, value: str) -> None:
    assert seen(path, having(path, place, value)) == seen(path, lacking(path, place))


@pytest.mark.parametrize(("path", "place", "value"), cases("refused"))
def test_a_refused_value_is_refused_and_nothing_else_of_its_body(
    path: str, place: str, value: str
) -> None:
    seen(path, lacking(path, place))
    with pytest.raises((UnsupportedParameter, InvalidParameter)):
        seen(path, having(path, place, value))


@pytest.mark.parametrize(
    ("path", "values"), [pytest.param(*row, id=f"{row[0]}-{row[1].place}") for row in ROWS]
)
def test_every_official_value_is_in_exactly_one_class(path: str, values: Values) -> None:
    classes = (values.honoured, values.dropped, values.refused)
    for value in OFFICIAL[path, values.place]:
        found = [any(fnmatch(value, listed) for listed in among) for among in classes]
        assert found.count(True) == 1, value
    assert values.usual <= values.honoured


@pytest.mark.parametrize("path", VALUES)
def test_a_parameter_with_values_without_effect_is_honoured_in_part_at_most(path: str) -> None:
    (api,) = [api for api in APIS if api.path == path]
    places = {values.place for values in VALUES[path] if values.dropped}
    parameters = {place.split(".")[0].split("[")[0] for place in places}
    assert parameters & api.parameters.honoured == set()


def test_every_value_has_its_sample_and_every_sample_its_values() -> None:
    places = {(path, values.place) for path, values in ROWS}
    assert places == SAMPLES.keys() == OFFICIAL.keys()
