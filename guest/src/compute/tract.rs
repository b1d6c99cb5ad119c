use bytes::Buf;
use pilotlight_onnx::proto::ModelProto;
use pilotlight_onnx::{OnnxError, Wanted};
use tract_core::internal::*;
use tract_core::plan::SimplePlan;

use super::padding::{Padded, Padding};
use super::{Compute, ComputeError, Precision, Sequence};
use crate::tensor::Logits;

type Plan = Arc<SimplePlan<TypedFact, Box<dyn TypedOp>>>;

/// Inference by tract inside this process.
pub struct TractCompute {
    plan: Plan,
    inputs: Vec<String>,
    labels: usize,
    vocabulary: Option<usize>,
    padding: Padding,
}

impl TractCompute {
    /// Parses, checks and optimises an ONNX file.
    ///
    /// # Errors
    /// [`OnnxError`] naming the node or tensor.
    pub fn load(file: impl Buf, precision: Precision) -> Result<Self, OnnxError> {
        Self::new(pilotlight_onnx::decode(file)?, None, precision)
    }

    /// Checks and optimises a model that has a column for each of `labels` labels, if that is
    /// known.
    ///
    /// # Errors
    /// [`OnnxError`] naming the node or tensor.
    pub fn new(
        model: ModelProto,
        labels: Option<usize>,
        precision: Precision,
    ) -> Result<Self, OnnxError> {
        let wanted = Wanted::PerToken { columns: labels };
        let graph = pilotlight_onnx::lower_encoder(model, &wanted, precision.into())?;
        let mut model = graph.model;
        let labels = label_count(&model)?;
        let refuse = |error: TractError| OnnxError::Optimise(format!("{error:#}"));
        model.declutter().map_err(refuse)?;
        model.optimize().map_err(refuse)?;
        let plan = SimplePlan::new(model).map_err(refuse)?;
        let (inputs, vocabulary, fixed) = (graph.inputs, graph.vocabulary, graph.length);
        let padding =
            Padding { pad_to_multiple_of: 1, longest: usize::MAX, fixed, first_position: 0 };
        Ok(Self { plan, inputs, labels, vocabulary, padding })
    }
}

impl From<Precision> for pilotlight_onnx::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Int8 => Self::Int8,
            Precision::Int4 => Self::Int4,
        }
    }
}

fn label_count(model: &TypedModel) -> Result<usize, OnnxError> {
    let fact = model.output_fact(0).map_err(|error| OnnxError::Graph(format!("{error:#}")))?;
    match &fact.shape.to_tvec()[..] {
        [_, _, labels] => labels.to_usize().ok(),
        _ => None,
    }
    .filter(|labels| *labels > 0 && fact.datum_type == f32::datum_type())
    .ok_or_else(|| {
        let (shape, dtype) = (&fact.shape, fact.datum_type);
        OnnxError::Graph(format!("the output is {shape:?} of {dtype:?}, not [1, S, labels] of F32"))
    })
}

impl Compute for TractCompute {
    fn logits(&self, sequence: &Sequence) -> Result<Logits, ComputeError> {
        let padded = self.padding.pad(sequence)?;
        self.run(&padded).map_err(|error| ComputeError::Failed(format!("{error:#}")))
    }

    fn labels(&self) -> usize {
        self.labels
    }

    fn vocabulary(&self) -> Option<usize> {
        self.vocabulary
    }

    fn number_positions_from(&mut self, first: i64) {
        self.padding.first_position = first;
    }

    fn place(&self) -> &'static str {
        "guest"
    }
}

impl TractCompute {
    fn run(&self, padded: &Padded) -> TractResult<Logits> {
        let length = padded.length();
        let inputs = self
            .inputs
            .iter()
            .map(|name| Ok(Tensor::from_shape(&[1, length], padded.input(name))?.into_tvalue()));
        let outputs = self.plan.run(inputs.collect::<TractResult<_>>()?)?;
        let output = outputs.first().context("no output")?;
        let plain = output.try_as_plain_ram()?;
        let values = plain.as_slice::<f32>()?;
        ensure!(values.len() == length * self.labels, "{} logits", values.len());
        let values = values[..padded.tokens * self.labels].to_vec();
        Logits::from_values(self.labels, values).context("ragged logits")
    }
}
