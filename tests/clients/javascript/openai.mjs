// openai: embeddings, models and moderations.

import { LONG, MANY, TEXT, UNICODE, close, equal, packages, reference, refused, run, server } from "./checks.mjs";

const OpenAI = packages("openai").default;

const embeddings = await server("embeddings");
const classifier = await server("classifier");
const client = ({ url }) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 });
const create = (body) => client(embeddings).embeddings.create({ model: embeddings.model, ...body });

await run({
  "vectors are those of sentence-transformers": async () => {
    const answer = await create({ input: [TEXT, UNICODE] });
    equal([answer.object, answer.model, answer.data.length], ["list", embeddings.model, 2]);
    close([...answer.data[0].embedding], reference(embeddings, "sentence-embeddings", TEXT));
    equal(answer.usage.prompt_tokens > 0, true, "tokens");
  },
  "numbers are the same if they are asked for": async () => {
    const answer = await create({ input: TEXT, encoding_format: "float" });
    close(answer.data[0].embedding, reference(embeddings, "sentence-embeddings", TEXT));
  },
  "dimensions shorten vectors": async () => {
    const answer = await create({ input: [TEXT, UNICODE], dimensions: 8 });
    const expected = reference(embeddings, "sentence-embeddings", [TEXT, UNICODE], { dimensions: 8 });
    close(answer.data.map((entry) => [...entry.embedding]), expected);
  },
  "models are listed and found by name": async () => {
    const names = [];
    for await (const model of client(embeddings).models.list()) names.push(model.id);
    equal(names, [embeddings.model]);
    equal((await client(embeddings).models.retrieve(embeddings.model)).object, "model");
    const error = await refused(OpenAI.NotFoundError, () => client(embeddings).models.retrieve("org/nobody"), "nobody");
    equal([error.status, error.code], [404, "model_not_found"]);
  },
  "moderations have the labels of the classifier": async () => {
    const answer = await client(classifier).moderations.create({ input: [TEXT, TEXT] });
    equal(answer.results.length, 2, "results");
    const scores = answer.results[0].category_scores;
    equal(scores["self-harm/intent"], 0, "a score of OpenAI's");
    close(scores.negative + scores.neutral + scores.positive, 1);
  },
  "each answer has an id": async () => {
    equal(typeof (await create({ input: TEXT }))._request_id, "string", "id");
    const error = await refused(OpenAI.NotFoundError, () => client(embeddings).models.retrieve("nobody"));
    equal(typeof error.requestID, "string", "id");
  },
  "wrong requests are bad requests": async () => {
    for (const wrong of [{ input: 5 }, { input: [] }, { input: TEXT, dimensions: 0 }, { input: TEXT, encoding_format: "hex" }]) {
      const error = await refused(OpenAI.BadRequestError, () => create(wrong));
      equal([error.status, error.type], [400, "invalid_request_error"], JSON.stringify(wrong));
    }
  },
  "texts that are too long and too many are bad requests": async () => {
    await refused(OpenAI.BadRequestError, () => create({ input: LONG }), "token");
    await refused(OpenAI.BadRequestError, () => create({ input: MANY }), "257");
    equal((await refused(OpenAI.APIError, () => create({ input: LONG.repeat(100) }))).status, 413, "status");
  },
  "what a server does not have is not found": async () => {
    const ask = () => client(classifier).embeddings.create({ model: "m", input: TEXT });
    const error = await refused(OpenAI.NotFoundError, ask);
    equal(error.message.includes("no body"), false, error.message);
    const messages = [{ role: "user", content: TEXT }];
    const chat = () => client(embeddings).chat.completions.create({ model: "m", messages });
    equal((await refused(OpenAI.NotFoundError, chat)).type, "invalid_request_error");
  },
});
