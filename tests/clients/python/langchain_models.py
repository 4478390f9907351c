"""A tool loop through LangChain's models of both vendors."""

# mypy: disable-error-code="import-not-found, untyped-decorator"
# LangChain lives in the environment that this script runs in, not in the one that checks it.

from __future__ import annotations

from typing import Protocol

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from tests.clients.python.stage import JsonObject, model, perform


class ChatModel(Protocol):
    """What is used of a LangChain model."""

    def bind_tools(self, tools: list[object]) -> ChatModel: ...

    def invoke(self, messages: list[BaseMessage]) -> BaseMessage: ...


@tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"21 degrees in {city}"


def openai_chat() -> JsonObject:
    """Use Chat Completions."""
    return _looped(ChatOpenAI(model=model(), max_retries=0))


def openai_chat_streamed() -> JsonObject:
    """Use Chat Completions, streamed."""
    return _looped(ChatOpenAI(model=model(), max_retries=0, streaming=True))


def openai_responses() -> JsonObject:
    """Use Responses."""
    return _looped(ChatOpenAI(model=model(), max_retries=0, use_responses_api=True))


def anthropic() -> JsonObject:
    """Use Messages."""
    return _looped(ChatAnthropic(model_name=model(), max_retries=0))


def anthropic_streamed() -> JsonObject:
    """Use Messages, streamed."""
    return _looped(ChatAnthropic(model_name=model(), max_retries=0, streaming=True))


def embeddings() -> JsonObject:
    """Embed texts."""
    # By default the client sends tokens, and fetches the tokenizer's words from the network.
    embedder = OpenAIEmbeddings(model=model(), check_embedding_ctx_length=False)
    return {"vectors": embedder.embed_documents(["ab", "abc"])}


def _looped(chat: ChatModel) -> JsonObject:
    bound = chat.bind_tools([weather])
    messages: list[BaseMessage] = [HumanMessage("What is the weather in `Paris`?")]
    first = bound.invoke(messages)
    (call,) = first.tool_calls
    messages += [first, weather.invoke(call)]
    return {"name": call["name"], "text": bound.invoke(messages).text}


if __name__ == "__main__":
    perform(
        openai_chat,
        openai_chat_streamed,
        openai_responses,
        anthropic,
        anthropic_streamed,
        embeddings,
    )
