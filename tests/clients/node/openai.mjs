// Chat Completions and what is beside it, through OpenAI's client for Node.

import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { model, perform, refusal } from "./stage.mjs";

const client = new OpenAI({ maxRetries: 0 });
const Weather = z.object({ city: z.string(), days: z.number() });
const asked = (prompt) => [{ role: "user", content: prompt }];

await perform({
  async plain() {
    const answer = await client.chat.completions.create({ model, messages: asked("hello") });
    return { text: answer.choices[0].message.content, outputTokens: answer.usage.completion_tokens };
  },

  async streamed() {
    const stream = client.chat.completions.stream({ model, messages: asked("hello") });
    const pieces = [];
    stream.on("content", (piece) => pieces.push(piece));
    const answer = await stream.finalChatCompletion();
    return { pieces: pieces.filter(Boolean), text: answer.choices[0].message.content };
  },

  // The client calls the tool by itself until there is an answer.
  async tools() {
    const weather = zodFunction({
      name: "weather",
      description: "Tell the weather in a city.",
      parameters: Weather,
      function: ({ city, days }) => `${days} days of sun in ${city}`,
    });
    const runner = client.chat.completions.runTools({
      model,
      messages: asked("What is the weather in `Paris`?"),
      tools: [weather],
    });
    return { text: await runner.finalContent() };
  },

  async parsed() {
    const answer = await client.chat.completions.parse({
      model,
      messages: asked("The weather in `Rome`?"),
      response_format: zodResponseFormat(Weather, "weather"),
    });
    return answer.choices[0].message.parsed;
  },

  async embedded() {
    const answer = await client.embeddings.create({ model, input: ["ab", "abc"] });
    return { vectors: answer.data.map((item) => item.embedding) };
  },

  async completed() {
    const answer = await client.completions.create({ model, prompt: "Once upon", max_tokens: 16 });
    return { text: answer.choices[0].text };
  },

  async models() {
    const listed = [];
    for await (const each of client.models.list()) listed.push(each.id);
    return { listed, found: (await client.models.retrieve(model)).id };
  },

  unknownModel: () =>
    refusal(client.chat.completions.create({ model: "no-such-model", messages: asked("hello") })),

  wrongKey: () =>
    refusal(
      client
        .withOptions({ apiKey: "wrong" })
        .chat.completions.create({ model, messages: asked("hello") }),
    ),

  wrongType: () => refusal(client.chat.completions.create({ model, messages: asked(7) })),
});
