// Files, uploads and batches through OpenAI's client for Node.

import OpenAI, { toFile } from "openai";

import { model, perform, refusal } from "./stage.mjs";

const POLL_MS = 50;
const endpoint = "/v1/chat/completions";
const client = new OpenAI({ maxRetries: 0 });

function row(id, content, more = {}) {
  const body = { model, messages: [{ role: "user", content }], ...more };
  return JSON.stringify({ custom_id: id, method: "POST", url: endpoint, body });
}

async function submitted(...rows) {
  const file = await toFile(Buffer.from(rows.join("\n")), "rows.jsonl");
  const { id } = await client.files.create({ file, purpose: "batch" });
  await client.files.waitForProcessing(id);
  return client.batches.create({ input_file_id: id, endpoint, completion_window: "24h" });
}

async function ended(batch) {
  while (["validating", "in_progress", "finalizing", "cancelling"].includes(batch.status)) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    batch = await client.batches.retrieve(batch.id);
  }
  return batch;
}

async function results(fileId) {
  const text = await (await client.files.content(fileId)).text();
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

await perform({
  async completed() {
    const made = await submitted(row("good", "hello"), row("bad", "hello", { temperature: "hot" }));
    const batch = await ended(made);
    const [good] = await results(batch.output_file_id);
    const [bad] = await results(batch.error_file_id);
    return {
      status: batch.status,
      counts: batch.request_counts,
      text: good.response.body.choices[0].message.content,
      refused: [bad.custom_id, bad.response.status_code],
    };
  },

  async failed() {
    const { status, errors } = await ended(await submitted(row("one", "hello"), "no JSON"));
    return { status, errors: errors.data.map(({ line, code }) => [line, code]) };
  },

  async cancelled() {
    const made = await submitted(row("one", "wait"));
    await client.batches.cancel(made.id);
    const { status, output_file_id } = await ended(made);
    return { status, hasOutput: !!output_file_id };
  },

  async listed() {
    const made = [];
    for (const name of ["one", "two", "three"]) made.push((await submitted(row(name, "hello"))).id);
    const found = [];
    for await (const { id } of client.batches.list({ limit: 2 })) {
      if (made.includes(id)) found.push(id);
      if (found.length === made.length) break;
    }
    return { areInOrder: found.join() === made.reverse().join() };
  },

  // Parts are sent at the same time, as this client has no helper for uploads.
  async uploaded() {
    const pieces = ["some ", "notes ", "in parts"].map((text) => Buffer.from(text));
    const { id } = await client.uploads.create({
      filename: "notes.txt",
      purpose: "user_data",
      mime_type: "text/plain",
      bytes: Buffer.concat(pieces).length,
    });
    const parts = await Promise.all(
      pieces.map(async (piece) =>
        client.uploads.parts.create(id, { data: await toFile(piece, "part") }),
      ),
    );
    const upload = await client.uploads.complete(id, { part_ids: parts.map((part) => part.id) });
    const text = await (await client.files.content(upload.file.id)).text();
    await client.files.delete(upload.file.id);
    return { text, later: await refusal(client.files.retrieve(upload.file.id)) };
  },
});
