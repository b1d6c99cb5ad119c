// What the JavaScript clients' tests share: servers by task, reference answers, and a line for each check.
// Packages are those in the folder that PILOTLIGHT_CLIENTS names.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

export const packages = createRequire(`${process.env.PILOTLIGHT_CLIENTS}/javascript/package.json`);

export const TEXT = "My name is Sarah and I live in London.";
export const UNICODE = "Zoë Müller\u00a0met 李雷 in 北京 – ﬁnally! 🙂 Ｐａｒｉｓ";
// More tokens than any of the tiny models reads.
export const LONG = "The weather in Paris is mild, but the winter in Warsaw is cold and long. ".repeat(40);
// More texts than a request may have.
export const MANY = Array(257).fill("a");

const MODELS = new URL("../../../crates/testing/models/", import.meta.url);

// The server of a task: its URL and the name of its model.
export async function server(task) {
  const variable = `PILOTLIGHT_${task.toUpperCase().replaceAll("-", "_")}`;
  const url = process.env[variable]?.replace(/\/$/, "");
  if (!url) throw new Error(`${variable} is not set; it is the URL of a server for ${task}`);
  const models = await (await fetch(`${url}/v1/models`)).json();
  return { url, model: models.data[0].id };
}

// What transformers or sentence-transformers answers.
export function reference({ model }, task, inputs, parameters) {
  const request = JSON.stringify(parameters ? { inputs, parameters } : { inputs });
  const answers = JSON.parse(readFileSync(new URL(`${model}/answers.json`, MODELS), "utf8"));
  const found = answers.find((one) => one.task === task && JSON.stringify(one.request) === request && !one.files);
  if (!found) throw new Error(`${model} has no reference answer to ${task} ${request}`);
  return found.answer;
}

export function equal(found, expected, what = "value") {
  const [one, other] = [found, expected].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`${what} is ${one}, expected ${other}`);
}

// Checks numbers, and lists and objects of them.
export function close(found, expected, what = "value", tolerance = 1e-5) {
  if (typeof expected === "number") {
    const most = tolerance * Math.max(1, Math.abs(expected));
    if (!(Math.abs(found - expected) <= most)) throw new Error(`${what} is ${found}, expected ${expected}`);
  } else if (expected !== null && typeof expected === "object") {
    equal(Object.keys(found).sort(), Object.keys(expected).sort(), `keys of ${what}`);
    for (const key of Object.keys(expected)) close(found[key], expected[key], `${what}.${key}`, tolerance);
  } else equal(found, expected, what);
}

// Checks that a call fails with an error of a class, with `text` in its message.
export async function refused(kind, call, text = "") {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    if (!error.message.toLowerCase().includes(text.toLowerCase())) {
      throw new Error(`"${text}" is not in "${error.message}"`);
    }
    return error;
  }
  throw new Error(`answered ${JSON.stringify(answer)?.slice(0, 200)}, expected ${kind.name}`);
}

// Runs all checks; each has a name that says what holds.
export async function run(checks) {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      const place = error.stack?.match(/[^/]+\.mjs:\d+(?=:\d+\)?$)/gm)?.find((line) => !line.startsWith("checks"));
      console.log(`FAILED  ${name} (${place}): ${error.name}: ${error.message}`);
    }
  }
  console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
