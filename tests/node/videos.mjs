// A program that uses OpenAI's Node SDK as its documents show. It prints one line of JSON for each
// thing that it did: what came back, or the error's class and fields.
//
// Where the server is and its key are in the SDK's own variables, OPENAI_BASE_URL and
// OPENAI_API_KEY. The only argument is JSON: the server through a proxy that loses replies
// (`stormy`), a port that takes connections and never answers (`silent`), one where nobody listens
// (`gone`), a `photo` on disk, and the URL of a `picture`.

import { createReadStream, openAsBlob } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

import OpenAI, { toFile } from "openai";

const given = JSON.parse(process.argv[2]);
const SIZE = "256x320";
const POLL_MS = 100;

const client = new OpenAI({ maxRetries: 0 });
const at = (url, options) => client.withOptions({ baseURL: `${url}/v1`, ...options });

function say(step, what) {
  console.log(JSON.stringify({ step, ...what }));
}

async function tried(step, act) {
  try {
    say(step, { came: await act() });
  } catch (error) {
    const { status, code, param, type, requestID, message } = error;
    say(step, { error: error.constructor.name, status, code, param, type, requestID, message });
  }
}

async function ended(made) {
  let video = made;
  const shown = [];
  while (video.status === "queued" || video.status === "in_progress") {
    shown.push(video.progress);
    await pause(POLL_MS);
    video = await client.videos.retrieve(video.id);
  }
  return { video, shown };
}

async function collected(pages) {
  const ids = [];
  for await (const video of pages) ids.push(video.id);
  return ids;
}

// --- every shape of a picture ---------------------------------------------------------------------

const photo = await readFile(given.photo);
const named = { headers: { "Idempotency-Key": "one picture" } };
const shapes = {
  stream: () => createReadStream(given.photo),
  buffer: () => toFile(photo, "photo.jpg"),
  typed: () => toFile(photo, "photo", { type: "image/png" }), // it is a JPEG
  file: () => new File([photo], "photo.jpg"),
  blob: () => openAsBlob(given.photo),
  response: () => fetch(given.picture),
};
for (const [shape, make] of Object.entries(shapes)) {
  await tried(shape, async () =>
    client.videos.create({ prompt: "pan", input_reference: await make(), size: SIZE }, named),
  );
}
await tried("bare buffer", () => client.videos.create({ prompt: "pan", input_reference: photo }));
await tried("url of its own", () =>
  client.videos.create({
    model: "wan2.7-i2v",
    prompt: "pan",
    input_reference: {
      content: [{ type: "image_url", role: "first_frame", image_url: { url: given.picture } }],
    },
    size: "320x256",
    seconds: "2",
    seed: 7,
    generate_audio: false,
  }),
);

// --- from a URL to the mp4 --------------------------------------------------------------------------

await tried("life", async () => {
  const { data, request_id, response } = await client.videos
    .create({
      model: "sora-2",
      prompt: "push in slowly",
      input_reference: { image_url: given.picture },
      size: SIZE,
      seconds: "4",
    })
    .withResponse();
  const { video, shown } = await ended(data);
  const answer = await client.videos.downloadContent(video.id);
  const mp4 = Buffer.from(await answer.arrayBuffer());
  const part = await client.videos.downloadContent(video.id, { headers: { Range: "bytes=4-7" } });
  const found = await client.videos.retrieve(video.id);
  const newest = (await client.videos.list({ limit: 1 })).data[0];
  const deleted = await client.videos.delete(video.id);
  return {
    created: data,
    shown,
    video,
    found,
    newest: newest.id,
    deleted,
    requestIds: [request_id, data._request_id, response.headers.get("x-request-id")],
    pollAfterMs: response.headers.get("openai-poll-after-ms"),
    type: answer.headers.get("content-type"),
    promised: Number(answer.headers.get("content-length")),
    bytes: mp4.length,
    box: mp4.subarray(4, 8).toString(),
    part: [part.status, await part.text()],
  };
});

await tried("failure", async () => {
  const input_reference = { image_url: `${given.picture}.lost` };
  const { video } = await ended(await client.videos.create({ prompt: "pan", input_reference }));
  return video;
});

// --- lists --------------------------------------------------------------------------------------------

await tried("list", async () => ({
  by_3: await collected(client.videos.list({ limit: 3 })),
  whole: await collected(client.videos.list()),
  oldest_first: await collected(client.videos.list({ limit: 2, order: "asc" })),
}));
await tried("models", async () => (await client.models.list()).data.map((model) => model.id));

// --- errors -------------------------------------------------------------------------------------------

const picture = { input_reference: { image_url: given.picture } };

await tried("no picture", () => client.videos.create({ prompt: "pan" }));
await tried("wrong seconds", () =>
  client.videos.create({ prompt: "pan", seconds: "5", ...picture }),
);
await tried("no such model", () =>
  client.videos.create({ prompt: "pan", model: "sora-3", ...picture }),
);
await tried("too early", async () => {
  const video = await client.videos.create({ prompt: "pan", seconds: "12", ...picture });
  try {
    return await client.videos.downloadContent(video.id);
  } finally {
    await client.videos.delete(video.id);
  }
});
await tried("wrong key", () => client.withOptions({ apiKey: "sk-wrong" }).videos.list());
await tried("not there", () => client.videos.retrieve("0"));
await tried("model not there", () => client.models.retrieve("sora-3"));
await tried("key used again", async () => {
  const headers = { "Idempotency-Key": "for one thing" };
  await client.videos.create({ prompt: "one thing", ...picture }, { headers });
  return client.videos.create({ prompt: "another thing", ...picture }, { headers });
});
await tried("too large", async () =>
  client.videos.create({
    prompt: "pan",
    input_reference: await toFile(Buffer.alloc(65 * 2 ** 20)),
  }),
);
await tried("strange body", () =>
  client.post("/videos", { body: "a cat", headers: { "Content-Type": "text/plain" } }),
);
await tried("no engine", () =>
  client.videos.create({ prompt: "pan", model: "happyhorse-1.0-i2v", ...picture }),
);
await tried("gone", () => at(given.gone).videos.retrieve("0"));
await tried("silent", () => at(given.silent, { timeout: 200 }).videos.retrieve("0"));
await tried("aborted", async () => {
  const controller = new AbortController();
  const asking = at(given.silent).videos.retrieve("0", { signal: controller.signal });
  controller.abort();
  return asking;
});

// --- retries ------------------------------------------------------------------------------------------

await tried("storm", async () => {
  const before = await collected(client.videos.list());
  const video = await at(given.stormy, { maxRetries: 6 }).videos.create({
    prompt: "through a storm",
    ...picture,
  });
  const after = await collected(client.videos.list());
  return { id: video.id, made: after.filter((id) => !before.includes(id)) };
});
