//! Conditions that are known when a graph is lowered, and graphs that make no sense.

use pilotlight_onnx::import;
use pilotlight_onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use crate::support::{Plan, floats, floats_of, model, node, value};

fn branch(nodes: Vec<NodeProto>, output: &str) -> GraphProto {
    GraphProto {
        node: nodes,
        // Each branch has a constant of this name.
        initializer: vec![floats("amount", &[], &[1.0])],
        output: vec![value(output, 1, &[])],
        ..Default::default()
    }
}

fn choice(condition: &str, then: GraphProto, otherwise: GraphProto, output: &str) -> NodeProto {
    let attribute = |name: &str, graph| AttributeProto {
        name: name.into(),
        g: Some(graph),
        r#type: 5,
        ..Default::default()
    };
    NodeProto {
        attribute: vec![attribute("then_branch", then), attribute("else_branch", otherwise)],
        ..node("If", &[condition], output)
    }
}

fn constant(name: &str, data_type: i32, value: i64) -> TensorProto {
    TensorProto {
        name: name.into(),
        data_type,
        int32_data: if data_type == 9 { vec![value as i32] } else { vec![] },
        int64_data: if data_type == 7 { vec![value] } else { vec![] },
        ..Default::default()
    }
}

fn graph(nodes: Vec<NodeProto>) -> ModelProto {
    model(GraphProto {
        node: nodes,
        initializer: vec![
            constant("yes", 9, 1),
            constant("no", 9, 0),
            constant("four", 7, 4),
            constant("last", 7, 1),
        ],
        input: vec![value("x", 1, &["n", "4"]), value("flag", 9, &[])],
        output: vec![value("y", 1, &["n", "4"])],
        ..Default::default()
    })
}

fn plus(input: &str, output: &str) -> NodeProto {
    node("Add", &[input, "amount"], output)
}

fn minus(input: &str, output: &str) -> NodeProto {
    node("Sub", &[input, "amount"], output)
}

fn run(nodes: Vec<NodeProto>) -> Vec<f32> {
    let mut model = graph(nodes);
    model.graph.as_mut().unwrap().input.truncate(1);
    floats_of(&Plan::of(model).run([tract_core::internal::tensor2(&[[0f32, 1.0, 2.0, 3.0]])]))
}

fn refusal(nodes: Vec<NodeProto>) -> String {
    import(graph(nodes)).err().unwrap().to_string()
}

#[test]
fn a_constant_decides_for_a_branch_and_names_within_are_its_own() {
    let both = || (branch(vec![plus("x", "z")], "z"), branch(vec![minus("x", "z")], "z"));
    for (condition, expected) in [("yes", [1.0, 2.0, 3.0, 4.0]), ("no", [-1.0, 0.0, 1.0, 2.0])] {
        let (then, otherwise) = both();
        let (again, otherwise_again) = both();
        let nodes = vec![
            choice(condition, then, otherwise, "h"),
            choice(condition, again, otherwise_again, "unused"),
            node("Identity", &["h"], "y"),
        ];
        assert_eq!(run(nodes), expected);
    }
}

#[test]
fn a_shape_decides_for_a_branch_within_a_branch() {
    let inner = choice(
        "same",
        branch(vec![plus("x", "inner")], "inner"),
        branch(vec![minus("x", "inner")], "inner"),
        "middle",
    );
    let nodes = vec![
        node("Shape", &["x"], "shape"),
        node("Gather", &["shape", "last"], "columns"),
        node("Equal", &["columns", "four"], "same"),
        choice("yes", branch(vec![inner], "middle"), branch(vec![], "x"), "y"),
    ];
    assert_eq!(run(nodes), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_condition_that_inputs_decide_is_refused() {
    let nodes = vec![choice("flag", branch(vec![], "x"), branch(vec![], "x"), "y")];
    let reason = refusal(nodes);
    assert!(reason.contains("depends on the inputs"), "{reason}");
    assert!(reason.contains("--compute host"), "{reason}");
}

#[test]
fn branches_that_go_too_deep_are_refused() {
    let mut inner = branch(vec![], "x");
    for depth in 0..40 {
        let output = format!("deep{depth}");
        inner = branch(vec![choice("yes", inner, branch(vec![], "x"), &output)], &output);
    }
    let reason = refusal(vec![choice("yes", inner, branch(vec![], "x"), "y")]);
    assert!(reason.contains("more than 16 deep"), "{reason}");
}

#[test]
fn cycles_and_values_from_nowhere_are_told_apart() {
    let cycle =
        vec![node("Add", &["x", "b"], "a"), node("Neg", &["a"], "b"), node("Neg", &["b"], "y")];
    let reason = refusal(cycle);
    assert!(reason.contains("node node-a uses value b before it is computed"), "{reason}");
    let reason = refusal(vec![node("Neg", &["nowhere"], "y")]);
    assert!(reason.contains("value nowhere is used but never defined"), "{reason}");
    let reason = refusal(vec![node("Neg", &["y"], "y")]);
    assert!(reason.contains("before it is computed"), "{reason}");
}

#[test]
fn graphs_of_too_many_nodes_are_refused() {
    let nodes = (0..31_000).map(|index| node("Neg", &["x"], &format!("v{index}"))).collect();
    let reason = refusal(nodes);
    assert!(reason.contains("the graph has 31000 nodes"), "{reason}");
}

#[test]
fn values_of_absurd_size_are_refused_before_they_are_made() {
    let mut model = graph(vec![node("Tile", &["x", "times"], "y")]);
    let graph = model.graph.as_mut().unwrap();
    graph.initializer.push(TensorProto {
        name: "times".into(),
        dims: vec![2],
        data_type: 7,
        int64_data: vec![1, 1 << 40],
        ..Default::default()
    });
    let reason = import(model).err().unwrap().to_string();
    assert!(reason.contains("exceeds"), "{reason}");
}
