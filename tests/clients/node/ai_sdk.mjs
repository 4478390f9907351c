// A loop of several steps with a tool, through Vercel's AI SDK on each of the three APIs.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { embedMany, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { model, perform } from "./stage.mjs";

const openai = createOpenAI();
// Unlike Anthropic's own client, this one wants the version in the address.
const anthropic = createAnthropic({ baseURL: `${process.env.ANTHROPIC_BASE_URL}/v1` });

const weather = tool({
  description: "Tell the weather in a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `21 degrees in ${city}`,
});
const task = (chosen) => ({
  model: chosen,
  prompt: "What is the weather in `Paris`?",
  tools: { weather },
  stopWhen: stepCountIs(5),
  maxRetries: 0,
});

async function looped(chosen) {
  const { text, steps } = await generateText(task(chosen));
  return { text, steps: steps.length };
}

async function streamed(chosen) {
  const result = streamText({ ...task(chosen), onError: () => {} });
  return { text: await result.text, steps: (await result.steps).length };
}

await perform({
  responses: () => looped(openai(model)),
  responsesStreamed: () => streamed(openai(model)),
  chat: () => looped(openai.chat(model)),
  chatStreamed: () => streamed(openai.chat(model)),
  messages: () => looped(anthropic(model)),
  messagesStreamed: () => streamed(anthropic(model)),

  async object() {
    const schema = z.object({ city: z.string(), days: z.number() });
    const prompt = "The weather in `Rome`?";
    return (await generateObject({ model: openai(model), schema, prompt, maxRetries: 0 })).object;
  },

  async embeddings() {
    const values = ["ab", "abc"];
    return { vectors: (await embedMany({ model: openai.embedding(model), values })).embeddings };
  },
});
