//! Codes and numbers, and ONNX's own operators of codes.

use pilotlight_onnx::proto::NodeProto;
use pilotlight_testing::graphs::node;

use super::draft::{Draft, agree, fixed, int, ints};

#[test]
fn codes_of_numbers_and_numbers_of_codes() {
    for per_column in [false, true] {
        agree(|d| {
            let (rows, columns) = (d.between(1, 5), d.between(2, 6));
            d.drawn_input("x", &[("rows", rows), fixed(columns)], |d, n| d.floats(n, 4.0));
            let shape: &[usize] = if per_column { &[columns] } else { &[] };
            d.drawn_constant("scale", shape, |d, n| d.scales(n, 0.02));
            d.drawn_constant("zero", shape, Draft::bytes);
            let attributes = vec![int("axis", 1)];
            let inputs = ["x", "scale", "zero"];
            d.fused("QuantizeLinear", &inputs, &["codes"], attributes.clone());
            d.fused("DequantizeLinear", &["codes", "scale", "zero"], &["y"], attributes);
            d.output("codes", 2, 2);
            d.output("y", 1, 2);
        });
    }
}

/// Scale and zero point of unsigned codes, for all of them.
fn add_parameters(d: &mut Draft, name: &str, scale: f32) {
    d.drawn_constant(&format!("{name}_scale"), &[], |d, n| d.scales(n, scale));
    d.drawn_constant(&format!("{name}_zero"), &[], Draft::bytes);
}

#[test]
fn products_of_codes_as_codes() {
    agree(|d| {
        let (batch, rows, inner, columns) =
            (d.between(1, 3), d.between(1, 4), d.between(1, 9), d.between(2, 5));
        d.drawn_input("a", &[("batch", batch), ("rows", rows), fixed(inner)], Draft::bytes);
        d.drawn_constant("b", &[inner, columns], Draft::middle_bytes);
        add_parameters(d, "a", 0.02);
        add_parameters(d, "y", 0.1);
        d.drawn_constant("b_scale", &[columns], |d, n| d.scales(n, 0.02));
        d.drawn_constant("b_zero", &[columns], Draft::middle_bytes);
        let inputs = ["a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "y_scale", "y_zero"];
        d.node("", node("QLinearMatMul", &inputs, &["y"]));
        d.output("y", 2, 3);
    });
}

/// Codes of images and of weights, and attributes of a convolution, in one or two groups.
fn convolution(d: &mut Draft) -> (usize, NodeProto) {
    let (batch, height, width) = (d.between(1, 2), d.between(3, 6), d.between(3, 6));
    let (groups, kernel) = (d.between(1, 2), d.between(1, 3));
    let (channels, outputs) = (groups * d.between(1, 2), groups * d.between(1, 3));
    let images = [("batch", batch), fixed(channels), fixed(height), fixed(width)];
    d.drawn_input("x", &images, Draft::bytes);
    let weights = [outputs, channels / groups, kernel, kernel];
    d.drawn_constant("weights", &weights, Draft::middle_bytes);
    let pads = vec![d.between(0, kernel - 1) as i64; 4];
    let attribute = vec![
        int("group", groups as i64),
        ints("pads", pads),
        ints("kernel_shape", vec![kernel as i64; 2]),
        ints("strides", vec![d.between(1, 2) as i64; 2]),
    ];
    (outputs, NodeProto { attribute, ..NodeProto::default() })
}

#[test]
fn convolutions_of_codes_as_integers() {
    agree(|d| {
        let (_, attributes) = convolution(d);
        d.drawn_constant("x_zero", &[], Draft::bytes);
        d.drawn_constant("weights_zero", &[], Draft::middle_bytes);
        let inputs = ["x", "weights", "x_zero", "weights_zero"];
        let attribute = attributes.attribute;
        d.node("", NodeProto { attribute, ..node("ConvInteger", &inputs, &["y"]) });
        d.output("y", 6, 4);
    });
}

#[test]
fn convolutions_of_codes_as_codes() {
    agree(|d| {
        let (outputs, attributes) = convolution(d);
        add_parameters(d, "x", 0.02);
        add_parameters(d, "y", 0.1);
        d.drawn_constant("weights_scale", &[outputs], |d, n| d.scales(n, 0.02));
        let zero = d.middle_bytes(1);
        d.constant("weights_zero", &[outputs], zero.repeat(outputs));
        let [x, weights, y] = ["x", "weights", "y"];
        let mut inputs = vec![x, "x_scale", "x_zero", weights, "weights_scale", "weights_zero"];
        inputs.extend(["y_scale", "y_zero"]);
        if d.flag() {
            let bias = d.places(outputs, 2000);
            d.constant("bias", &[outputs], bias);
            inputs.push("bias");
        }
        let attribute = attributes.attribute;
        d.node("", NodeProto { attribute, ..node("QLinearConv", &inputs, &[y]) });
        d.output(y, 2, 4);
    });
}
