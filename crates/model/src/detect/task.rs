//! What a model does, from its files and its graph.

use super::Evidence;
use super::listing::SENTENCE_TRANSFORMERS;
use super::outputs::shown;
use super::voice;
use crate::{Activation, CONFIG_FILE, InputRole, ModelConfig, ProblemType, TOKENIZER_FILE, Task};

/// What the names of cross-encoders hold.
const CROSS_ENCODERS: [&str; 4] = ["cross-encoder", "crossencoder", "rerank", "ms-marco"];
/// Files of tokenizers that are not [`TOKENIZER_FILE`].
const OTHER_TOKENIZERS: [&str; 6] = [
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "spm.model",
    "tokenizer.model",
];

/// What a class of `transformers` puts on top of its encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    None,
    Tokens,
    Sequence,
    Mask,
    Spans,
}

/// A task and what it was found by.
pub(super) type Found = (Task, String);

impl Evidence<'_> {
    /// The task that the model has been made for.
    ///
    /// # Errors
    /// What was seen and does not suffice, in words.
    pub(super) fn task(&self) -> Result<Found, String> {
        if !self.has_tokenizer {
            return self.without_tokenizer();
        }
        if self.has_spans() {
            return Ok((Task::QuestionAnswering, self.shown_outputs()));
        }
        if let Some(vectors) = self.encoder() {
            return Ok(vectors);
        }
        let rank = self.scores().and_then(|port| port.dims.as_ref()).map(Vec::len);
        let made_for =
            self.head().map(|(head, class)| (head, format!("{CONFIG_FILE} says {class}")));
        match (made_for, rank) {
            (Some((Head::Tokens, why)), None | Some(3)) => Ok((Task::TokenClassification, why)),
            (Some((Head::Mask, why)), None | Some(3)) => Ok((Task::FillMask, why)),
            (Some((Head::Sequence, why)), None | Some(2)) => self.of_texts(Some(why)),
            (Some((Head::Tokens | Head::Mask | Head::Sequence | Head::Spans, why)), _) => {
                Err(format!("{why}, but {}", self.shown_outputs()))
            }
            (_, Some(3)) => self.of_tokens(),
            (_, Some(2)) => self.of_texts(None),
            _ => Err(self.unclear()),
        }
    }

    fn without_tokenizer(&self) -> Result<Found, String> {
        let other = OTHER_TOKENIZERS.iter().find(|name| self.listing.has(name));
        let class = self.config().and_then(|config| config.architectures().first());
        let reads_text = self
            .signature
            .inputs
            .iter()
            .any(|port| InputRole::of(&port.name) == Some(InputRole::Ids));
        let seen = match (other, class) {
            (Some(other), _) => format!("there is {other}"),
            (None, Some(class)) if reads_text => format!("{CONFIG_FILE} says {class}"),
            _ if voice::check(self.signature).is_ok() => {
                let why = "the graph has inputs for audio frames and a state".to_owned();
                return Ok((Task::VoiceActivityDetection, why));
            }
            _ => {
                let why = format!("{TOKENIZER_FILE} does not exist");
                return Ok((Task::Tensors, why));
            }
        };
        Err(format!(
            "{TOKENIZER_FILE} is missing, though {seen}; save it with `save_pretrained` of a fast \
             tokenizer of transformers, or choose --task {}",
            Task::Tensors
        ))
    }

    /// The task of a graph that ends in vectors.
    fn encoder(&self) -> Option<Found> {
        let is_bare = matches!(self.head(), Some((Head::None, _)));
        let has_scores = self.signature.outputs.iter().any(|port| port.name == "logits");
        let named = self.token_vectors().or(self.text_vector());
        let port = named.or_else(|| self.scores().filter(|_| is_bare)).filter(|_| !has_scores)?;
        let per_text = port.dims.as_ref().is_some_and(|dims| dims.len() == 2);
        if self.descriptions.pooling.is_some() {
            return Some((Task::SentenceEmbeddings, "pooling files exist".to_owned()));
        }
        if per_text || self.text_vector().is_some() {
            return Some((Task::SentenceEmbeddings, self.shown_outputs()));
        }
        let why = format!(
            "the graph ends in {}, and there are no pooling files (modules.json, \
             1_Pooling/config.json); --task {} gives a vector for each text",
            port.name,
            Task::SentenceEmbeddings
        );
        Some((Task::FeatureExtraction, why))
    }

    /// The task of a graph with scores for each token.
    fn of_tokens(&self) -> Result<Found, String> {
        let config = self.config().ok_or_else(|| self.unclear())?;
        let columns = self.columns();
        if columns.is_some() && columns == config.vocabulary() {
            return Ok((
                Task::FillMask,
                "the graph has a score for each token of the vocabulary".into(),
            ));
        }
        // Columns without a label are the beginning and the end of a CRF, for example.
        let labels = self.names().map(|names| names.len());
        match labels.filter(|labels| columns.is_none_or(|width| *labels <= width)) {
            Some(labels) => {
                let why = format!("{CONFIG_FILE} has {labels} labels for each token");
                Ok((Task::TokenClassification, why))
            }
            None => Err(self.unclear()),
        }
    }

    /// The task of a graph with scores for each text, for which `why` is known.
    fn of_texts(&self, why: Option<String>) -> Result<Found, String> {
        let mut names = self.names().into_iter().flatten();
        if let Some(label) = names.find(|label| is_entailment(label)) {
            let why = format!("{CONFIG_FILE} has the label {label}");
            return Ok((Task::ZeroShotClassification, why));
        }
        let count = self.label_count();
        let problem = self.config().and_then(ModelConfig::problem_type);
        match (count, why, self.cross_encoder()) {
            (Some(1), _, Some(why)) if problem.is_none() => Ok((Task::Reranking, why)),
            (_, Some(why), _) => Ok((Task::TextClassification, why)),
            (Some(2..), None, _) => Ok((Task::TextClassification, self.shown_outputs())),
            (Some(_), None, _) if problem.is_some() => {
                Ok((Task::TextClassification, format!("{CONFIG_FILE} has a problem_type")))
            }
            _ => Err(self.unclear()),
        }
    }

    /// What says that the model compares texts, if something does.
    fn cross_encoder(&self) -> Option<String> {
        if self.config().is_some_and(|config| config.activation().is_some()) {
            return Some(format!("{CONFIG_FILE} is that of a cross-encoder"));
        }
        if self.descriptions.settings.is_cross_encoder {
            return Some(format!("{SENTENCE_TRANSFORMERS} says CrossEncoder"));
        }
        let names = [Some(self.name), self.config().and_then(ModelConfig::base)];
        let is_one = |name: &&str| {
            let name = name.to_lowercase().replace('_', "-");
            CROSS_ENCODERS.iter().any(|part| name.contains(part))
        };
        let name = names.into_iter().flatten().find(is_one)?;
        Some(format!("it has one score and is called {name}"))
    }

    /// The class of `transformers` that the model was made with, if it is one whose name says what it
    /// is for.
    fn head(&self) -> Option<(Head, &str)> {
        let classes = self.config().map(ModelConfig::architectures).unwrap_or_default();
        classes.iter().find_map(|class| Some((Head::of(class)?, class.as_str())))
    }

    /// How many labels are named, or how many scores the graph has.
    pub(super) fn label_count(&self) -> Option<usize> {
        self.names().map(|names| names.len()).or_else(|| self.columns())
    }

    fn names(&self) -> Option<Vec<String>> {
        self.config().and_then(|config| config.labels(None))
    }

    /// Scores for each token or text.
    fn columns(&self) -> Option<usize> {
        let last = *self.scores()?.dims.as_ref()?.last()?;
        last.and_then(|width| usize::try_from(width).ok())
    }

    /// That more has to be said, and what was seen.
    fn unclear(&self) -> String {
        let mut seen = Vec::new();
        match self.config() {
            Some(config) if config.architectures().is_empty() => {
                seen.push(format!("{CONFIG_FILE} has no architectures"));
            }
            Some(config) => {
                seen.push(format!("{CONFIG_FILE} says {}", config.architectures().join(", ")));
            }
            None => seen.push(format!("{CONFIG_FILE} does not exist")),
        }
        seen.push(format!("the graph's inputs are {}", shown(&self.signature.inputs)));
        seen.push(self.shown_outputs());
        format!(
            "the task of the model is not clear: {}; set --task, or `task` in model.toml, to one \
             of {}",
            seen.join("; "),
            Task::ALL.map(Task::name).join(", ")
        )
    }
}

impl Head {
    fn of(class: &str) -> Option<Self> {
        let ends = [
            ("ForTokenClassification", Self::Tokens),
            ("ForSequenceClassification", Self::Sequence),
            ("ForMaskedLM", Self::Mask),
            ("ForQuestionAnswering", Self::Spans),
            ("Model", Self::None),
            ("Encoder", Self::None),
        ];
        ends.into_iter().find_map(|(end, head)| class.ends_with(end).then_some(head))
    }
}

fn is_entailment(label: &str) -> bool {
    label.to_lowercase().starts_with("entail")
}

/// What sentence-transformers applies to the scores of the cross-encoder that was `seen`, and what was found
/// out; nothing where no file names a function.
pub(super) fn activation(seen: &Evidence<'_>) -> Option<(Activation, String)> {
    let settings = seen.descriptions.settings.activation.as_deref();
    let of_settings = settings.map(|class| (class, SENTENCE_TRANSFORMERS));
    let config = || Some((seen.config()?.activation()?, CONFIG_FILE));
    let (class, file) = of_settings.or_else(config)?;
    let known = Activation::of_class(class);
    let activation = known.unwrap_or(Activation::Sigmoid);
    let name = activation.name();
    let finding = match known {
        Some(_) => format!("activation {name}: {file} says {class}"),
        None => format!("activation {name}: {file} says {class}, which is not supported"),
    };
    Some((activation, finding))
}

/// How a text classifier's scores become probabilities, as `transformers` decides it.
pub(super) fn problem_type(config: Option<&ModelConfig>, labels: Option<usize>) -> ProblemType {
    let said = config.and_then(ModelConfig::problem_type);
    said.unwrap_or(match labels {
        Some(1) => ProblemType::MultiLabelClassification,
        _ => ProblemType::SingleLabelClassification,
    })
}
