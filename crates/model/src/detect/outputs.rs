//! Which of a graph's outputs a task reads.

use super::Evidence;
use crate::{GraphPort, Task};

/// Names that exporters give the vectors of tokens.
const TOKEN_VECTORS: [&str; 2] = ["last_hidden_state", "token_embeddings"];
/// The vector of a text, where the graph pools.
pub(super) const TEXT_VECTOR: &str = "sentence_embedding";
const LOGITS: &str = "logits";
const SPANS: [&str; 2] = ["start_logits", "end_logits"];
/// Element types of scores and vectors: f32, f16, f64 and bf16 of ONNX's `TensorProto.DataType`.
const FLOATS: [i32; 4] = [1, 10, 11, 16];
const MOST_SHOWN: usize = 8;

/// Ranks of an output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// `[batch, columns]`.
    PerText = 2,
    /// `[batch, sequence, columns]`.
    PerToken = 3,
}

impl Evidence<'_> {
    fn output(&self, name: &str) -> Option<&GraphPort> {
        self.signature.outputs.iter().find(|port| port.name == name)
    }

    /// The vectors of tokens, by their usual names.
    pub(super) fn token_vectors(&self) -> Option<&GraphPort> {
        TOKEN_VECTORS.iter().find_map(|name| self.output(name))
    }

    /// The vectors of texts, by their usual name.
    pub(super) fn text_vector(&self) -> Option<&GraphPort> {
        self.output(TEXT_VECTOR)
    }

    /// Whether the graph says where answers begin and end.
    pub(super) fn has_spans(&self) -> bool {
        SPANS.iter().all(|name| self.output(name).is_some())
    }

    /// What stands for scores: the output of that name, or the only one that there is.
    pub(super) fn scores(&self) -> Option<&GraphPort> {
        let mut floats = self.signature.outputs.iter().filter(|port| is_float(port));
        let only = floats.next().filter(|_| floats.next().is_none());
        self.output(LOGITS).or(only)
    }

    /// Names of the outputs that `task` reads, in its order.
    ///
    /// # Errors
    /// What the graph has instead, in words.
    pub(super) fn outputs_of(&self, task: Task) -> Result<Vec<String>, String> {
        match task {
            Task::Tensors | Task::VoiceActivityDetection | Task::AutomaticSpeechRecognition => {
                Ok(self.signature.outputs.iter().map(|port| port.name.clone()).collect())
            }
            Task::QuestionAnswering if self.has_spans() => Ok(SPANS.map(str::to_owned).to_vec()),
            Task::QuestionAnswering => {
                let [start, end] = SPANS;
                Err(format!("{task} needs the outputs {start} and {end}; {}", self.shown_outputs()))
            }
            Task::FeatureExtraction => self.pick(task, &TOKEN_VECTORS, Rank::PerToken),
            Task::SentenceEmbeddings | Task::SentenceSimilarity => self.vectors(task),
            Task::TokenClassification => match self.pick(task, &[LOGITS], Rank::PerToken) {
                // The one with a column for each label is found when the graph is loaded.
                Err(_) if self.of_rank(Rank::PerToken).count() > 1 => Ok(Vec::new()),
                picked => picked,
            },
            Task::FillMask => self.pick(task, &[LOGITS], Rank::PerToken),
            Task::TextClassification | Task::Reranking | Task::ZeroShotClassification => {
                self.pick(task, &[LOGITS], Rank::PerText)
            }
        }
    }

    /// The vectors of tokens where it is known how they become that of a text, and otherwise that
    /// of the text, if the graph has it, and behind it those of tokens, which are a task of their own.
    fn vectors(&self, task: Task) -> Result<Vec<String>, String> {
        let pools = self.descriptions.pooling.is_some()
            && self.descriptions.foreign_module().is_none()
            && self.token_vectors().is_some();
        let text = self.text_vector().filter(|_| !pools);
        if let Some(port) = text {
            let has_rows = |port: &&GraphPort| port.dims.is_some() && fits(port, Rank::PerToken);
            let tokens = self.token_vectors().filter(has_rows);
            return Ok([Some(port), tokens]
                .iter()
                .flatten()
                .map(|port| port.name.clone())
                .collect());
        }
        if let Some(module) = self.descriptions.foreign_module() {
            return Err(format!(
                "modules.json has a module {module}, which is not in the graph; export the model with \
                 an output {TEXT_VECTOR}, as optimum does for sentence-transformers"
            ));
        }
        let of_tokens = self.pick(task, &TOKEN_VECTORS, Rank::PerToken);
        of_tokens
            .or_else(|refusal| self.pick(task, &[TEXT_VECTOR], Rank::PerText).map_err(|_| refusal))
    }

    /// The output with one of `names`, or the only one of this rank.
    fn pick(&self, task: Task, names: &[&str], rank: Rank) -> Result<Vec<String>, String> {
        let named = names.iter().find_map(|name| self.output(name).filter(|port| fits(port, rank)));
        let mut others = self.of_rank(rank);
        let only = others.next().filter(|_| others.next().is_none());
        let shape = match rank {
            Rank::PerText => "[batch, columns]",
            Rank::PerToken => "[batch, sequence, columns]",
        };
        let picked = named.or(only).map(|port| vec![port.name.clone()]);
        picked.ok_or_else(|| {
            format!(
                "{task} needs one output {} or of shape {shape}; {}; name it with `outputs` in \
                 model.toml",
                names.join(" or "),
                self.shown_outputs()
            )
        })
    }

    fn of_rank(&self, rank: Rank) -> impl Iterator<Item = &GraphPort> {
        let outputs = self.signature.outputs.iter();
        outputs.filter(move |port| is_float(port) && fits(port, rank))
    }

    /// The outputs of the graph, for messages.
    pub(super) fn shown_outputs(&self) -> String {
        match &self.signature.outputs[..] {
            [] => "the graph declares no outputs".to_owned(),
            outputs => format!("the graph's outputs are {}", shown(outputs)),
        }
    }
}

fn is_float(port: &GraphPort) -> bool {
    FLOATS.contains(&port.element)
}

fn fits(port: &GraphPort, rank: Rank) -> bool {
    port.dims.as_ref().is_none_or(|dims| dims.len() == rank as usize)
}

/// `name [batch, 512, 3]` and so on; `?` is a size that depends on the input.
pub(super) fn shown(ports: &[GraphPort]) -> String {
    let size = |size: &Option<u64>| size.map_or_else(|| "?".to_owned(), |size| size.to_string());
    let one = |port: &GraphPort| match &port.dims {
        Some(dims) => {
            let dims: Vec<_> = dims.iter().map(size).collect();
            format!("{} [{}]", port.name, dims.join(", "))
        }
        None => port.name.clone(),
    };
    let mut shown: Vec<_> = ports.iter().take(MOST_SHOWN).map(one).collect();
    if ports.len() > MOST_SHOWN {
        shown.push(format!("{} more", ports.len() - MOST_SHOWN));
    }
    shown.join(", ")
}
