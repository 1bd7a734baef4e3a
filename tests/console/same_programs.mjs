// Reads pairs of programs as JSON, and prints the names of those that are not the same program.
import { text } from "node:stream/consumers";
import { parse } from "acorn";

const shape = (program) =>
  JSON.stringify(parse(program, { ecmaVersion: "latest", sourceType: "module" }), (key, value) => {
    if (key === "start" || key === "end") return undefined;
    return typeof value === "bigint" ? `${value}n` : value;
  });

const pairs = JSON.parse(await text(process.stdin));
const others = pairs.filter(({ written, sent }) => shape(written) !== shape(sent));
console.log(JSON.stringify({ compared: pairs.length, others: others.map((each) => each.path) }));
