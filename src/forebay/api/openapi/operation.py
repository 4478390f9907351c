"""One operation of the API, as its description has it: written beside the route that answers it.

Types stand for JSON schemas: a `msgspec.Struct` for an object, and whatever else msgspec makes a
schema of. So what is said of a body is what the code reads it by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from string import Formatter

import msgspec

from forebay.core.errors import ForebayError
from forebay.dialects.parameters import Parameters
from forebay.dialects.turn import JsonObject

JSON = "application/json"
EVENTS = "text/event-stream"


class Group(StrEnum):
    """What operations are gathered under, in the order in which they are shown."""

    CHAT = "Chat Completions"
    RESPONSES = "Responses"
    CONVERSATIONS = "Conversations"
    MESSAGES = "Anthropic Messages"
    COMPLETIONS = "Completions"
    EMBEDDINGS = "Embeddings"
    FILES = "Files"
    BATCHES = "Batches"
    WEBHOOKS = "Webhooks"
    MODELS = "Models"
    ORGANIZATION = "Administration"
    SERVICE = "Service"


class Key(StrEnum):
    """Whose key an operation asks for."""

    NONE = "none"
    ANY = "any"
    ADMIN = "admin"


class Words(StrEnum):
    """In whose words an operation says its errors."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    CALLERS = "callers"  # Anthropic's for who sends `anthropic-version`, else OpenAI's


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or a header; `kind` is the type of its values."""

    name: str
    kind: object
    what: str
    is_header: bool = False


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A JSON body. `also` has the types of the fields that are read past the shape, or closer.

    `named` is the name of a body that is read by the shape of another. `required` are fields
    without which a body is refused although its shape would take it, `optional` the reverse.
    """

    shape: type[msgspec.Struct]
    parameters: Parameters | None = None
    also: Mapping[str, object] = field(default_factory=dict)
    named: str | None = None
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FormBody:
    """A multipart form; fields of type `bytes` are files."""

    shape: type[msgspec.Struct]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call is answered with when all is well.

    `shape` is the type of the JSON, or a tuple of the types that it may have; `event` that of the
    events' data, where the caller may ask for a stream, which ends with `[DONE]` if it `has_end`.
    What is no JSON has no shape.
    """

    what: str
    shape: object = None
    event: object = None
    has_end: bool = True
    status: int = 200
    media_type: str = JSON


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """A method on a path, and everything that a caller must know of it.

    `runs` says that a turn is run in an engine; `raises` names errors beyond those that follow from
    the rest. An `example` is a body that is taken as it stands, once MODEL names a served model.
    """

    method: str
    path: str
    group: Group
    summary: str
    answer: Answer
    what: str = ""
    body: JsonBody | FormBody | None = None
    parameters: tuple[Parameter, ...] = ()
    example: JsonObject | None = None
    key: Key = Key.ANY
    words: Words = Words.OPENAI
    runs: bool = False
    is_websocket: bool = False
    raises: tuple[type[ForebayError], ...] = ()
    more_answers: tuple[Answer, ...] = ()

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names in the path, in their order."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.path) if name)

    @property
    def id(self) -> str:
        """A word for the operation that no other has."""
        method = "websocket" if self.is_websocket else self.method.lower()
        words = [method, *self.path.removeprefix("/v1").split("/")]
        return "_".join([word.strip("{}").replace(".", "_") for word in words if word])


MODEL = "MODEL"
"""What stands in examples for the name of a model."""
