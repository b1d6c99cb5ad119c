//! The part of a text that answers a question, with the semantics of `QuestionAnsweringPipeline` in
//! Hugging Face `transformers` 4.

use pilotlight_wire::null_is_default;
use serde::{Deserialize, Serialize};

use super::encode::no_pairs;
use super::request::{Answer, OneOrMany, Request};
use super::scores::softmax;
use crate::api::ApiError;
use crate::engine::Matrix;
use crate::model::{TextModel, Usage};
use crate::text::{CodePoints, Token};

/// Longest sequence of question and context, unless the model reads less.
const MAX_SEQUENCE: usize = 384;
/// Tokens that windows of a long context share.
const STRIDE: usize = 128;
/// Longest answer in tokens.
const MAX_ANSWER: usize = 15;

/// A question about a text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "QuestionInputs"))]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// The question.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub question: String,
    /// The text.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub context: String,
}

/// How a request is to be answered.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "QuestionParameters")
)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// So many answers, best first; one unless given.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub top_k: Option<usize>,
    /// Tokens that windows of a long context share.
    pub doc_stride: Option<usize>,
    /// Longest answer in tokens.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub max_answer_len: Option<usize>,
    /// Longest sequence of question and context in tokens.
    pub max_seq_len: Option<usize>,
    /// Whether there may be no answer.
    #[serde(deserialize_with = "null_is_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub handle_impossible_answer: bool,
    /// Whether answers are whole words.
    pub align_to_words: Option<bool>,
}

/// A part of the context; places in code points.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AnswerSpan"))]
pub struct Span {
    /// Probability.
    pub score: f32,
    /// First code point.
    pub start: usize,
    /// One past the last code point.
    pub end: usize,
    /// The part itself.
    pub answer: String,
}

/// The best answer, or with `top_k` a list.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged)]
pub enum Spans {
    /// The best.
    Best(Span),
    /// The best ones.
    Ranked(Vec<Span>),
}

/// Settings with their defaults.
struct Settings {
    top_k: usize,
    stride: usize,
    max_answer: usize,
    max_sequence: usize,
    handle_impossible_answer: bool,
    align_to_words: bool,
}

/// Answers a request.
///
/// # Errors
/// [`ApiError`].
pub fn answer(
    model: &TextModel,
    request: Request<OneOrMany<Inputs>, Parameters>,
    usage: &mut Usage,
) -> Result<Answer<Spans>, ApiError> {
    let settings = Settings::new(model, &request.parameters)?;
    let items = request.inputs.items(model.manifest.limits.max_inputs)?;
    let answers = items.iter().map(|item| answer_one(model, item, &settings, usage));
    let answers = answers.collect::<Result<Vec<_>, _>>()?;
    Ok(request.inputs.answer(answers))
}

impl Settings {
    fn new(model: &TextModel, parameters: &Parameters) -> Result<Self, ApiError> {
        let least = |name: &str, value: usize| match value {
            0 => Err(ApiError::Invalid(format!("{name} must be at least 1"))),
            value => Ok(value),
        };
        let max_sequence = parameters.max_seq_len.unwrap_or(MAX_SEQUENCE).min(model.max_length);
        let stride = parameters.doc_stride.unwrap_or((max_sequence / 2).min(STRIDE));
        if stride >= max_sequence {
            let message = format!(
                "doc_stride {stride} must be less than the {max_sequence} tokens of a window"
            );
            return Err(ApiError::Invalid(message));
        }
        Ok(Self {
            top_k: least("top_k", parameters.top_k.unwrap_or(1))?,
            stride,
            max_answer: least("max_answer_len", parameters.max_answer_len.unwrap_or(MAX_ANSWER))?,
            max_sequence,
            handle_impossible_answer: parameters.handle_impossible_answer,
            align_to_words: parameters.align_to_words.unwrap_or(true),
        })
    }

    /// Candidates of each window: several may be the same words.
    fn candidates(&self) -> usize {
        if self.align_to_words {
            self.top_k.saturating_mul(2).saturating_add(10)
        } else {
            self.top_k
        }
    }
}

fn answer_one(
    model: &TextModel,
    inputs: &Inputs,
    settings: &Settings,
    usage: &mut Usage,
) -> Result<Spans, ApiError> {
    if inputs.question.is_empty() || inputs.context.is_empty() {
        return Err(ApiError::Invalid("question and context must not be empty".to_owned()));
    }
    let question = model.tokens(&inputs.question, usage)?;
    let context = model.tokens(&inputs.context, usage)?;
    let windows = windows(model, (question.len(), context.len()), settings)?;
    let sequences = windows.iter().map(|window| {
        model.tokenizer.pair_sequence(&question, &context[window.clone()]).ok_or_else(no_pairs)
    });
    let sequences = sequences.collect::<Result<Vec<_>, _>>()?;
    let outputs = model.run(&sequences, usage)?;
    let text = CodePoints::new(&inputs.context);
    let mut answers: Vec<Span> = Vec::new();
    let mut null_score = 1e6f32;
    let first_row = model.tokenizer.second_row(question.len());
    for (window, output) in windows.into_iter().zip(&outputs) {
        let [start, end, ..] = &output[..] else {
            return Err(ApiError::Internal("the graph has no starts and ends".to_owned()));
        };
        let tokens = &context[window];
        let scored = Scored::new((start, end), first_row..first_row + tokens.len());
        null_score = null_score.min(scored.null_score);
        for (from, to, score) in scored.best(settings) {
            let (start, end) = place(tokens, (from, to), settings.align_to_words);
            let answer = text.slice(start, end).to_owned();
            let lower = answer.to_lowercase();
            match answers.iter_mut().find(|known| known.answer.to_lowercase() == lower) {
                Some(known) => known.score += score,
                None => answers.push(Span { score, start, end, answer }),
            }
        }
    }
    if settings.handle_impossible_answer {
        answers.push(Span { score: null_score, start: 0, end: 0, answer: String::new() });
    }
    answers.sort_by(|a, b| b.score.total_cmp(&a.score));
    answers.truncate(settings.top_k);
    Ok(match answers.len() {
        1 => Spans::Best(answers.remove(0)),
        _ => Spans::Ranked(answers),
    })
}

/// Parts of the context that fit a sequence beside the question; neighbors share `stride` tokens.
fn windows(
    model: &TextModel,
    (question, context): (usize, usize),
    settings: &Settings,
) -> Result<Vec<std::ops::Range<usize>>, ApiError> {
    let special = model.max_length - model.tokenizer.pair_capacity().ok_or_else(no_pairs)?;
    let room = settings.max_sequence.saturating_sub(special + question);
    if room <= settings.stride {
        return Err(ApiError::Invalid(format!(
            "a question of {question} tokens leaves {room} of {} for the context, not more than the \
             doc_stride of {}",
            settings.max_sequence, settings.stride
        )));
    }
    let mut windows = Vec::new();
    let mut start = 0;
    loop {
        let end = (start + room).min(context);
        windows.push(start..end);
        if end == context {
            return Ok(windows);
        }
        start += room - settings.stride;
    }
}

/// Probabilities that the answer begins and ends at each token of a window.
struct Scored {
    start: Vec<f32>,
    end: Vec<f32>,
    /// That there is no answer.
    null_score: f32,
}

impl Scored {
    /// Only the tokens in `rows` and the first one, which stands for no answer, count.
    fn new((start, end): (&Matrix, &Matrix), rows: std::ops::Range<usize>) -> Self {
        let probabilities = |logits: &Matrix| {
            let values = logits.values().iter().enumerate();
            let masked = values.map(|(row, logit)| match rows.contains(&row) || row == 0 {
                true => *logit,
                false => -10_000.0,
            });
            softmax(&masked.collect::<Vec<_>>())
        };
        let (start, end) = (probabilities(start), probabilities(end));
        let first = |values: &[f32]| values.first().copied().unwrap_or_default();
        let null_score = first(&start) * first(&end);
        let within = |values: Vec<f32>| values.get(rows.clone()).unwrap_or_default().to_vec();
        Self { start: within(start), end: within(end), null_score }
    }

    /// The best pairs of a first and a last token, best first.
    fn best(&self, settings: &Settings) -> Vec<(usize, usize, f32)> {
        let mut spans = Vec::new();
        for (from, start) in self.start.iter().enumerate() {
            let ends = self.end.iter().enumerate().skip(from).take(settings.max_answer);
            spans.extend(ends.map(|(to, end)| (from, to, start * end)));
        }
        spans.sort_by(|a, b| b.2.total_cmp(&a.2));
        spans.truncate(settings.candidates());
        spans
    }
}

/// Code points from the first to the last token, or to the ends of their words.
fn place(tokens: &[Token], (from, to): (usize, usize), whole_words: bool) -> (usize, usize) {
    let (first, last) = (&tokens[from], &tokens[to]);
    if let (true, Some(first), Some(last)) = (whole_words, first.word, last.word) {
        let start = tokens.iter().find(|token| token.word == Some(first)).map(|token| token.start);
        let end = tokens.iter().rfind(|token| token.word == Some(last)).map(|token| token.end);
        if let (Some(start), Some(end)) = (start, end) {
            return (start, end);
        }
    }
    (first.start, last.end)
}
