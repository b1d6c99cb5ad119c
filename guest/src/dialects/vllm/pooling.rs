//! `POST /pooling`: what the model makes of each text, or of each of its tokens.

use pilotlight_model::Task;
use serde::{Deserialize, Serialize};

use super::{Settings, list};
use crate::api::ApiError;
use crate::dialects::input::Texts;
use crate::dialects::object::{Object, positive, read};
use crate::dialects::output::{EncodingFormat, base64, check_finite};
use crate::dialects::route::{Answer, Call, Requires};
use crate::engine::Matrix;
use crate::json::Row;
use crate::model::{TextModel, Usage};
use crate::tasks::embeddings::{Parameters, embed, token_vectors};
use crate::tasks::encode::Truncate;
use crate::tasks::request::{TextOrPair, check_count};
use crate::tasks::scores::softmax;
use crate::tasks::text_classification::{self, Function};

pub(super) const REQUIRES: Requires = Requires::OneOf(&[
    Task::SentenceEmbeddings,
    Task::TextClassification,
    Task::TokenClassification,
]);

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct PoolingRequest {
    input: Texts,
    /// By the model's own task unless given.
    #[serde(default)]
    task: Option<PoolingTask>,
    #[serde(default)]
    encoding_format: EncodingFormat,
    /// Only so many of the first values of a text's vector.
    #[serde(default, deserialize_with = "positive")]
    dimensions: Option<usize>,
    #[serde(default)]
    embed_dtype: Float32,
    #[serde(default)]
    endianness: Endianness,
}

/// What is pooled, under vLLM's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum PoolingTask {
    /// A vector for each text.
    Embed,
    /// Scores of the labels for each text.
    Classify,
    /// A vector for each token.
    TokenEmbed,
    /// Scores of the labels for each token.
    TokenClassify,
}

/// The only type of numbers.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
enum Float32 {
    #[default]
    #[serde(rename = "float32")]
    Float32,
}

/// The only order of bytes.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(transform = crate::tasks::schema::names("little, native"))
)]
enum Endianness {
    #[default]
    #[serde(rename = "little", alias = "native")]
    Little,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PooledText"))]
pub(super) struct Item {
    index: usize,
    object: &'static str,
    data: Data,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged)]
enum Data {
    Vector(#[cfg_attr(feature = "schema", schemars(with = "Vec<f32>"))] Row<Vec<f32>>),
    Rows(#[cfg_attr(feature = "schema", schemars(with = "Vec<Vec<f32>>"))] Vec<Row<Vec<f32>>>),
    Base64(String),
}

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let mut body: Object = call.json()?;
    let request: PoolingRequest = read(&mut body)?;
    let PoolingRequest {
        input,
        task,
        encoding_format,
        dimensions,
        embed_dtype: Float32::Float32,
        endianness: Endianness::Little,
    } = request;
    let settings: Settings = read(&mut body)?;
    let model = call.text()?;
    let task = task.unwrap_or_else(|| PoolingTask::of(call.function.task()));
    if !call.function.tasks().contains(&task.needs()) {
        let message = format!("task {} is not one of the model's; see GET /info", task.needs());
        return Err(ApiError::of_key("task", message));
    }
    check_count("input", input.0.len(), model.manifest.limits.max_inputs)?;
    let texts = input.strings(model).map_err(|error| error.about("input"))?;
    let how = How { dimensions, truncate: settings.truncate(model)?, raw: settings.raw() };
    let pooled = pool(model, task, (texts, &how), call.usage)?;
    let mut data = Vec::with_capacity(pooled.len());
    for (index, pooled) in pooled.into_iter().enumerate() {
        data.push(Item { index, object: "pooling", data: pooled.write(encoding_format)? });
    }
    list(call, "pooling", data)
}

struct How {
    dimensions: Option<usize>,
    truncate: Truncate,
    raw: bool,
}

/// What is made of one text.
enum Pooled {
    Vector(Vec<f32>),
    Rows(Matrix),
}

fn pool(
    model: &TextModel,
    task: PoolingTask,
    (texts, how): (Vec<String>, &How),
    usage: &mut Usage,
) -> Result<Vec<Pooled>, ApiError> {
    let How { dimensions, truncate, raw } = *how;
    Ok(match task {
        PoolingTask::Embed => {
            let normalize = Some(!raw);
            let parameters =
                Parameters { normalize, dimensions, truncate, ..Parameters::default() };
            let vectors = embed(model, &texts, &parameters, usage)?;
            vectors.into_iter().map(Pooled::Vector).collect()
        }
        PoolingTask::Classify => {
            let item = |text| TextOrPair { text, pair: None };
            let items: Vec<TextOrPair> = texts.into_iter().map(item).collect();
            let function = if raw { Function::None } else { Function::Default };
            let scores = text_classification::scores(model, &items, (function, truncate), usage)?;
            scores.into_iter().map(Pooled::Vector).collect()
        }
        PoolingTask::TokenEmbed => {
            let vectors = token_vectors(model, &texts, truncate, usage)?;
            vectors.into_iter().map(Pooled::Rows).collect()
        }
        PoolingTask::TokenClassify => {
            let logits = token_vectors(model, &texts, truncate, usage)?.into_iter();
            logits.map(|logits| Pooled::Rows(label_scores(model, logits, raw))).collect()
        }
    })
}

/// The scores of a token's labels; their logits if `raw`.
fn label_scores(model: &TextModel, logits: Matrix, raw: bool) -> Matrix {
    let columns = model.labels.names().len();
    let logits = logits.truncate_columns(columns);
    if raw {
        return logits;
    }
    let scores = logits.rows().flat_map(softmax).collect();
    Matrix::from_values(columns, scores).unwrap_or(logits)
}

impl PoolingTask {
    /// That of a model.
    fn of(own: Task) -> Self {
        match own {
            Task::FeatureExtraction => Self::TokenEmbed,
            Task::TokenClassification => Self::TokenClassify,
            Task::TextClassification | Task::Reranking | Task::ZeroShotClassification => {
                Self::Classify
            }
            _ => Self::Embed,
        }
    }

    /// What a model has to be able to do.
    fn needs(self) -> Task {
        match self {
            Self::Embed => Task::SentenceEmbeddings,
            Self::Classify => Task::TextClassification,
            Self::TokenEmbed => Task::FeatureExtraction,
            Self::TokenClassify => Task::TokenClassification,
        }
    }
}

impl Pooled {
    /// In base64, rows stand one after the other.
    fn write(self, format: EncodingFormat) -> Result<Data, ApiError> {
        let values = match &self {
            Self::Vector(vector) => &vector[..],
            Self::Rows(rows) => rows.values(),
        };
        check_finite(values)?;
        Ok(match (format, self) {
            (EncodingFormat::Base64, Self::Vector(vector)) => Data::Base64(base64(&vector)),
            (EncodingFormat::Base64, Self::Rows(rows)) => Data::Base64(base64(rows.values())),
            (EncodingFormat::Float, Self::Vector(vector)) => Data::Vector(Row(vector)),
            (EncodingFormat::Float, Self::Rows(rows)) => {
                Data::Rows(rows.rows().map(|row| Row(row.to_vec())).collect())
            }
        })
    }
}
