// The Responses API and conversations, through OpenAI's client for Node.

import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

import { model, perform, refusal } from "./stage.mjs";

const POLL_MS = 50;
const client = new OpenAI({ maxRetries: 0 });
const Weather = z.object({ city: z.string(), days: z.number() });
const weather = {
  type: "function",
  name: "weather",
  description: "Tell the weather in a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  strict: true,
};

await perform({
  async plain() {
    const response = await client.responses.create({ model, input: "hello" });
    return { status: response.status, text: response.output_text };
  },

  async streamed() {
    const stream = client.responses.stream({ model, input: "hello" });
    const pieces = [];
    stream.on("response.output_text.delta", (event) => pieces.push(event.delta));
    const response = await stream.finalResponse();
    return { pieces, text: response.output_text };
  },

  async tools() {
    const input = [{ role: "user", content: "What is the weather in `Paris`?" }];
    const first = await client.responses.create({ model, input, tools: [weather] });
    const call = first.output.at(-1);
    const result = { type: "function_call_output", call_id: call.call_id, output: "21 degrees" };
    const second = await client.responses.create({
      model,
      input: [...input, call, result],
      tools: [weather],
    });
    return { arguments: call.arguments, text: second.output_text };
  },

  async parsed() {
    const response = await client.responses.parse({
      model,
      input: "The weather in `Rome`?",
      text: { format: zodTextFormat(Weather, "weather") },
    });
    return response.output_parsed;
  },

  async background() {
    let response = await client.responses.create({ model, input: "hello", background: true });
    while (["queued", "in_progress"].includes(response.status)) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      response = await client.responses.retrieve(response.id);
    }
    return { status: response.status, text: response.output_text };
  },

  async deleted() {
    const made = await client.responses.create({ model, input: "hello" });
    await client.responses.delete(made.id);
    return refusal(client.responses.retrieve(made.id));
  },

  async inputItems() {
    const input = ["one", "two", "three"].map((content) => ({ role: "user", content }));
    const made = await client.responses.create({ model, input });
    const texts = [];
    const query = { order: "asc", limit: 2 };
    for await (const item of client.responses.inputItems.list(made.id, query)) {
      texts.push(item.content[0].text);
    }
    return { texts };
  },

  async continued() {
    const first = await client.responses.create({ model, input: "My name is Ada." });
    const second = await client.responses.create({
      model,
      input: "Who am I?",
      previous_response_id: first.id,
    });
    return { isNamed: second.previous_response_id === first.id, text: second.output_text };
  },

  async conversation() {
    const items = [{ type: "message", role: "user", content: "My name is Ada." }];
    const held = await client.conversations.create({ items });
    await client.responses.create({ model, input: "Who am I?", conversation: held.id });
    const kept = [];
    for await (const item of client.conversations.items.list(held.id, { order: "asc" })) {
      kept.push(item.role);
    }
    return { kept, isDeleted: (await client.conversations.delete(held.id)).deleted };
  },

  async counted() {
    const count = await client.responses.inputTokens.count({ model, input: "one two three" });
    return { isPositive: count.input_tokens > 0 };
  },
});
