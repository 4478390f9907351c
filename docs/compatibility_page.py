"""Makes docs/compatibility.md from the dialects' own tables: `make docs`."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from docs.compatibility_values import VALUES, Values
from forebay.dialects import (
    chat,
    compaction,
    completions,
    embeddings,
    messages,
    responses,
    token_counts,
)
from forebay.dialects.parameters import Parameters

PAGE = Path(__file__).with_name("compatibility.md")

HEAD = """\
# Compatibility, parameter by parameter

Made from the code by `make docs`. Every official parameter of the inference APIs is *honoured*,
*refused* by name with a 400 (ignoring it would change the result), or *accepted without effect*
(hints and telemetry). A few are honoured *in part*: what they ask beyond that changes nothing, or
is refused by name. What stands inside the parameters is listed under [Values](#values).
"""

VALUES_HEAD = """\
## Values

Where values are of several kinds, each is *honoured*, *accepted without effect*, or *refused* with
a 400. `.*` stands for the keys of an object, and a `*` at the end of a value for its versions.
"""

BATCHES = """\
## Files, uploads and batches

OpenAI's `/v1/files`, `/v1/uploads` and `/v1/batches`, and Anthropic's `/v1/messages/batches`, with
their objects, states and codes. [Batches](batches.md) tells how they are used. What differs:

- Limits are settings. The lines of a batch may name several models.
- A batch may name any completion window of the bands `deadline` and `bulk`, not `24h` alone.
- On a line, `stream: true` is refused by validation; `background`, `previous_response_id` and
  `conversation` are refused by its result.
- A batch names its output file, and its error file, from the first line of each on.
- An upload that is completed again answers with its file.
- A Message Batch takes `metadata.completion_window`, and no other metadata.

| beyond the vendors' | what it does |
|---|---|
| `offset`, `skip` of `GET /v1/files/{id}/content` | leaves out so many lines; results come with \
`X-Incomplete` and `X-Last-Line`, also while their batch runs |
| `requests` of `POST /v1/batches` | requests in the body, in the place of a file |
| `GET /v1/batches/{id}/results/{custom_id}` | one result |
| `GET /v1/batches/{id}/report` | what a batch came to: lines, tokens, money, time |
| `POST /v1/batches/{id}/accept` | verdicts from downstream, counted by the report |
| `POST /v1/batches/{id}/retry` | runs again what failed, as a new batch |
"""

FOREBAYS_OWN = """\
## Forebay's own

| metadata key | what it does |
|---|---|
| `completion_window` | names the window; on a batch line only the batch's own |
| `completion_webhook` | called once when a background response ends, with what `GET` returns |
| `webhook_token` | sent with that call as `Authorization: Bearer`; sealed, never shown again |
| `session`, `group` | names of your own; `GET /v1/responses` lists by them |
| `review`, `on_late` | refused: not supported yet |

| header | what it does |
|---|---|
| `X-Completion-Window` | names the window where a client cannot set metadata |
| `Idempotency-Key`, `anthropic-idempotency-key` | honoured on every POST that creates something, \
but for a project's key, where it is refused: what is shown once cannot be shown again |

Answers carry what is Forebay's own under one key, `forebay`: `window`, `cost` and
`window_missed`, and in the background also `deadline_at`, `attempt` and `retry_of`; while a
response waits, `position`, `expected_start_at` and `expected_at`; while it runs, `progress`.
Batches carry `window`, `deadline_at`, `cost`, `window_missed` and `retry_of` there, until they end
also `expected_at`, and while they run `progress`; Message Batches carry `window`, `deadline_at` and
`cost`; models their aliases and prices, and a webhook endpoint that was disabled `disabled_at`.
"""

APIS: dict[str, Parameters] = {
    "`POST /v1/chat/completions`": chat.PARAMETERS,
    "`POST /v1/responses`": responses.PARAMETERS,
    "`POST /v1/responses/compact`": compaction.PARAMETERS,
    "`POST /v1/responses/input_tokens`": token_counts.RESPONSE_PARAMETERS,
    "`POST /v1/messages`": messages.PARAMETERS,
    "`POST /v1/messages/count_tokens`": token_counts.MESSAGE_PARAMETERS,
    "`POST /v1/embeddings`": embeddings.PARAMETERS,
    "`POST /v1/completions`": completions.PARAMETERS,
}


def page() -> str:
    """Return the page as it should stand in the folder."""
    sections = [_section(name, table) for name, table in APIS.items()]
    values = [_values_of(path, rows) for path, rows in VALUES.items()]
    return "\n".join([HEAD, *sections, VALUES_HEAD, *values, BATCHES, FOREBAYS_OWN])


def _values_of(path: str, rows: tuple[Values, ...]) -> str:
    return "\n".join(
        [
            f"### Values of `POST {path}`",
            "",
            "| where | honoured | without effect | refused | |",
            "|---|---|---|---|---|",
            *(
                f"| `{row.place}` | {_names(row.honoured)} | {_names(row.dropped)} | "
                f"{_names(row.refused)} | {row.remark} |"
                for row in rows
            ),
            "",
        ]
    )


def _section(name: str, table: Parameters) -> str:
    refused = [
        f"| `{parameter}` | {refusal.reason} | {_values(refusal.neutral)} |"
        for parameter, refusal in sorted(table.refused.items())
    ]
    head = ["| refused | because | let through |", "|---|---|---|"]
    return "\n".join(
        [
            f"## {name}",
            "",
            f"**Honoured:** {_names(table.honoured)}",
            "",
            *(f"**In part:** `{name}` {what}\n" for name, what in sorted(table.partly.items())),
            f"**Accepted without effect:** {_names(table.without_effect)}",
            "",
            *([*head, *refused, ""] if refused else []),
        ]
    )


def _names(names: Set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"


def _values(values: tuple[object, ...]) -> str:
    return ", ".join(f"`{value!r}`" for value in values) or "`None`"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
