// Messages, models and errors through Anthropic's client for Node.

import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { z } from "zod";

import { model, perform, refusal } from "./stage.mjs";

const client = new Anthropic({ maxRetries: 0 });
const base = { model, max_tokens: 2048 };
const asked = (prompt) => ({ ...base, messages: [{ role: "user", content: prompt }] });
const weather = betaZodTool({
  name: "weather",
  description: "Tell the weather in a city.",
  inputSchema: z.object({ city: z.string() }),
  run: ({ city }) => `21 degrees in ${city}`,
});

await perform({
  async plain() {
    const message = await client.messages.create(asked("hello"));
    return { text: message.content[0].text, stopReason: message.stop_reason };
  },

  async streamed() {
    const stream = client.messages.stream(asked("hello"));
    const pieces = [];
    stream.on("text", (piece) => pieces.push(piece));
    const message = await stream.finalMessage();
    return { pieces, stopReason: message.stop_reason };
  },

  async tools() {
    const { run, parse, ...tool } = weather;
    const request = { ...asked("The weather in `Paris`?"), tools: [tool] };
    const first = await client.messages.create(request);
    const use = first.content.at(-1);
    const result = { type: "tool_result", tool_use_id: use.id, content: "21 degrees" };
    const second = await client.messages.create({
      ...request,
      messages: [
        ...request.messages,
        { role: "assistant", content: first.content },
        { role: "user", content: [result] },
      ],
    });
    return { input: use.input, text: second.content[0].text };
  },

  // The client calls the tool by itself until there is an answer.
  async toolRunner() {
    const request = asked("The weather in `Rome`?");
    const message = await client.beta.messages.toolRunner({ ...request, tools: [weather] });
    return { text: message.content[0].text };
  },

  async thought() {
    const thinking = { type: "enabled", budget_tokens: 1024 };
    const stream = client.messages.stream({ ...asked("think"), thinking });
    const pieces = [];
    stream.on("thinking", (piece) => pieces.push(piece));
    const message = await stream.finalMessage();
    return { kinds: message.content.map((block) => block.type), thoughts: pieces.join("") };
  },

  async counted() {
    const { max_tokens, ...request } = asked("one two three");
    return { isPositive: (await client.messages.countTokens(request)).input_tokens > 0 };
  },

  async models() {
    const listed = [];
    for await (const each of client.models.list()) listed.push(each.id);
    return { listed, found: (await client.models.retrieve(model)).id };
  },

  unknownModel: () => refusal(client.messages.create({ ...asked("hello"), model: "none" })),

  wrongKey: () =>
    refusal(client.withOptions({ apiKey: "wrong" }).messages.create(asked("hello"))),

  noRoom: () => refusal(client.messages.create({ ...asked("hello"), max_tokens: 0 })),
});
