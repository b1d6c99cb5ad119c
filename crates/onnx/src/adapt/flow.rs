//! Which values of a graph have an influence on which others.

use std::collections::{BTreeMap, BTreeSet};

use super::{Adapt, KNOWN_INPUTS};
use crate::inspect::{Part, visit_graph};
use crate::proto::{GraphProto, NodeProto, is_onnx};

const MASK: &str = KNOWN_INPUTS[1];

impl Adapt<'_> {
    /// Drops the known inputs that have no influence on `output`, whatever they are; tells whether
    /// the values of the attention mask have one.
    pub(super) fn drop_unused_inputs(&mut self, output: &str) -> bool {
        let used = reached(self.graph, output, |_| true);
        let before = self.graph.input.len();
        let optional = &KNOWN_INPUTS[1..];
        self.graph
            .input
            .retain(|input| used.contains(&input.name) || !optional.contains(&&input.name[..]));
        self.changed |= self.graph.input.len() < before;
        // What reads only the mask's shape gives the same for every mask.
        let values = reached(self.graph, output, |node| !reads_shape(node));
        self.graph.input.iter().any(|input| input.name == MASK) && values.contains(MASK)
    }

    /// Drops the nodes and constants that have no influence on `output`.
    pub(super) fn prune(&mut self, output: &str) {
        let used = reached(self.graph, output, |_| true);
        self.graph.node.retain(|node| node.output.iter().any(|name| used.contains(name)));
        self.graph.initializer.retain(|tensor| used.contains(&tensor.name));
        self.graph.value_info.clear();
    }
}

fn reads_shape(node: &NodeProto) -> bool {
    is_onnx(&node.domain) && ["Shape", "Size"].contains(&&node.op_type[..])
}

/// The values that `output` is computed from, itself among them, as far as `follow` lets it go
/// from the outputs of a node to its inputs.
fn reached(graph: &GraphProto, output: &str, follow: fn(&NodeProto) -> bool) -> BTreeSet<String> {
    let outputs = graph.node.iter().flat_map(|node| node.output.iter().map(move |o| (o, node)));
    let producers: BTreeMap<&String, &NodeProto> = outputs.collect();
    let mut reached = BTreeSet::from([output.to_owned()]);
    let mut open = vec![output.to_owned()];
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
