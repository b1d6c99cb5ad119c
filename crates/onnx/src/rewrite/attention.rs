//! Which products attention is made of.

use std::collections::{BTreeMap, BTreeSet};

use super::edit::Edit;
use crate::proto::{NodeProto, is_onnx};

/// Outputs of the products that make attention's values, of those that read the same input, which
/// make its queries and keys, and of what reads its weighted sums. In BERT a third of the weights
/// are theirs, and in f32 they leave a quarter less error.
pub(super) fn products_of_attention(edit: &Edit<'_>) -> BTreeSet<String> {
    let flow = Flow::new(edit);
    let mut found = Vec::new();
    for node in edit.nodes().iter().filter(|node| is_onnx(&node.domain)) {
        let ("MatMul", [weights, values]) = (&node.op_type[..], &node.input[..]) else { continue };
        if flow.source(weights).is_some_and(|source| source.op_type == "Softmax") {
            found.extend(flow.source(values).into_iter().flat_map(|product| flow.beside(product)));
            found.extend(node.output.iter().flat_map(|sums| flow.uses(sums)));
        }
    }
    found.into_iter().flat_map(|node| &node.output).cloned().collect()
}

/// What makes and uses each value.
struct Flow<'a> {
    edit: &'a Edit<'a>,
    makers: BTreeMap<&'a str, &'a NodeProto>,
    users: BTreeMap<&'a str, Vec<&'a NodeProto>>,
}

impl<'a> Flow<'a> {
    fn new(edit: &'a Edit<'a>) -> Self {
        let (mut makers, mut users) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        for node in edit.nodes() {
            makers.extend(node.output.iter().map(|output| (&output[..], node)));
            node.input.iter().for_each(|input| users.entry(&input[..]).or_default().push(node));
        }
        Self { edit, makers, users }
    }

    /// The node that `name` comes from, behind those that carry it.
    fn source(&self, mut name: &'a str) -> Option<&'a NodeProto> {
        // A malformed graph may go round in circles.
        for _ in 0..self.makers.len() {
            let maker = *self.makers.get(name)?;
            let Some(carried) = self.carried(maker) else { return Some(maker) };
            name = carried;
        }
        None
    }

    /// The nodes that use the input of `product`; none if it is no product.
    fn beside(&self, product: &NodeProto) -> Vec<&'a NodeProto> {
        let input =
            product.input.first().filter(|_| ["MatMul", "Gemm"].contains(&&product.op_type[..]));
        input.and_then(|input| self.users.get(&input[..])).cloned().unwrap_or_default()
    }

    /// The nodes that use `name`, and what those make of it that carry it.
    fn uses(&self, name: &'a str) -> Vec<&'a NodeProto> {
        let (mut names, mut seen, mut found) = (vec![name], BTreeSet::from([name]), Vec::new());
        while let Some(name) = names.pop() {
            for user in self.users.get(name).into_iter().flatten() {
                if self.carried(user) == Some(name) {
                    let outputs = user.output.iter().map(|output| &output[..]);
                    names.extend(outputs.filter(|output| seen.insert(*output)));
                } else {
                    found.push(*user);
                }
            }
        }
        found
    }

    /// The input that `node` passes on: moved, masked, or with a constant added or multiplied.
    fn carried(&self, node: &'a NodeProto) -> Option<&'a str> {
        let input = |index: usize| node.input.get(index).map(|name| &name[..]);
        match &node.op_type[..] {
            _ if !is_onnx(&node.domain) => None,
            "Cast" | "Dropout" | "Expand" | "Identity" | "Reshape" | "Slice" | "Split"
            | "Squeeze" | "Transpose" | "Unsqueeze" => input(0),
            "Where" => input(2),
            "Add" | "Mul" => {
                let (first, second) = (input(0)?, input(1)?);
                if self.edit.constant(first).is_some() {
                    return Some(second);
                }
                self.edit.constant(second).map(|_| first)
            }
            _ => None,
        }
    }
}
