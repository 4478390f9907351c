"""Every operation of the API, gathered from beside the routes."""

from __future__ import annotations

from itertools import chain

from forebay.api import (
    batch_outcomes,
    batches,
    compaction,
    conversations,
    counting,
    file_content,
    files,
    front_page,
    health,
    inference_operations,
    message_batches,
    models,
    organization,
    response_lists,
    responses_socket,
    stored,
    stored_chats,
    uploads,
    webhook_endpoints,
)
from forebay.api.docs import routes as docs_routes
from forebay.api.openapi.operation import Group, Operation

_ORDER = {group: place for place, group in enumerate(Group)}


def every_operation() -> tuple[Operation, ...]:
    """Return the operations, group by group."""
    gathered = chain(
        inference_operations.OPERATIONS,
        counting.OPERATIONS,
        message_batches.OPERATIONS,
        compaction.OPERATIONS,
        response_lists.OPERATIONS,
        stored.OPERATIONS,
        responses_socket.OPERATIONS,
        stored_chats.OPERATIONS,
        conversations.OPERATIONS,
        files.OPERATIONS,
        file_content.OPERATIONS,
        uploads.OPERATIONS,
        batches.OPERATIONS,
        batch_outcomes.OPERATIONS,
        webhook_endpoints.OPERATIONS,
        models.OPERATIONS,
        organization.OPERATIONS,
        front_page.OPERATIONS,
        health.OPERATIONS,
        docs_routes.OPERATIONS,
    )
    return tuple(sorted(gathered, key=lambda operation: _ORDER[operation.group]))
