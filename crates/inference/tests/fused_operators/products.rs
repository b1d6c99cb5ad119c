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
            let values = d.floats(one.iter().product(), 1.0);
            d.input("a", &one.map(fixed), values);
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

/// Constant codes `[rows, columns]` called `b`, and their zero points and scales: one, or one for each column.
fn add_codes(d: &mut Draft, [rows, columns]: [usize; 2]) {
    let per_column = d.flag();
    let count = if per_column { columns } else { 1 };
    let shape: &[usize] = if per_column { &[columns] } else { &[] };
    if d.flag() {
        let (codes, zero) = (d.signed_bytes(rows * columns), d.signed_bytes(count));
        d.constant("b", &[rows, columns], codes);
        d.constant("b_zero", shape, zero);
    } else {
        let (codes, zero) = (d.middle_bytes(rows * columns), d.middle_bytes(count));
        d.constant("b", &[rows, columns], codes);
        d.constant("b_zero", shape, zero);
    }
    let scales = d.scales(count, 0.02);
    d.constant("b_scale", shape, scales);
}

fn add_bias(d: &mut Draft, columns: usize) -> &'static str {
    if d.flag() {
        return "";
    }
    let bias = d.floats(columns, 1.0);
    d.constant("bias", &[columns], bias);
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
        add_codes(d, [inner, columns]);
        let zero = if d.flag() { "b_zero" } else { "" };
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
        let codes = d.bytes(batch * rows * inner);
        d.input("a", &[("batch", batch), ("rows", rows), fixed(inner)], codes);
        add_codes(d, [inner, columns]);
        d.constant("a_scale", &[], vec![0.03f32]);
        let zero = d.bytes(1);
        d.constant("a_zero", &[], zero);
        let [a_zero, b_zero] = ["a_zero", "b_zero"].map(|name| if d.flag() { name } else { "" });
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
            let a = d.floats(rows * inner, 1.0);
            d.input("a", &[("rows", rows), fixed(inner)], a);
            let codes = d.bytes(columns * blocks * block * bits / 8);
            d.constant("b", &[columns, blocks, block * bits / 8], codes);
            let scales = d.scales(columns * blocks, 0.02);
            d.constant("scales", &[columns * blocks], scales);
            let mut inputs = vec!["a", "b", "scales"];
            if d.flag() {
                let bytes = columns * (blocks * bits).div_ceil(8);
                let zero = d.bytes(bytes);
                d.constant("zero", &[bytes], zero);
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
            let x = d.floats(batch * channels * height * width, 1.0);
            d.input("x", &[("batch", batch), fixed(channels), fixed(height), fixed(width)], x);
            let weights = d.floats(outputs * channels * kernel * kernel, 1.0);
            d.constant("weights", &[outputs, channels, kernel, kernel], weights);
            let bias = add_bias(d, outputs);
            let mut inputs = vec!["x", "weights", bias];
            let pad = (kernel - 1) / 2;
            let sizes = [height, width].map(|size| size + 2 * pad - kernel + 1);
            if d.flag() {
                let summand = d.floats(batch * outputs * sizes[0] * sizes[1], 1.0);
                let [height, width] = sizes.map(fixed);
                d.input("z", &[("batch", batch), fixed(outputs), height, width], summand);
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
