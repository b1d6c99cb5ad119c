//! Which values of a graph have an influence on which others.

use std::collections::{BTreeMap, BTreeSet};

use pilotlight_model::InputRole;

use super::Adapt;
use super::output::Output;
use crate::inspect::{Part, visit_graph};
use crate::proto::{GraphProto, NodeProto, is_onnx};

impl Adapt<'_> {
    /// Drops the inputs that can be filled from tokens and that have no influence on `outputs`,
    /// whatever they are; tells whether the values of the attention mask or of the lengths have
    /// one.
    pub(super) fn drop_unused_inputs(&mut self, outputs: &[Output]) -> bool {
        let used = reached(self.graph, outputs, |_| true);
        let before = self.graph.input.len();
        self.graph.input.retain(|input| {
            let role = InputRole::of(&input.name);
            used.contains(&input.name) || matches!(role, None | Some(InputRole::Ids))
        });
        self.changed |= self.graph.input.len() < before;
        // What reads only the mask's shape gives the same for every mask.
        let values = reached(self.graph, outputs, |node| !reads_shape(node));
        self.graph.input.iter().any(|input| {
            let role = InputRole::of(&input.name);
            values.contains(&input.name)
                && matches!(role, Some(InputRole::Mask | InputRole::Length))
        })
    }

    /// Drops the nodes and constants that have no influence on `outputs`.
    pub(super) fn prune(&mut self, outputs: &[Output]) {
        let used = reached(self.graph, outputs, |_| true);
        self.graph.node.retain(|node| node.output.iter().any(|name| used.contains(name)));
        self.graph.initializer.retain(|tensor| used.contains(&tensor.name));
        self.graph.value_info.clear();
    }
}

fn reads_shape(node: &NodeProto) -> bool {
    is_onnx(&node.domain) && ["Shape", "Size"].contains(&&node.op_type[..])
}

/// The values that `outputs` are computed from, themselves among them, as far as `follow` lets it
/// go from the outputs of a node to its inputs.
fn reached(
    graph: &GraphProto,
    outputs: &[Output],
    follow: fn(&NodeProto) -> bool,
) -> BTreeSet<String> {
    let produced = graph.node.iter().flat_map(|node| node.output.iter().map(move |o| (o, node)));
    let producers: BTreeMap<&String, &NodeProto> = produced.collect();
    let mut open: Vec<String> = outputs.iter().map(|output| output.name.clone()).collect();
    let mut reached: BTreeSet<String> = open.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let Some(node) = producers.get(&name).filter(|node| follow(node)) else { continue };
        let inputs = node.input.iter().cloned().chain(captured(node));
        open.extend(inputs.filter(|input| reached.insert(input.clone())));
    }
    reached
}

/// Names that the subgraphs of a node use; some are their own.
fn captured(node: &NodeProto) -> Vec<String> {
    let mut names = Vec::new();
    let graphs =
        node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
    for graph in graphs {
        visit_graph(graph, &mut |part| match part {
            Part::Node(node) => names.extend(node.input.iter().cloned()),
            Part::Graph(graph) => names.extend(graph.output.iter().map(|v| v.name.clone())),
            Part::Tensor(_) => {}
        });
    }
    names
}
