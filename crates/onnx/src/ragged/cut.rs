//! From a fused graph to stages.

use std::collections::HashMap;

use pilotlight_kernels::{InstructionSet, Weights};
use pilotlight_model::InputRole;
use tract_core::internal::*;

use super::classify::{Classify, Kind};
use super::fragment::{Draft, PackedByNode};
use super::outline::{Outline, Unpacked, work};
use super::{Attend, Ragged, RaggedInput, RaggedOutput, RowStep, Stage, Value, ValueId};
use crate::adapt::{Encoder, EncoderOutput};
use crate::error::OnnxError;
use crate::import::Port;
use crate::operators::{self, Normalize, Packing, Product};

/// The most stages; encoders have three for each layer.
const MOST_STAGES: usize = 4096;

/// Cuts `model` into stages with the packed weights that `weights` gives of all its products.
pub(super) fn cut(
    model: &TypedModel,
    (ports, encoder): (Vec<Port>, Encoder),
    packing: Packing,
    weights: impl FnOnce(&Outline<'_>) -> Result<Vec<Weights>, String>,
) -> Result<Ragged, OnnxError> {
    let refuse = |error: TractError| OnnxError::Graph(format!("{error:#}"));
    let sequence = || model.symbols.sym("S").to_dim();
    let length = encoder.length.map_or_else(sequence, |length| length.to_dim());
    let classify = Classify { model, length };
    let (ids, inputs) = inputs(ports)?;
    let mut cut = Cut {
        classify,
        drafts: Vec::new(),
        places: HashMap::new(),
        values: vec![Value::Loose; inputs.len()],
        numbers: HashMap::new(),
        ids: model.inputs[ids],
        set: packing.set,
        packed: HashMap::new(),
    };
    cut.assign().map_err(refuse)?;
    cut.number().map_err(refuse)?;
    let outline = cut.outline(packing);
    let weights = weights(&outline).map_err(OnnxError::Graph)?;
    let nodes = outline.weights.iter().map(|weights| weights.node);
    cut.packed = nodes.zip(weights.into_iter().map(Arc::new)).collect();
    let stages = std::mem::take(&mut cut.drafts);
    let stages = stages.iter().map(|draft| cut.stage(draft)).collect::<TractResult<_>>();
    let stages = stages.map_err(refuse)?;
    let outputs = encoder.outputs.into_iter().zip(&model.outputs);
    let outputs = outputs.map(|(output, outlet)| cut.output(output, *outlet));
    let outputs = outputs.collect::<TractResult<_>>().map_err(refuse)?;
    let (length, vocabulary) = (encoder.length, encoder.vocabulary);
    let (work, Cut { values, .. }) = (outline.work, cut);
    Ok(Ragged { inputs, outputs, values, stages, length, vocabulary, work })
}

/// The inputs with their roles, and which of them is token ids.
fn inputs(ports: Vec<Port>) -> Result<(usize, Vec<RaggedInput>), OnnxError> {
    let unknown = |port: &Port| OnnxError::Graph(format!("input {} has no role", port.name));
    let inputs = ports.into_iter().map(|port| {
        let role = InputRole::of(&port.name).ok_or_else(|| unknown(&port))?;
        Ok(RaggedInput { port, role })
    });
    let inputs = inputs.collect::<Result<Vec<_>, OnnxError>>()?;
    let ids = inputs.iter().position(|input| input.role == InputRole::Ids);
    let ids = ids.ok_or_else(|| OnnxError::Graph("it has no input of token ids".into()))?;
    Ok((ids, inputs))
}

/// Nodes that become a stage.
struct StageDraft {
    kind: Kind,
    nodes: Vec<usize>,
}

struct Cut<'a> {
    classify: Classify<'a>,
    drafts: Vec<StageDraft>,
    /// The stage that computes a value.
    places: HashMap<OutletId, usize>,
    values: Vec<Value>,
    numbers: HashMap<OutletId, ValueId>,
    /// The input of token ids.
    ids: OutletId,
    set: InstructionSet,
    packed: PackedByNode,
}

impl<'a> Cut<'a> {
    fn model(&self) -> &'a TypedModel {
        self.classify.model
    }

    /// Puts each node into the first stage that it can be in.
    fn assign(&mut self) -> TractResult<()> {
        for id in self.model().eval_order()? {
            let node = self.model().node(id);
            let kind = self.classify.kind(node);
            let inputs = node.inputs.iter().filter_map(|input| self.places.get(input));
            let earliest = inputs.copied().max();
            let stage = match kind {
                Kind::Given => continue,
                Kind::Alias => earliest.context("rows from nowhere")?,
                Kind::Step | Kind::Attend | Kind::Fragment => self.join(kind, earliest),
            };
            if kind != Kind::Alias {
                self.drafts[stage].nodes.push(id);
            }
            for slot in 0..node.outputs.len() {
                self.places.insert(OutletId::new(id, slot), stage);
            }
            ensure!(self.drafts.len() <= MOST_STAGES, "it has more than {MOST_STAGES} stages");
        }
        Ok(())
    }

    /// The first stage of a kind that is not before `earliest`.
    fn join(&mut self, kind: Kind, earliest: Option<usize>) -> usize {
        let earliest = earliest.unwrap_or_default();
        let mut stages = self.drafts.iter().enumerate().skip(earliest);
        let found = stages.find(|(_, draft)| draft.kind == kind && kind != Kind::Attend);
        if let Some((stage, _)) = found {
            return stage;
        }
        self.drafts.push(StageDraft { kind, nodes: Vec::new() });
        self.drafts.len() - 1
    }

    /// Numbers the values that stages share, and those between steps.
    fn number(&mut self) -> TractResult<()> {
        let model = self.model();
        for (index, input) in model.inputs.iter().enumerate() {
            self.numbers.insert(*input, ValueId(index));
        }
        for id in model.eval_order()? {
            let node = model.node(id);
            match self.classify.kind(node) {
                Kind::Given => {}
                Kind::Alias => {
                    let number = *self.numbers.get(&node.inputs[0]).context("rows from nowhere")?;
                    self.numbers.insert(id.into(), number);
                }
                Kind::Step | Kind::Attend => self.add(id.into()),
                Kind::Fragment => {
                    for outlet in (0..node.outputs.len()).map(|slot| OutletId::new(id, slot)) {
                        if self.leaves(outlet) {
                            self.add(outlet);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, outlet: OutletId) {
        let value = self.classify.width(outlet).map_or(Value::Loose, |width| Value::Rows { width });
        self.numbers.insert(outlet, ValueId(self.values.len()));
        self.values.push(value);
    }

    /// Whether a value of a fragment is used outside of it.
    fn leaves(&self, outlet: OutletId) -> bool {
        let model = self.model();
        let own = self.places.get(&outlet);
        let elsewhere = |user: &InletId| self.places.get(&OutletId::new(user.node, 0)) != own;
        model.outputs.contains(&outlet) || model.outlet_successors(outlet).iter().any(elsewhere)
    }

    fn outline(&self, packing: Packing) -> Outline<'a> {
        let (model, mut outline) = (self.model(), Outline::empty());
        for draft in &self.drafts {
            outline.fragments += usize::from(draft.kind == Kind::Fragment);
            for node in draft.nodes.iter().map(|id| model.node(*id)) {
                if let Some(product) = node.op_as::<Product>() {
                    outline.products += usize::from(draft.kind == Kind::Step);
                    outline.weights.push(Unpacked::of(node, product, packing));
                } else if draft.kind != Kind::Fragment {
                    continue;
                }
                for (sum, more) in outline.work.iter_mut().zip(work(model, node)) {
                    *sum = sum.saturating_add(more);
                }
            }
        }
        outline
    }

    fn stage(&self, draft: &StageDraft) -> TractResult<Stage> {
        let model = self.model();
        let mut nodes = draft.nodes.iter().map(|id| model.node(*id));
        match draft.kind {
            Kind::Step => {
                let steps = nodes.map(|node| self.step(node)).collect::<TractResult<_>>();
                steps.map(Stage::Rows)
            }
            Kind::Attend => {
                let node = nodes.next().context("no attention")?;
                self.attend(node).map(Stage::Attend)
            }
            _ => self.fragment(&draft.nodes),
        }
    }

    fn fragment(&self, nodes: &[usize]) -> TractResult<Stage> {
        let model = self.model();
        let mut part = Draft::new(model, &self.packed);
        nodes.iter().try_for_each(|id| part.add(model.node(*id)))?;
        let slots = |id: &usize| {
            let id = *id;
            (0..model.node(id).outputs.len()).map(move |slot| OutletId::new(id, slot))
        };
        let outlets = nodes.iter().flat_map(slots);
        let outputs: Vec<_> = outlets.filter(|o| self.numbers.contains_key(o)).collect();
        let values = |outlet| self.numbers.get(&outlet).copied();
        part.finish(&outputs, values, (&self.classify.length, self.ids)).map(Stage::Fragment)
    }

    fn value(&self, outlet: OutletId) -> TractResult<ValueId> {
        let node = &self.model().node(outlet.node).name;
        self.numbers.get(&outlet).copied().with_context(|| format!("{node} is not computed"))
    }

    fn step(&self, node: &TypedNode) -> TractResult<RowStep> {
        let input = |index: usize| self.value(*node.inputs.get(index).context("too few inputs")?);
        let (x, out) = (input(0)?, self.value(node.id.into())?);
        if let Some(product) = node.op_as::<Product>() {
            let residual = product.residual().then(|| input(1)).transpose()?;
            let weights = self.packed.get(&node.id).context("weights are not packed")?;
            let weights = Arc::clone(weights);
            let bias = product.bias().map(|bias| Arc::new(bias.to_vec()));
            return Ok(RowStep::Linear { weights, bias, gelu: product.gelu(), x, residual, out });
        }
        if let Some(normalize) = node.op_as::<Normalize>() {
            let residual = normalize.has_residual().then(|| input(1)).transpose()?;
            let norm = normalize.parameters().clone().on(self.set);
            return Ok(RowStep::Normalize { norm, x, residual, out });
        }
        Ok(RowStep::Add { a: x, b: input(1)?, out })
    }

    fn attend(&self, node: &TypedNode) -> TractResult<Attend> {
        let op = node.op_as::<operators::Attend>().context("no attention")?;
        let input = |index: usize| self.value(*node.inputs.get(index).context("too few inputs")?);
        let width = op.heads().count * op.heads().width;
        let together = op.is_together();
        let operand = |index: usize| -> TractResult<(ValueId, usize)> {
            if together { Ok((input(0)?, index * width)) } else { Ok((input(index)?, 0)) }
        };
        let mask = if together { 1 } else { 3 };
        Ok(Attend {
            heads: op.heads(),
            scale: op.scale(),
            operands: [operand(0)?, operand(1)?, operand(2)?],
            mask: (node.inputs.len() > mask).then(|| input(mask)).transpose()?,
            guarded: op.is_guarded(),
            out: self.value(node.id.into())?,
        })
    }

    fn output(&self, output: EncoderOutput, outlet: OutletId) -> TractResult<RaggedOutput> {
        let EncoderOutput { name, per_token, columns } = output;
        let value = self.value(outlet)?;
        let fact = self.model().outlet_fact(outlet)?;
        let flat = per_token && fact.rank() == 2;
        ensure!(columns.is_some(), "output {name} has rows of no fixed width");
        ensure!(value.0 >= self.model().inputs.len(), "output {name} is an input");
        Ok(RaggedOutput { name, value, per_token, columns: columns.filter(|_| !flat) })
    }
}
