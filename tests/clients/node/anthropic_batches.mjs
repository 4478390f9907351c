// Message Batches through Anthropic's client for Node.

import Anthropic from "@anthropic-ai/sdk";

import { model, perform, refusal } from "./stage.mjs";

const POLL_MS = 50;
const client = new Anthropic({ maxRetries: 0 });
const { batches } = client.messages;

function request(id, content, more = {}) {
  const params = { model, max_tokens: 99, messages: [{ role: "user", content }], ...more };
  return { custom_id: id, params };
}

async function ended(batch) {
  while (batch.processing_status !== "ended") {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    batch = await batches.retrieve(batch.id);
  }
  return batch;
}

async function results(id) {
  const byName = {};
  for await (const { custom_id, result } of await batches.results(id)) byName[custom_id] = result;
  return byName;
}

await perform({
  async ended() {
    const requests = [request("good", "hello"), request("bad", "hello", { max_tokens: 0 })];
    const made = await batches.create({ requests });
    const batch = await ended(made);
    const { good, bad } = await results(batch.id);
    const deleted = await batches.delete(batch.id);
    return {
      before: made.request_counts,
      after: batch.request_counts,
      text: good.message.content[0].text,
      error: bad.error.error.type,
      deleted: deleted.type,
      later: await refusal(batches.retrieve(batch.id)),
    };
  },

  async canceled() {
    const made = await batches.create({ requests: [request("one", "wait")] });
    const deletion = await refusal(batches.delete(made.id));
    const early = await batches.results(made.id).catch((error) => error.message.split(";")[0]);
    await batches.cancel(made.id);
    const { request_counts } = await ended(made);
    return { deletion, early, after: request_counts, type: (await results(made.id)).one.type };
  },

  async listed() {
    const made = [];
    for (const name of ["one", "two", "three"]) {
      made.push((await batches.create({ requests: [request(name, "hello")] })).id);
    }
    const down = [];
    for await (const { id } of batches.list({ limit: 2 })) down.push(id);
    const up = [];
    for await (const { id } of batches.list({ before_id: made[0], limit: 1 })) up.push(id);
    return {
      down: down.slice(0, 3).join() === made.toReversed().join(),
      isNoneTwice: new Set(down).size === down.length,
      up: up.join() === made.slice(1).join(),
    };
  },
});
