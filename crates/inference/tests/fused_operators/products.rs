use super::codes::add_codes;
use super::draft::{Draft, agree, fixed, float, floats, int, ints, text};

/// Sizes of an operand `[batch, rows, columns]` whose axes have been moved.
fn moved(sizes: [usize; 3], transposed: bool, batches: bool) -> [usize; 3] {
    let [batch, rows, columns] = sizes;
    let (rows, columns) = if transposed { (columns, rows) } else { (rows, columns) };
    if batches { [rows, batch, columns] } else { [batch, rows, columns] }
}

#[test]
fn products_of_transposed_operands() {
    for place in 0..16 {
        let [a, b, a_batches, b_batches] = [1, 2, 4, 8].map(|bit| place & bit != 0);
        agree(|d| {
            let (batch, rows, inner, columns) =
                (d.between(1, 3), d.between(1, 4), d.between(1, 5), d.between(1, 4));
            let one = moved([batch, rows, inner], a, a_batches);
            let other = moved([batch, inner, columns], b, b_batches);
            d.drawn_input("a", &one.map(fixed), |d, n| d.floats(n, 1.0));
            let values = d.floats(other.iter().product(), 1.0);
            if d.flag() {
                d.input("b", &other.map(fixed), values);
            } else {
                d.constant("b", &other, values);
            }
            let names = ["transA", "transB", "transBatchA", "transBatchB"];
            let flags = [a, b, a_batches, b_batches];
            let mut attributes: Vec<_> =
                names.iter().zip(flags).map(|(name, flag)| int(name, flag.into())).collect();
            if d.flag() {
                attributes.push(float("alpha", 0.5));
            }
            d.fused("FusedMatMul", &["a", "b"], &["y"], attributes);
            d.output("y", 1, 3);
        });
    }
}

fn add_bias(d: &mut Draft, columns: usize) -> &'static str {
    if d.flag() {
        return "";
    }
    d.drawn_constant("bias", &[columns], |d, n| d.floats(n, 1.0));
    "bias"
}

#[test]
fn products_that_quantize_their_input() {
    agree(|d| {
        let (batch, rows, inner, columns) =
            (d.between(1, 3), d.between(1, 4), d.between(2, 9), d.between(1, 5));
        // Numbers that a scale of one, between the least and the largest, leaves as they are.
        let codes = d.bytes(batch * rows * inner);
        let mut numbers: Vec<f32> = codes.into_iter().map(|code| f32::from(code) - 100.0).collect();
        (numbers[0], numbers[1]) = (-100.0, 155.0);
        d.input("a", &[("batch", batch), ("rows", rows), fixed(inner)], numbers);
        let shape = add_codes(d, "b", [inner, columns]);
        d.drawn_constant("b_scale", &shape, |d, n| d.scales(n, 0.02));
        let zero = d.optional("b_zero");
        let bias = add_bias(d, columns);
        d.fused("DynamicQuantizeMatMul", &["a", "b", "b_scale", zero, bias], &["y"], Vec::new());
        d.output("y", 1, 3);
    });
}

#[test]
fn products_of_codes_as_floats() {
    agree(|d| {
        let (batch, rows, inner, columns) =
            (d.between(1, 3), d.between(1, 4), d.between(1, 9), d.between(1, 5));
        d.drawn_input("a", &[("batch", batch), ("rows", rows), fixed(inner)], Draft::bytes);
        let shape = add_codes(d, "b", [inner, columns]);
        d.drawn_constant("b_scale", &shape, |d, n| d.scales(n, 0.02));
        d.constant("a_scale", &[], vec![0.03f32]);
        d.drawn_constant("a_zero", &[], Draft::bytes);
        let [a_zero, b_zero] = ["a_zero", "b_zero"].map(|name| d.optional(name));
        let bias = add_bias(d, columns);
        let inputs = ["a", "b", "a_scale", "b_scale", a_zero, b_zero, bias];
        d.fused("MatMulIntegerToFloat", &inputs, &["y"], Vec::new());
        d.output("y", 1, 3);
    });
}

#[test]
fn products_with_weights_in_blocks() {
    for bits in [4, 8] {
        agree(|d| {
            let (rows, columns, block) = (d.between(1, 4), d.between(1, 5), 16 << d.between(0, 1));
            let inner = d.between(1, 3) * block;
            let blocks = inner / block;
            d.drawn_input("a", &[("rows", rows), fixed(inner)], |d, n| d.floats(n, 1.0));
            d.drawn_constant("b", &[columns, blocks, block * bits / 8], Draft::bytes);
            d.drawn_constant("scales", &[columns * blocks], |d, n| d.scales(n, 0.02));
            let mut inputs = vec!["a", "b", "scales"];
            if d.flag() {
                let bytes = columns * (blocks * bits).div_ceil(8);
                d.drawn_constant("zero", &[bytes], Draft::bytes);
                inputs.push("zero");
            }
            let attributes = [("K", inner), ("N", columns), ("bits", bits), ("block_size", block)];
            let attributes = attributes.map(|(name, value)| int(name, value as i64)).to_vec();
            d.fused("MatMulNBits", &inputs, &["y"], attributes);
            d.output("y", 1, 2);
        });
    }
}

#[test]
fn convolutions_with_an_activation() {
    let activations: [(&str, Vec<f32>); 7] = [
        ("", vec![]),
        ("Relu", vec![]),
        ("Sigmoid", vec![]),
        ("Tanh", vec![]),
        ("LeakyRelu", vec![0.2]),
        ("Clip", vec![-0.5, 0.8]),
        ("HardSigmoid", vec![0.3, 0.4]),
    ];
    for (name, parameters) in activations {
        agree(|d| {
            let (batch, height, width) = (d.between(1, 2), d.between(3, 6), d.between(3, 6));
            let (channels, outputs, kernel) = (d.between(1, 3), d.between(1, 4), d.between(1, 3));
            let images = [("batch", batch), fixed(channels), fixed(height), fixed(width)];
            d.drawn_input("x", &images, |d, n| d.floats(n, 1.0));
            let weights = [outputs, channels, kernel, kernel];
            d.drawn_constant("weights", &weights, |d, n| d.floats(n, 1.0));
            let bias = add_bias(d, outputs);
            let mut inputs = vec!["x", "weights", bias];
            let pad = (kernel - 1) / 2;
            let sizes = [height, width].map(|size| size + 2 * pad - kernel + 1);
            if d.flag() {
                let [height, width] = sizes.map(fixed);
                let summand = [("batch", batch), fixed(outputs), height, width];
                d.drawn_input("z", &summand, |d, n| d.floats(n, 1.0));
                inputs.push("z");
            }
            let mut attributes = vec![
                ints("pads", vec![pad as i64; 4]),
                ints("kernel_shape", vec![kernel as i64; 2]),
            ];
            if !name.is_empty() {
                attributes.push(text("activation", name));
            }
            if !parameters.is_empty() {
                attributes.push(floats("activation_params", parameters.clone()));
            }
            d.fused("FusedConv", &inputs, &["y"], attributes);
            d.output("y", 1, 4);
        });
    }
}
