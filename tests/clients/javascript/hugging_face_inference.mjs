// @huggingface/inference: all tasks at the server's own address.

import { LONG, MANY, TEXT, UNICODE, close, equal, packages, reference, refused, run, server } from "./checks.mjs";

const { InferenceClient, InferenceClientProviderApiError } = packages("@huggingface/inference");

const [embeddings, classifier, ner, zeroShot, qa, fillMask] = await Promise.all(
  ["embeddings", "classifier", "ner", "zero-shot", "qa", "fill-mask"].map(server),
);
const client = ({ url }, path = "") => new InferenceClient().endpoint(url + path);
const PHONE = "I love this phone: the battery lasts two days.";

await run({
  "feature extraction has one vector for each text": async () => {
    const expected = reference(embeddings, "sentence-embeddings", TEXT);
    for (const path of ["", "/embed", "/models/org/name"]) {
      close(await client(embeddings, path).featureExtraction({ inputs: TEXT }), [expected], path);
    }
    close((await client(embeddings).featureExtraction({ inputs: [TEXT, UNICODE] }))[0], expected);
  },
  "sentence similarity is a list of cosines": async () => {
    const sentences = ["A man plays the guitar.", "A woman is reading a book.", "Stocks fell on Monday.", UNICODE];
    const inputs = { source_sentence: "A man is playing a guitar.", sentences };
    const expected = reference(embeddings, "sentence-similarity", inputs);
    close(await client(embeddings).sentenceSimilarity({ inputs }), expected);
  },
  "text classification has all labels best first": async () => {
    const expected = reference(classifier, "text-classification", PHONE, { top_k: null });
    close(await client(classifier).textClassification({ inputs: PHONE }), expected);
  },
  "token classification groups": async () => {
    const found = await client(ner).tokenClassification({ inputs: TEXT });
    const expected = reference(ner, "token-classification", TEXT, { aggregation_strategy: "simple" });
    const essence = ({ entity_group, start, end, score }) => ({ entity_group, start, end, score });
    close(found.map(essence), expected.map(essence));
  },
  "zero-shot classification ranks candidates": async () => {
    const inputs = "The team won the match in Berlin.";
    const parameters = { candidate_labels: ["sports", "politics", "travel"] };
    const { labels, scores } = reference(zeroShot, "zero-shot-classification", inputs, parameters);
    const found = await client(zeroShot).zeroShotClassification({ inputs, parameters });
    close(found, labels.map((label, place) => ({ label, score: scores[place] })));
  },
  "question answering finds an answer": async () => {
    const context = "Marie Curie was born in Warsaw and moved to Paris, where she studied physics.";
    const inputs = { question: "Where was she born?", context };
    const found = await client(qa).questionAnswering({ inputs });
    close(Array.isArray(found) ? found[0] : found, reference(qa, "question-answering", inputs));
  },
  "fill-mask fills the gap": async () => {
    const inputs = "The capital of France is <mask>.";
    close(await client(fillMask).fillMask({ inputs }), reference(fillMask, "fill-mask", inputs));
  },
  "what is refused says why": async () => {
    const ask = (call, text) => refused(InferenceClientProviderApiError, call, text);
    const error = await ask(() => client(fillMask).fillMask({ inputs: "no gap" }), "<mask>");
    equal(error.httpResponse.status >= 400 && error.httpResponse.status < 500, true, "status");
    await ask(() => client(embeddings).featureExtraction({ inputs: MANY }), "257");
    await ask(() => client(embeddings).featureExtraction({ inputs: LONG, truncate: false }), "token");
    const parameters = { top_k: "x" };
    await ask(() => client(classifier).textClassification({ inputs: PHONE, parameters }), "top_k");
  },
});
