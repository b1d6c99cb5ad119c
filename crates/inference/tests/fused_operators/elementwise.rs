use super::draft::{Draft, agree, fixed, float};

/// An operator of `[rows, columns]`, with a bias of `columns` if it takes one.
fn activation(d: &mut Draft, operator: &str, bias: bool) {
    let (rows, columns) = (d.between(1, 5), d.between(1, 9));
    d.drawn_input("x", &[("rows", rows), fixed(columns)], |d, n| d.floats(n, 4.0));
    let mut inputs = vec!["x"];
    if bias {
        d.drawn_constant("bias", &[columns], |d, n| d.floats(n, 1.0));
        inputs.push("bias");
    }
    let alpha = operator == "QuickGelu" && d.flag();
    let attributes = if alpha { vec![float("alpha", 0.7)] } else { Vec::new() };
    d.fused(operator, &inputs, &["y"], attributes);
    d.output("y", 1, 2);
}

#[test]
fn activations_of_onnx_runtime() {
    for operator in ["Gelu", "FastGelu", "QuickGelu"] {
        agree(|d| activation(d, operator, false));
    }
}

#[test]
fn activations_of_sums() {
    for operator in ["BiasGelu", "FastGelu"] {
        agree(|d| activation(d, operator, true));
    }
}
