//! A plan that is ready to be computed for any calls.

use std::sync::Arc;

use pilotlight_kernels::InstructionSet;
use pilotlight_model::InputRole;
use pilotlight_onnx::Dim;
use pilotlight_onnx::ragged::{Ragged, RaggedInput, RaggedOutput, Stage};

use super::arena::{Arena, Arenas};
use super::layout::Layout;
use super::ragged_batch::{self, RaggedBatch};
use super::{attend, fragment, outputs, rows};
use crate::backend;
use crate::backend::Model;
use crate::buffer::Buffers;
use crate::error::RunError;
use crate::signature::{Dimension, Port, Signature};
use crate::tensor::{Element, Tensor};
use crate::weight_store::WeightsOrigin;
use crate::workers::{Alone, Workers};

pub(super) struct NativeModel {
    plan: Ragged,
    layout: Layout,
    signature: Signature,
    /// The inputs that fragments read.
    used: Vec<bool>,
    set: InstructionSet,
    /// Where the weights of the plan come from.
    weights: WeightsOrigin,
    arenas: Arenas,
}

type Outcome = Result<Vec<Tensor>, RunError>;

impl NativeModel {
    pub(super) fn new(
        plan: Ragged,
        set: InstructionSet,
        weights: WeightsOrigin,
    ) -> Result<Self, String> {
        let signature = signature(&plan)?;
        let mut used = vec![false; plan.values.len()];
        for stage in &plan.stages {
            if let Stage::Fragment(fragment) = stage {
                fragment.inputs.iter().for_each(|input| used[input.value.0] = true);
            }
        }
        let layout = Layout::new(&plan);
        Ok(Self { plan, layout, signature, used, set, weights, arenas: Arenas::default() })
    }

    /// Whether texts of a few tokens can be computed: what tract tells of a part of a graph is not always so.
    pub(super) fn check(self: &Arc<Self>) -> Result<(), RunError> {
        let buffers = Buffers::new(0);
        for tokens in [1, 3] {
            let length = self.plan.length.unwrap_or(tokens) as u32;
            let input = |input: &RaggedInput| {
                let of_text = input.role == InputRole::Length;
                let sizes: &[u32] = if of_text { &[1] } else { &[1, length] };
                let number = match input.role {
                    InputRole::Mask => 1,
                    InputRole::Length => i64::from(length),
                    _ => 0,
                };
                let bytes = number.to_le_bytes().repeat(sizes.iter().product::<u32>() as usize);
                Tensor::copied(&buffers, Element::I64, sizes, &bytes)
            };
            let inputs = self.plan.inputs.iter().map(input).collect::<Result<Vec<_>, _>>();
            self.run(&inputs.map_err(|error| error.to_string())?, &buffers)?;
        }
        Ok(())
    }

    fn compute(
        &self,
        batch: &mut RaggedBatch,
        arena: &mut Arena,
        workers: &dyn Workers,
    ) -> Result<(), String> {
        let sequences = &mut batch.sequences[..];
        let stages = self.plan.stages.iter().zip(&self.layout.runs);
        let count = self.plan.stages.len();
        for (index, (stage, run)) in stages.enumerate() {
            workers.interleave((batch.rows * (count - index) / count) as u32);
            match (stage, run) {
                (Stage::Rows(steps), Some(run)) => {
                    rows::run((steps, run), (arena, batch.rows), workers)?;
                }
                (Stage::Rows(_), None) => return Err("a stage is not laid out".to_owned()),
                (Stage::Attend(attend), _) => {
                    attend::run((attend, &self.layout, self.set), (arena, sequences), workers)?;
                }
                (Stage::Fragment(fragment), _) => {
                    fragment::run((fragment, &self.layout), (arena, sequences), workers);
                }
            }
        }
        Ok(())
    }
}

impl Model for Arc<NativeModel> {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn engine(&self) -> &'static str {
        "native"
    }

    fn batching(&self) -> backend::Batching {
        backend::Batching::Ragged
    }

    fn weights(&self) -> Option<WeightsOrigin> {
        Some(self.weights)
    }

    fn run(&self, inputs: &[Tensor], buffers: &Buffers) -> Outcome {
        let outcome = self.run_together(&[inputs], buffers, &Alone).pop();
        outcome.unwrap_or_else(|| Err("a call without an outcome".into()))
    }

    fn run_together(
        &self,
        calls: &[&[Tensor]],
        buffers: &Buffers,
        workers: &dyn Workers,
    ) -> Vec<Outcome> {
        let mut batch = RaggedBatch::new(&self.plan, &self.used, calls);
        if batch.rows == 0 {
            return outputs::refused(batch);
        }
        let mut arena = self.arenas.take(&self.layout.slots, batch.rows);
        let computed = self.compute(&mut batch, &mut arena, workers);
        let plan = (&self.plan, &self.layout);
        let outcomes = match computed {
            Ok(()) => outputs::of_calls(plan, (&arena, batch), calls, buffers),
            Err(reason) => calls.iter().map(|_| Err(reason[..].into())).collect(),
        };
        self.arenas.give_back(arena);
        outcomes
    }

    fn tokens(&self, inputs: &[Tensor]) -> Vec<u32> {
        ragged_batch::tokens_of_rows(&self.plan, inputs)
    }
}

/// Inputs as the file declares them, outputs as they are computed.
fn signature(plan: &Ragged) -> Result<Signature, String> {
    let dimension = |dim: &Dim| match dim {
        Dim::Fixed(size) => u32::try_from(*size).map_or(Dimension::Any, Dimension::Fixed),
        Dim::Named(name) => Dimension::Named(name.clone()),
        Dim::Any => Dimension::Any,
    };
    let inputs = plan.inputs.iter().map(|input| {
        let dimensions = Some(input.port.dims.iter().map(dimension).collect());
        Port { name: input.port.name.clone(), element: Element::I64, dimensions }
    });
    let inputs: Vec<Port> = inputs.collect();
    let ids = plan.inputs.iter().zip(&inputs).find(|(input, _)| input.role == InputRole::Ids);
    let ids = ids.and_then(|(_, port)| port.dimensions.clone());
    let Some([batch, length]) = ids.as_deref() else {
        return Err("token ids are not [batch, sequence]".to_owned());
    };
    let outputs = plan.outputs.iter().map(|output| {
        let RaggedOutput { name, per_token, columns, .. } = output;
        let columns = columns.map(|columns| columns as u32).map(Dimension::Fixed);
        let length = per_token.then(|| length.clone());
        let dimensions = [Some(batch.clone()), length, columns].into_iter().flatten().collect();
        Port { name: name.clone(), element: Element::F32, dimensions: Some(dimensions) }
    });
    Ok(Signature { outputs: outputs.collect(), inputs })
}
