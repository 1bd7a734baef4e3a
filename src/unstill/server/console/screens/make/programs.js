/**
 * The same request as a program, for four clients. Pure.
 *
 * Each of them makes the video, waits for its end and saves it or says where it is. The key is read
 * from a variable of the environment, and the pictures from the folder that the program is run in.
 */

import { formName } from "./fields.js";

/**
 * @typedef {import("./fields.js").Values} Values
 * @typedef {import("../../data/models.js").Post} Post
 *
 * @typedef {object} Asked
 * @property {string} server its address, without a slash at the end
 * @property {string} model
 * @property {Post[]} posts
 * @property {Values} fields
 * @property {boolean} hasLast
 * @property {boolean} asksForKey
 *
 * @typedef {object} Program
 * @property {"curl" | "openai-python" | "openai-node" | "dashscope"} id
 * @property {string} name
 * @property {string} file what it can be saved as
 * @property {string} needs how to get what it imports
 * @property {string} text
 */

export const KEY_NAME = "UNSTILL_API_KEY";
export const FIRST_FILE = "photo.jpg";
export const LAST_FILE = "last.jpg";
/** What OpenAI's SDK for Python has parameters for; the rest goes beside them. */
const OPENAI_OWN = ["prompt", "seconds", "size"];

/** @param {Asked} asked @returns {Program[]} those that the server has the API of */
export function programsFor(asked) {
  const videos = asked.posts.find(
    (each) => each.dialect === "videos" && each.path === "/v1/videos",
  );
  const dashscope = asked.posts.find((each) => each.dialect === "dashscope");
  /** @type {Program[]} */
  const programs = [];
  if (videos) programs.push(curl(asked, videos), python(asked, videos), node(asked, videos));
  if (dashscope) programs.push(dashscopePython(asked, dashscope));
  return programs;
}

/** A text in single quotes for a shell. @param {string} text */
const shellText = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** JSON's texts are texts of Python and of JavaScript too. @param {unknown} text */
const quoted = (text) => JSON.stringify(String(text));

/** @param {import("./fields.js").Value} value */
const pythonValue = (value) =>
  typeof value === "boolean" ? (value ? "True" : "False") : JSON.stringify(value);

/** @param {Asked} asked @param {Post} post @returns {Program} */
function curl({ asksForKey, fields, hasLast, model, server }, post) {
  const key = asksForKey ? ` -H "Authorization: Bearer $${KEY_NAME}"` : "";
  const given = Object.entries({ model, ...fields }).map(
    ([name, value]) =>
      `  --form-string ${shellText(`${formName(post.names[name] ?? name)}=${value}`)} \\`,
  );
  const last = hasLast ? ` \\\n  -F ${formName(post.names.last_frame ?? "")}=@${LAST_FILE}` : "";
  const text = `\
SERVER=${shellText(server)}
VIDEO=$(curl -sS --fail-with-body "$SERVER/v1/videos"${key} \\
${given.join("\n")}
  -F ${formName(post.names.first_frame ?? "")}=@${FIRST_FILE}${last} | tee answer.json | grep -o '"id":"[^"]*' | head -n 1 | cut -d '"' -f 4)
[ "$VIDEO" ] || { cat answer.json >&2; exit 1; }
until curl -sS "$SERVER/v1/videos/$VIDEO"${key} |
  grep -qiE '"status":"(completed|success|failed|failure)"'; do sleep 1; done
curl -sS --fail-with-body -o video.mp4 "$SERVER/v1/videos/$VIDEO/content"${key}
echo "$VIDEO"
`;
  return { id: "curl", name: "curl", file: "make.sh", needs: "", text };
}

/** @param {Asked} asked */
const pythonKey = ({ asksForKey }) => (asksForKey ? `os.environ["${KEY_NAME}"]` : '"none"');

/** @param {Asked} asked @param {Post} post @returns {Program} */
function python(asked, post) {
  const { asksForKey, fields, hasLast, model, server } = asked;
  const given = Object.entries(fields).map(([name, value]) => ({
    name: post.names[name] ?? name,
    value,
  }));
  const own = given.filter(({ name }) => OPENAI_OWN.includes(name));
  // The SDK insists on one, and the server takes an empty one for none.
  if (!("prompt" in fields)) own.unshift({ name: "prompt", value: "" });
  const more = given
    .filter(({ name }) => !OPENAI_OWN.includes(name))
    .map(({ name, value }) => `        ${quoted(name)}: ${pythonValue(value)},`);
  if (hasLast) {
    more.push(
      `        ${quoted(post.names.last_frame)}: "data:;base64," + b64encode(last).decode(),`,
    );
  }
  const lines = [
    ...(hasLast ? ["from base64 import b64encode"] : []),
    ...(asksForKey ? ["import os"] : []),
    "from pathlib import Path",
    "",
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url=${quoted(`${server}/v1`)}, api_key=${pythonKey(asked)})`,
    ...(hasLast ? [`last = Path("${LAST_FILE}").read_bytes()`] : []),
    "video = client.videos.create_and_poll(",
    `    model=${quoted(model)},`,
    ...own.map(({ name, value }) => `    ${name}=${quoted(value)},`),
    `    input_reference=Path("${FIRST_FILE}"),`,
    ...(more.length ? ["    extra_body={", ...more, "    },"] : []),
    ")",
    "print(video.id, video.status)",
    'client.videos.download_content(video.id).write_to_file("video.mp4")',
    "",
  ];
  const text = lines.join("\n");
  return {
    id: "openai-python",
    name: "OpenAI SDK, Python",
    file: "make.py",
    needs: "pip install openai",
    text,
  };
}

/** @param {Asked} asked @param {Post} post @returns {Program} */
function node({ asksForKey, fields, hasLast, model, server }, post) {
  const given = Object.entries({ model, prompt: "", ...fields }).map(
    ([name, value]) => `  ${post.names[name] ?? name}: ${quoted(value)},`,
  );
  const last = hasLast ? [`  ${post.names.last_frame}: createReadStream("${LAST_FILE}"),`] : [];
  const key = asksForKey ? `process.env.${KEY_NAME}` : '"none"';
  const text = `\
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${quoted(`${server}/v1`)}, apiKey: ${key} });
let video = await client.videos.create({
${[...given, `  ${post.names.first_frame}: createReadStream("${FIRST_FILE}"),`, ...last].join("\n")}
});
while (video.status === "queued" || video.status === "in_progress") {
  await pause(1000);
  video = await client.videos.retrieve(video.id);
}
console.log(video.id, video.status);
const answer = await client.videos.downloadContent(video.id);
await writeFile("video.mp4", Buffer.from(await answer.arrayBuffer()));
`;
  return {
    id: "openai-node",
    name: "OpenAI SDK, Node",
    file: "make.mjs",
    needs: "npm install openai",
    text,
  };
}

/** @param {Asked} asked @param {Post} post @returns {Program} */
function dashscopePython(asked, post) {
  const { fields, hasLast, model, server } = asked;
  const given = Object.entries(fields).map(([name, value]) => {
    const wire = (post.names[name] ?? name).split(".").at(-1);
    return `    ${wire}=${pythonValue(value)},`;
  });
  const picture = (/** @type {string} */ role, /** @type {string} */ file) =>
    `        {"type": "${role}", "url": "file://" + os.path.abspath("${file}")},`;
  const text = [
    "import os",
    "",
    "import dashscope",
    "",
    `dashscope.base_http_api_url = ${quoted(`${server}/api/v1`)}`,
    "done = dashscope.VideoSynthesis.call(",
    `    api_key=${pythonKey(asked)},`,
    `    model=${quoted(model)},`,
    ...given,
    "    media=[",
    picture("first_frame", FIRST_FILE),
    ...(hasLast ? [picture("last_frame", LAST_FILE)] : []),
    "    ],",
    ")",
    "print(done.output.task_id, done.output.task_status, done.output.video_url)",
    "",
  ].join("\n");
  return {
    id: "dashscope",
    name: "DashScope SDK",
    file: "make.py",
    needs: "pip install dashscope",
    text,
  };
}
