"""Every API that has a table of parameters, with the cases of what it honours."""

from __future__ import annotations

from tests.dialects.honoured_chat import CHAT
from tests.dialects.honoured_messages import COUNT_TOKENS, MESSAGES
from tests.dialects.honoured_responses import COMPACT, INPUT_TOKENS, RESPONSES
from tests.dialects.honoured_texts import COMPLETIONS, EMBEDDINGS

APIS = (CHAT, RESPONSES, COMPACT, INPUT_TOKENS, MESSAGES, COUNT_TOKENS, COMPLETIONS, EMBEDDINGS)
