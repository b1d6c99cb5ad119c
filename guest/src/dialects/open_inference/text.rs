//! Inferences by models with a tokenizer: strings in, so that clients need no tokenizer of their own.

use pilotlight_model::Task;
use serde::Serialize;

use super::answer::Output;
use super::binary;
use super::signature::{BYTES, Signature, Spec};
use crate::api::ApiError;
use crate::engine::Tensor;
use crate::json;
use crate::model::{TextModel, Usage};
use crate::tasks::encode::Truncate;
use crate::tasks::request::{Answer, OneOrMany, Request, TextOrPair, check_count};
use crate::tasks::tensors::{Data, Sent, check_names, missing};
use crate::tasks::text_classification::{self, Function, labels};
use crate::tasks::{
    embeddings, fill_mask, question_answering, reranking, token_classification,
    zero_shot_classification,
};

/// The outputs of the model's own task, with the defaults of its parameters.
///
/// # Errors
/// [`ApiError`].
pub(super) fn compute(
    model: &TextModel,
    (task, signature): (Task, &Signature<'_>),
    inputs: Vec<Sent<'_>>,
    usage: &mut Usage,
) -> Result<Vec<Output>, ApiError> {
    let mut inputs = Inputs::new(inputs, &signature.inputs)?;
    match task {
        Task::FeatureExtraction | Task::SentenceEmbeddings | Task::SentenceSimilarity => {
            let texts = counted(model, inputs.take("text")?)?;
            let vectors =
                embeddings::embed(model, &texts, &embeddings::Parameters::default(), usage)?;
            Ok(vec![rows("embedding", &vectors)])
        }
        Task::TextClassification => classify(model, &mut inputs, usage),
        Task::Reranking => {
            let (query, texts) = (inputs.take("query")?, inputs.take("text")?);
            let query = query.first().map_or("", String::as_str);
            let settings = (false, Truncate::default());
            let scores = reranking::scores(model, (query, &texts), settings, usage)?;
            let scores = Tensor::of_f32(vec![scores.len()], std::iter::once(&scores[..]));
            Ok(vec![Output::of_tensor("scores".to_owned(), scores)])
        }
        Task::TokenClassification => {
            let texts = counted(model, inputs.take("text")?)?;
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let parameters = token_classification::Parameters::default();
            let entities = model.classify(&texts, &parameters, usage)?;
            Ok(vec![Output::of_strings("entities", in_json(&entities)?)])
        }
        Task::ZeroShotClassification => {
            let texts = OneOrMany::Many(inputs.take("text")?);
            let parameters = zero_shot_classification::Parameters {
                candidate_labels: inputs.take("candidate_labels")?,
                ..Default::default()
            };
            let request = Request::new(texts, parameters);
            answers(zero_shot_classification::answer(model, request, usage)?)
        }
        Task::QuestionAnswering => {
            let (questions, contexts) = (inputs.take("question")?, inputs.take("context")?);
            same_count(("question", questions.len()), ("context", contexts.len()))?;
            let pairs = questions.into_iter().zip(contexts);
            let inputs =
                pairs.map(|(question, context)| question_answering::Inputs { question, context });
            let request = Request::new(OneOrMany::Many(inputs.collect()), Default::default());
            answers(question_answering::answer(model, request, usage)?)
        }
        Task::FillMask => {
            let texts = OneOrMany::Many(inputs.take("text")?);
            let request = Request::new(texts, fill_mask::Parameters::default());
            answers(fill_mask::answer(model, request, usage)?)
        }
        task => Err(ApiError::Unsupported(format!("{task} has no tensors in this protocol"))),
    }
}

fn classify(
    model: &TextModel,
    inputs: &mut Inputs<'_>,
    usage: &mut Usage,
) -> Result<Vec<Output>, ApiError> {
    let texts = counted(model, inputs.take("text")?)?;
    let items: Vec<TextOrPair> = match inputs.take_optional("text_pair")? {
        None => texts.into_iter().map(|text| TextOrPair { text, pair: None }).collect(),
        Some(pairs) => {
            same_count(("text", texts.len()), ("text_pair", pairs.len()))?;
            let pairs = texts.into_iter().zip(pairs);
            pairs.map(|(text, pair)| TextOrPair { text, pair: Some(pair) }).collect()
        }
    };
    let settings = (Function::Default, Truncate::default());
    let scores = text_classification::scores(model, &items, settings, usage)?;
    let best = scores.iter().map(|scores| {
        labels(model, scores).into_iter().next().map(|best| best.label).unwrap_or_default()
    });
    let best = Output::of_strings("label", best.collect());
    Ok(vec![rows("scores", &scores), best])
}

fn counted(model: &TextModel, texts: Vec<String>) -> Result<Vec<String>, ApiError> {
    check_count("text", texts.len(), model.manifest.limits.max_inputs).map(|()| texts)
}

fn same_count((name, count): (&str, usize), (other, found): (&str, usize)) -> Result<(), ApiError> {
    if count == found {
        return Ok(());
    }
    Err(ApiError::Invalid(format!("input {other} has {found} elements, but {name} has {count}")))
}

/// A row of numbers for each text.
fn rows(name: &str, rows: &[Vec<f32>]) -> Output {
    let shape = vec![rows.len(), rows.first().map_or(0, Vec::len)];
    Output::of_tensor(name.to_owned(), Tensor::of_f32(shape, rows.iter().map(Vec::as_slice)))
}

/// What a task answers to each text.
fn answers<A: Serialize>(answer: Answer<A>) -> Result<Vec<Output>, ApiError> {
    let answers = match answer {
        Answer::One(answer) => vec![answer],
        Answer::Many(answers) => answers,
    };
    Ok(vec![Output::of_strings("output", in_json(&answers)?)])
}

fn in_json(answers: &[impl Serialize]) -> Result<Vec<String>, ApiError> {
    let written = |answer| Ok(String::from_utf8_lossy(&json::write(answer)?).into_owned());
    answers.iter().map(written).collect()
}

/// The inputs of a request.
struct Inputs<'a> {
    sent: Vec<Sent<'a>>,
    specs: &'a [Spec<'a>],
    known: Vec<&'a str>,
}

impl<'a> Inputs<'a> {
    fn new(sent: Vec<Sent<'a>>, specs: &'a [Spec<'a>]) -> Result<Self, ApiError> {
        let known: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
        check_names("input", sent.iter().map(|input| &input.name[..]), &known)?;
        Ok(Self { sent, specs, known })
    }

    fn take(&mut self, name: &str) -> Result<Vec<String>, ApiError> {
        self.take_optional(name)?.ok_or_else(|| missing(name, &self.known))
    }

    /// The strings of an input, if it was sent.
    fn take_optional(&mut self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let place = self.sent.iter().position(|input| input.name == name);
        let spec = self.specs.iter().find(|spec| spec.name == name);
        let (Some(place), Some(spec)) = (place, spec) else { return Ok(None) };
        strings(self.sent.swap_remove(place), &spec.dims).map(Some)
    }
}

fn strings(input: Sent<'_>, dims: &[Option<usize>]) -> Result<Vec<String>, ApiError> {
    let count = input.volume(BYTES, dims)?;
    match &input.data {
        Data::Json(data) if !data.numbers.is_empty() => {
            Err(input.refuse("has an element that is not a string"))
        }
        Data::Json(data) if data.strings.len() != count => {
            let found = data.strings.len();
            Err(input.refuse(format!("has {found} elements, but its shape has {count}")))
        }
        Data::Json(data) => Ok(data.strings.clone()),
        Data::Binary(bytes) => {
            let elements = binary::read(bytes, count).map_err(|reason| input.refuse(reason))?;
            let string = |(place, element): (usize, &[u8])| {
                let text = std::str::from_utf8(element).map(str::to_owned);
                text.map_err(|_| input.refuse(format!("has an element {place} that is not UTF-8")))
            };
            elements.into_iter().enumerate().map(string).collect()
        }
    }
}
