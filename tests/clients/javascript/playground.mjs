// The pages for browsers, in Chromium: the playground at `GET /` and the API reference at `GET /docs`.

import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { text as read } from "node:stream/consumers";
import { promisify } from "node:util";

import { accessible, focused, noProblems, page, tabOrder } from "./browser.mjs";
import { TEXT, UNICODE, close, equal, reference, run, server } from "./checks.mjs";

const NAMES = ["embeddings", "classifier", "reranker", "ner", "zero-shot", "qa", "fill-mask", "tensors", "voice"];
const servers = Object.fromEntries(await Promise.all(NAMES.map(async (name) => [name, await server(name)])));

const QUESTION = "What is the capital of France?";
const PARIS = "The capital of France is Paris.";
const MATCH = "The team won the match in Berlin.";
const BORN = { question: "Where was she born?", context: "Marie Curie was born in Warsaw and moved to Paris, where she studied physics." };
const GUITAR = "A man is playing a guitar.";
const SENTENCES = ["A man plays the guitar.", "A woman is reading a book.", "Stocks fell on Monday.", UNICODE];
const MASKS = "<mask> is in <mask>.";
const MARKUP = "It's \"Sarah\" \\ 100 % $HOME `id` 🙂 é\n<img src=x onerror=alert(1)> <b>null</b> {label}";

// A WAV file of 0.4 s: silence, and a loud tone.
const RECORDING = wav(Array.from({ length: 6400 }, (_, at) => (at < 1600 ? 0 : at % 20 < 10 ? 20_000 : -20_000)));

function wav(samples) {
  const header = Buffer.alloc(44);
  const size = samples.length * 2;
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + size, 4);
  header.write("WAVEfmt ", 8);
  [[16, 4], [1, 2], [1, 2], [16_000, 4], [32_000, 4], [2, 2], [16, 2]].reduce((at, [value, bytes]) => header.writeUIntLE(value, at, bytes), 16);
  header.write("data", 36);
  header.writeUInt32LE(size, 40);
  return Buffer.concat([header, Buffer.from(Int16Array.from(samples).buffer)]);
}

// The page shows numbers with four digits behind the point, or two.
const [FOUR, TWO] = [6e-5, 6e-3];

/* What the playground shows as an answer */

const answer = page.locator("#answer");

// Highlighted parts of a text.
const marks = () => answer.locator("mark").evaluateAll((nodes) => nodes.map((node) => {
  const [label, score] = node.querySelector("small").textContent.split(" ");
  return { word: node.firstChild.data, label, score: Number(score) };
}));

// Lists of bars.
const bars = () => answer.locator(".bars").evaluateAll((lists) => lists.map(({ children }) => [...children].map((item) => {
  const [name, score] = [...item.querySelectorAll("span")].map((node) => node.textContent);
  const width = parseFloat(item.querySelector("hr").style.getPropertyValue("--share")) / 100;
  return { name, score: Number(score), width, note: item.querySelector("p")?.textContent };
})));

async function barsAre(expected) {
  const lists = expected.map((list) => list.map(({ name, score, note }) => ({ name, score, width: score, note })));
  close(await bars(), lists, "bars", FOUR);
}

// The cells of the matrix.
const matrix = () => answer.locator("tbody tr").evaluateAll((rows) => {
  return rows.map((row) => [...row.querySelectorAll("td")].map((cell) => Number(cell.textContent)));
});

// The first numbers below each drawing of a vector.
const numbers = async () => {
  const texts = await answer.locator("svg + p").allTextContents();
  return texts.map((text) => text.split(": ")[1].split(", ").slice(0, 6).map(Number));
};

const part = (text, { start, end }) => [...text].slice(start, end).join("");
const similarities = () => reference(servers.embeddings, "sentence-similarity", { source_sentence: GUITAR, sentences: SENTENCES });

// Servers and tasks, with what is filled in. Each function checks what is shown, and returns how the summary starts.
const TASKS = [
  ["ner", "token-classification", { text: UNICODE }, async () => {
    const expected = reference(servers.ner, "token-classification", UNICODE, { aggregation_strategy: "simple" });
    const found = expected.map((one) => ({ word: part(UNICODE, one), label: one.entity_group, score: one.score }));
    close(await marks(), found, "marks", TWO);
    return `${expected.length} entities`;
  }],
  ["ner", "redact", { text: TEXT, placeholder: "<$&{label}>" }, async ({ text, entities }) => {
    equal(await answer.locator(".marked").textContent(), text);
    equal(await answer.locator("mark").allTextContents(), entities.map((one) => `<$&${one.entity_group}>`));
    return `${entities.length} entities redacted`;
  }],
  ["classifier", "text-classification", { text: QUESTION, pair: PARIS }, async () => {
    const inputs = { text: QUESTION, text_pair: PARIS };
    const expected = reference(servers.classifier, "text-classification", inputs, { top_k: null });
    await barsAre([expected.map(({ label: name, score }) => ({ name, score }))]);
    return `${expected[0].label} is first of 3 labels`;
  }],
  ["zero-shot", "zero-shot-classification", { text: MATCH, labels: "sports, politics,travel", multi: true }, async () => {
    const parameters = { candidate_labels: ["sports", "politics", "travel"], multi_label: true };
    const { labels, scores } = reference(servers["zero-shot"], "zero-shot-classification", MATCH, parameters);
    await barsAre([labels.map((name, at) => ({ name, score: scores[at] }))]);
    return `${labels[0]} is first of 3 labels`;
  }],
  ["embeddings", "sentence-embeddings", { texts: [GUITAR, ...SENTENCES, TEXT].join("\n") }, async () => {
    const cosines = await matrix();
    close(cosines[0].slice(0, 5), [1, ...similarities()], "cosines", TWO);
    equal(cosines.map((row, at) => [row[at], row.length]), Array(6).fill([1, 6]), "diagonal");
    const vector = reference(servers.embeddings, "sentence-embeddings", TEXT);
    close((await numbers())[5], vector.slice(0, 6), "numbers", FOUR);
    return `6 vectors of ${vector.length} dimensions`;
  }],
  ["embeddings", "sentence-similarity", { source: GUITAR, sentences: SENTENCES.join("\n") }, async () => {
    await barsAre([similarities().map((score, at) => ({ name: SENTENCES[at], score }))]);
    return "4 sentences compared";
  }],
  ["embeddings", "feature-extraction", { text: MATCH }, async () => {
    const [tokens] = reference(servers.embeddings, "feature-extraction", MATCH);
    const shown = tokens.slice(0, 12).map((token) => token.slice(0, 6));
    close(await numbers(), shown, "numbers", FOUR);
    return `${tokens.length} tokens of ${tokens[0].length} columns`;
  }],
  ["reranker", "reranking", { query: UNICODE, texts: SENTENCES.join("\n") }, async () => {
    const expected = reference(servers.reranker, "reranking", { query: UNICODE, texts: SENTENCES });
    const note = (index) => `Text ${index + 1} of the request`;
    await barsAre([expected.map(({ index, score }) => ({ name: SENTENCES[index], score, note: note(index) }))]);
    return "4 texts sorted";
  }],
  ["qa", "question-answering", BORN, async () => {
    const [best, ...others] = reference(servers.qa, "question-answering", BORN, { top_k: 3 });
    close(await marks(), [{ word: best.answer, label: "answer", score: best.score }], "marks", TWO);
    await barsAre([others.map(({ answer: name, score }) => ({ name, score }))]);
    return `“${best.answer}”`;
  }],
  ["fill-mask", "fill-mask", { text: MASKS }, async () => {
    const masks = reference(servers["fill-mask"], "fill-mask", MASKS);
    await barsAre(masks.map((mask) => mask.map(({ token_str: name, score, sequence: note }) => ({ name, score, note }))));
    return `“${masks.map(([best]) => best.token_str).join("”, “")}”`;
  }],
  ["voice", "voice-activity-detection", { sound: RECORDING }, async ({ duration, segments, probabilities }) => {
    close(await numbers(), [probabilities.slice(0, 6)], "numbers", FOUR);
    const times = segments.map(({ start, end }) => `${start.toFixed(2)} to ${end.toFixed(2)} s`);
    equal(await answer.locator(".chips li").allTextContents(), times);
    equal([duration, probabilities.length, probabilities.at(-1) > 0.5], [0.4, 13, true]);
    return `${segments.length} segment${segments.length === 1 ? "" : "s"} of speech in 0.4 s`;
  }],
  ["tensors", "tensors", {}, async () => {
    equal(await numbers(), [Array(6).fill(2)], "numbers");
    return "1 tensor";
  }],
];

/* Use of the playground */

async function open(name) {
  await page.goto(servers[name].url);
  await page.locator("#app").waitFor();
}

async function fill(task, values) {
  await page.locator(`input[value="${task}"]`).check();
  for (const [key, value] of Object.entries(values)) {
    const field = page.locator(`#field-${key}`);
    if (Buffer.isBuffer(value)) {
      await field.setInputFiles({ name: "recording.wav", mimeType: "audio/wav", buffer: value });
      // The page reads it first.
      await page.locator("#code").filter({ hasText: value.toString("base64").slice(0, 40) }).waitFor();
      continue;
    }
    await (typeof value === "boolean" ? field.setChecked(value) : field.fill(value));
  }
}

const click = () => page.getByRole("button", { name: "Send" }).click();

// Sends the request, and returns the response once it is shown.
async function send(start = click) {
  const [response] = await Promise.all([page.waitForResponse("**/v1/*"), start()]);
  await page.locator("#result[aria-busy=false]").waitFor();
  return response;
}

async function timesAreShown(headers) {
  const rows = await page.locator(".times tr").evaluateAll((rows) => {
    return rows.map(({ cells }) => [cells[0].textContent, parseFloat(cells[1].textContent)]);
  });
  const [, total] = rows.at(-1);
  close(rows.slice(0, -1).reduce((sum, [, time]) => sum + time, 0), total, "sum of times", 0.1);
  const expected = ["Network, browser and host", "Tokenization", "Inference", "Other work of the function", "Total, seen by this browser"];
  if (headers["server-timing"]) expected.splice(1, 0, "Waiting for an instance");
  // Whether an instance is ready depends on how busy the machine is.
  equal(rows.map(([name]) => name).filter((name) => name !== "Creating the instance"), expected, "times");
  const below = await page.locator("#time").innerText();
  equal(below.includes(`x-request-id: ${headers["x-request-id"]}`), true, below);
}

async function rawAnswerIsShown(body) {
  await page.locator("#raw summary").click();
  equal(await page.locator("#raw-about").innerText(), `Status 200 · application/json · ${body.length} bytes`);
  equal(JSON.parse(await page.locator("#raw-text").textContent()), JSON.parse(body), "raw answer");
}

async function taskIsShown([name, task, values, check]) {
  await open(name);
  equal(await page.title(), `${servers[name].model} – Pilotlight playground`);
  const offered = await page.getByRole("radio").evaluateAll((nodes) => nodes.map(({ value }) => value));
  equal(offered.filter((one) => !TASKS.some(([, known]) => known === one)), [], "tasks without a check");
  await fill(task, values);
  const response = await send();
  equal(response.status(), 200, "status");
  const summary = `${await check(await response.json())}, answered in T ms.`;
  equal((await page.locator("#status").innerText()).replace(/[\d.]+ ms/, "T ms"), summary);
  equal(new URL(page.url()).hash, `#${task}`);
  await timesAreShown(response.headers());
  await rawAnswerIsShown(await response.body());
  await keepCode(response.request());
  await accessible(task);
  noProblems();
}

/* Code that the playground shows */

const LANGUAGES = {
  curl: { program: ["sh", "-ec"], codes: [] },
  Python: { program: [`${process.env.PILOTLIGHT_CLIENTS}/python/bin/python`, "-c"], codes: [] },
  JavaScript: { program: [process.execPath, "--input-type=module", "-e"], codes: [], block: (code) => `{ ${code} }` },
};
// What the page has sent, which the code has to send, too.
const sent = [];

async function keepCode(request) {
  const { origin, pathname } = new URL(request.url());
  sent.push(["POST", pathname, "application/json", request.postDataJSON()]);
  for (const [name, { codes }] of Object.entries(LANGUAGES)) {
    await page.getByRole("tab", { name }).click();
    const code = await page.locator("#code").textContent();
    equal(code.split(origin).length, 2, `addresses in ${code}`);
    codes.push(code.replace(origin, "ORIGIN"));
  }
}

// Runs all code in a language as one program, and returns what it sends.
async function sentBy({ program: [program, ...options], codes, block = String }) {
  const received = [];
  const recorder = createServer(async (request, response) => {
    const { method, url, headers } = request;
    received.push([method, url, headers["content-type"], JSON.parse(await read(request))]);
    response.end("{}");
  });
  await new Promise((listening) => recorder.listen(0, "127.0.0.1", listening));
  const code = codes.map(block).join("\n").replaceAll("ORIGIN", `http://127.0.0.1:${recorder.address().port}`);
  await promisify(execFile)(program, [...options, code], { timeout: 20_000 });
  return received;
}

await run({
  ...Object.fromEntries(TASKS.map((task) => [`the playground shows ${task[1]}`, () => taskIsShown(task)])),
  "markup in a text is text, in the answer and in code": async () => {
    await open("ner");
    await fill("token-classification", { text: MARKUP });
    const response = await send();
    const entities = await response.json();
    equal((await marks()).map(({ word }) => word), entities.map((one) => part(MARKUP, one)));
    equal(await answer.locator("img, b").count(), 0, "elements");
    await keepCode(response.request());
    noProblems();
  },
  "code in each language sends what the page has sent": async () => {
    equal(await Promise.all(Object.values(LANGUAGES).map(sentBy)), [sent, sent, sent]);
  },
  "the Tab key reaches everything": async () => {
    await open("ner");
    await send();
    const fields = ["token-classification", "field-text", "send"];
    equal(await tabOrder(), [...fields, "tab-curl", "copy-code", "code", "Raw answer", "Model information", "OpenAPI"]);
    noProblems();
  },
  "everything is done with keys": async () => {
    await open("ner");
    await page.locator("input[value=token-classification]").press("ArrowRight");
    equal(await page.locator("input[value=redact]").isChecked(), true, "redaction is chosen");
    await send(() => page.locator("#field-text").press("Control+Enter"));
    await send(() => page.locator("#field-placeholder").press("Enter"));
    for (const [key, tab] of [["ArrowRight", "Python"], ["ArrowLeft", "curl"], ["ArrowLeft", "JavaScript"]]) {
      await page.locator("[role=tab][aria-selected=true]").press(key);
      equal((await focused()).name, `tab-${tab}`, key);
    }
    await page.locator("#copy-code").press("Enter");
    await page.getByRole("button", { name: "Copied" }).waitFor();
    equal(await page.evaluate(() => navigator.clipboard.readText()), await page.locator("#code").textContent(), "clipboard");
    noProblems();
  },
  "what the microphone hears is told while it is on": async () => {
    await open("voice");
    await page.getByRole("button", { name: "Use the microphone" }).click();
    await page.locator("#status").filter({ hasText: /segments? of speech in [1-9]/ }).waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("button", { name: "Use the microphone" }).waitFor();
    equal(await page.locator("#error").innerText(), "");
    noProblems();
  },
  "an error is shown until the next request": async () => {
    await open("fill-mask");
    await fill("fill-mask", { text: "no gap" });
    const { error, error_type: kind } = await (await send()).json();
    equal((await page.locator("#error").innerText()).split(/\s*\n/), [`422 ${kind}`, error]);
    equal(await answer.textContent(), "", "answer");
    await accessible("error");
    await fill("fill-mask", { text: MASKS });
    await send();
    equal(await page.locator("#error").innerText(), "");
    noProblems(["Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)"]);
  },
  "what is not JSON is not sent": async () => {
    await open("tensors");
    await fill("tensors", { json: '{"inputs": [' });
    await click();
    await page.getByRole("alert").getByText("The request is not JSON").waitFor();
    equal((await focused()).name, "field-json");
    equal(await page.locator("#code").innerText(), "The request is not JSON.");
    noProblems();
  },
  "the reference lists all operations": async () => {
    for (const { url } of Object.values(servers)) {
      await page.goto(`${url}/docs`);
      await page.locator("#operations summary").first().waitFor();
      const { paths } = await (await fetch(`${url}/openapi.json`)).json();
      const operations = Object.entries(paths).flatMap(([path, methods]) => {
        return Object.entries(methods).map(([method, { summary }]) => `${method.toUpperCase()}${path} ${summary}`);
      });
      equal((await page.locator("#operations summary").allTextContents()).sort(), operations.sort(), url);
    }
    noProblems();
  },
  "the reference shows requests and answers": async () => {
    await page.goto(`${servers.embeddings.url}/docs`);
    const operation = page.locator("details").filter({ hasText: "/v1/sentence-embeddings" });
    await operation.locator("summary").press("Enter");
    equal(await operation.locator("p").allInnerTexts(), ["Request", "Answer"]);
    for (const schema of await operation.locator("pre").allInnerTexts()) JSON.parse(schema);
    await accessible("docs");
    noProblems();
  },
  "the reference says that there is no document": async () => {
    await page.route("**/openapi.json", (route) => route.fulfill({ status: 401, json: {} }));
    await page.goto(`${servers.embeddings.url}/docs`);
    await page.getByText("openapi.json could not be read: status 401").waitFor();
    await page.unroute("**/openapi.json");
    noProblems(["Failed to load resource: the server responded with a status of 401 (Unauthorized)"]);
  },
});
