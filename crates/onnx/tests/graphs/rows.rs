//! Whether rows of a batch are independent, by the structure of graphs.

use pilotlight_onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use pilotlight_onnx::{rewrite, rows_are_independent};

use crate::support::{default_model, floats, int, model, node, noise, value};

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), ints: values.to_vec(), r#type: 7, ..Default::default() }
}

fn numbers(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: 7,
        int64_data: values.to_vec(),
        ..Default::default()
    }
}

fn with(attribute: AttributeProto, node: NodeProto) -> NodeProto {
    NodeProto { attribute: vec![attribute], ..node }
}

/// `x: [batch, length, 4]` of floats to `y` of the same shape.
fn graph(nodes: Vec<NodeProto>) -> ModelProto {
    model(GraphProto {
        node: nodes,
        initializer: vec![
            floats("w", &[4, 4], &noise(16, 1)),
            floats("filters", &[4, 4, 3], &noise(48, 2)),
            floats("four", &[4], &[1.0, 2.0, 3.0, 4.0]),
            floats("tiny", &[], &[1e-9]),
            floats("zero", &[1], &[0.0]),
            floats("two", &[2, 1, 1], &[1.0, 2.0]),
            numbers("to_rows", &[2], &[-1, 4]),
            numbers("to_one_row", &[3], &[1, -1, 4]),
            numbers("keep", &[3], &[0, 0, 4]),
            numbers("first", &[], &[0]),
            numbers("last", &[], &[-1]),
            numbers("one", &[], &[1]),
            numbers("unit", &[1], &[1]),
        ],
        input: vec![value("x", 1, &["batch", "length", "4"])],
        output: vec![value("y", 1, &["batch", "length", "4"])],
        ..Default::default()
    })
}

fn reason(nodes: Vec<NodeProto>) -> String {
    rows_are_independent(graph(nodes)).unwrap_err()
}

#[test]
fn rows_of_encoders_are_independent_in_every_precision() {
    rows_are_independent(default_model()).unwrap();
    for rewrite in [rewrite::to_f32, rewrite::to_int8] {
        let mut model = default_model();
        rewrite(&mut model).unwrap();
        rows_are_independent(model).unwrap();
    }
}

#[test]
fn what_works_within_rows_keeps_them_apart() {
    let cases = [
        vec![node("MatMul", &["x", "w"], "h"), node("Erf", &["h"], "y")],
        vec![
            with(ints("axes", &[1, 2]), node("ReduceMean", &["x"], "m")),
            node("Sub", &["x", "m"], "y"),
        ],
        vec![with(int("axis", 1), node("Softmax", &["x"], "y"))],
        vec![node("CumSum", &["x", "one"], "y")],
        // Windows within each row.
        vec![
            with(ints("perm", &[0, 2, 1]), node("Transpose", &["x"], "t")),
            with(ints("pads", &[1, 1]), node("Conv", &["t", "filters"], "c")),
            node("BatchNormalization", &["c", "four", "four", "four", "four"], "n"),
            NodeProto {
                attribute: vec![ints("kernel_shape", &[3]), ints("pads", &[1, 1])],
                ..node("AveragePool", &["n"], "p")
            },
            with(ints("perm", &[0, 2, 1]), node("Transpose", &["p"], "y")),
        ],
        // Rows folded into a longer axis and out of it again.
        vec![
            node("Reshape", &["x", "to_rows"], "flat"),
            node("MatMul", &["flat", "w"], "product"),
            node("Shape", &["x"], "shape"),
            node("Reshape", &["product", "shape"], "y"),
        ],
        // Attention of each row to itself.
        vec![
            with(ints("perm", &[0, 2, 1]), node("Transpose", &["x"], "t")),
            node("MatMul", &["x", "t"], "scores"),
            with(int("axis", -1), node("Softmax", &["scores"], "weights")),
            node("MatMul", &["weights", "x"], "y"),
        ],
    ];
    for nodes in cases {
        let names: Vec<String> = nodes.iter().map(|node| node.op_type.clone()).collect();
        assert_eq!(rows_are_independent(graph(nodes)), Ok(()), "{names:?}");
    }
}

#[test]
fn what_mixes_rows_is_named_however_little_it_weighs() {
    let cases: Vec<(Vec<NodeProto>, &str)> = vec![
        // The mean over the batch, which a factor hides from a trial.
        (
            vec![
                with(ints("axes", &[0]), node("ReduceMean", &["x"], "mean")),
                node("Mul", &["mean", "tiny"], "little"),
                node("Add", &["x", "little"], "y"),
            ],
            "node node-mean",
        ),
        // Only where a value is large.
        (
            vec![
                with(ints("axes", &[0, 1, 2]), node("ReduceMax", &["x"], "largest")),
                node("Greater", &["largest", "zero"], "large"),
                node("Neg", &["x"], "minus"),
                node("Where", &["large", "minus", "x"], "y"),
            ],
            "node node-largest",
        ),
        (vec![node("CumSum", &["x", "first"], "y")], "node node-y"),
        (vec![with(int("axis", 0), node("Softmax", &["x"], "y"))], "node node-y"),
        // All rows are one long row.
        (
            vec![
                node("Reshape", &["x", "to_one_row"], "long"),
                with(int("axis", 1), node("Softmax", &["long"], "weights")),
                node("Shape", &["x"], "shape"),
                node("Reshape", &["weights", "shape"], "y"),
            ],
            "node node-weights",
        ),
        // Rows and places exchanged, and not changed back.
        (
            vec![
                with(ints("perm", &[1, 0, 2]), node("Transpose", &["x"], "t")),
                node("Shape", &["x"], "shape"),
                node("Reshape", &["t", "shape"], "y"),
            ],
            "node node-y",
        ),
        // A constant for each of two rows.
        (vec![node("Mul", &["x", "two"], "y")], "node node-y"),
        // The number of rows as a number.
        (
            vec![
                node("Shape", &["x"], "shape"),
                node("Gather", &["shape", "first"], "count"),
                with(int("to", 1), node("Cast", &["count"], "number")),
                node("Div", &["x", "number"], "y"),
            ],
            "number of rows",
        ),
        // Every row is the first.
        (
            vec![
                with(int("axis", 0), node("Gather", &["x", "first"], "row")),
                node("Add", &["x", "row"], "y"),
            ],
            "node node-row",
        ),
        // A product of rows with rows.
        (
            vec![
                node("Reshape", &["x", "to_rows"], "flat"),
                with(ints("perm", &[1, 0]), node("Transpose", &["flat"], "t")),
                node("MatMul", &["t", "flat"], "square"),
                node("MatMul", &["x", "square"], "y"),
            ],
            "node node-square",
        ),
        (vec![node("DynamicQuantizeLinear", &["x"], "y")], "node node-y"),
        // Windows over rows that have become a spatial axis.
        (
            vec![
                with(ints("perm", &[1, 2, 0]), node("Transpose", &["x"], "t")),
                with(ints("kernel_shape", &[1]), node("MaxPool", &["t"], "pool")),
                with(ints("perm", &[2, 0, 1]), node("Transpose", &["pool"], "y")),
            ],
            "node node-pool",
        ),
        (vec![node("Frobnicate", &["x"], "y")], "Frobnicate"),
    ];
    for (nodes, expected) in cases {
        let found = reason(nodes);
        assert!(found.contains(expected), "{found} does not name {expected}");
    }
}

#[test]
fn what_nothing_uses_mixes_nothing() {
    let nodes = vec![
        with(ints("axes", &[0]), node("ReduceMean", &["x"], "unused")),
        node("Neg", &["x"], "y"),
    ];
    assert_eq!(rows_are_independent(graph(nodes)), Ok(()));
}

#[test]
fn positions_within_rows_are_the_same_for_all_and_those_of_rows_are_not() {
    let positions = |axis: &str| {
        vec![
            node("Shape", &["x"], "shape"),
            node("Gather", &["shape", axis], "count"),
            node("Range", &["first", "count", "one"], "range"),
            with(int("to", 1), node("Cast", &["range"], "numbers")),
            node("Unsqueeze", &["numbers", "unit"], "column"),
        ]
    };
    let mut places = positions("one");
    places.push(node("Add", &["x", "column"], "y"));
    assert_eq!(rows_are_independent(graph(places)), Ok(()));
    let mut rows = positions("first");
    rows.push(node("Unsqueeze", &["column", "unit"], "whole"));
    rows.push(node("Add", &["x", "whole"], "y"));
    assert!(reason(rows).contains("number of rows"));
}

#[test]
fn outputs_and_inputs_without_rows_are_refused() {
    let sized = |input: &[&str], output: &str| {
        let mut model = graph(vec![node("Neg", &["x"], "y")]);
        let graph = model.graph.as_mut().unwrap();
        graph.input = vec![value("x", 1, input)];
        graph.output = vec![value(output, 1, &[])];
        rows_are_independent(model)
    };
    assert_eq!(sized(&["batch", "length", "4"], "y"), Ok(()));
    assert!(sized(&["8", "length", "4"], "y").unwrap_err().contains("input x"));
    assert!(sized(&["n", "n", "4"], "y").unwrap_err().contains("input x"));
    assert!(sized(&["batch", "length", "4"], "w").unwrap_err().contains("output w"));
}
