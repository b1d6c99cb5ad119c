//! Convolution and pooling, against loops that are written as ONNX describes them.

use pilotlight_onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto};
use pilotlight_onnx::{Precision, fuse, import};
use proptest::collection::vec;
use proptest::prelude::*;
use tract_core::internal::*;

use crate::support::{Plan, floats, floats_of, int, largest_difference, model, node, noise, value};

/// One spatial axis.
#[derive(Debug, Clone)]
struct Axis {
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pads: [usize; 2],
}

impl Axis {
    fn windows(&self) -> usize {
        let reach = (self.kernel - 1) * self.dilation + 1;
        (self.size + self.pads[0] + self.pads[1] - reach) / self.stride + 1
    }

    /// What a tap of a window reads, if it is no padding.
    fn place(&self, window: usize, tap: usize) -> Option<usize> {
        let place = (window * self.stride + tap * self.dilation).checked_sub(self.pads[0])?;
        (place < self.size).then_some(place)
    }
}

fn axis() -> impl Strategy<Value = Axis> {
    (1..5usize, 1..4usize, 1..3usize, 0..3usize, 0..3usize, 0..7usize).prop_map(
        |(kernel, stride, dilation, before, after, more)| {
            // Padding is narrower than the window: ONNX Runtime wants that for pooling.
            let pads = [before.min(kernel - 1), after.min(kernel - 1)];
            let size = (kernel - 1) * dilation + 1 + more;
            Axis { size, kernel, stride, dilation, pads }
        },
    )
}

fn ints(name: &str, values: impl IntoIterator<Item = usize>) -> AttributeProto {
    let ints = values.into_iter().map(|value| value as i64).collect();
    AttributeProto { name: name.into(), ints, r#type: 7, ..Default::default() }
}

fn attributes(axes: &[Axis]) -> Vec<AttributeProto> {
    let pads = [0, 1].map(|end| axes.iter().map(move |axis| axis.pads[end]));
    let [before, after] = pads;
    vec![
        ints("kernel_shape", axes.iter().map(|axis| axis.kernel)),
        ints("strides", axes.iter().map(|axis| axis.stride)),
        ints("dilations", axes.iter().map(|axis| axis.dilation)),
        ints("pads", before.chain(after)),
    ]
}

/// All places of a shape.
fn places(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |places, size| {
        let longer = |place: Vec<usize>| (0..*size).map(move |at| [&place[..], &[at]].concat());
        places.into_iter().flat_map(longer).collect()
    })
}

fn offset(shape: &[usize], place: &[usize]) -> usize {
    shape.iter().zip(place).fold(0, |offset, (size, at)| offset * size + at)
}

/// What the windows read of one plane: for each window, the element under each tap.
fn read(axes: &[Axis], plane: &[f32]) -> Vec<Vec<Option<f32>>> {
    let sizes = |of: fn(&Axis) -> usize| axes.iter().map(of).collect::<Vec<_>>();
    let (shape, kernel) = (sizes(|axis| axis.size), sizes(|axis| axis.kernel));
    let windows = places(&sizes(Axis::windows));
    let taps = places(&kernel);
    let element = |window: &[usize], tap: &[usize]| {
        let at = axes.iter().zip(window.iter().zip(tap));
        let place: Option<Vec<usize>> = at.map(|(axis, (w, t))| axis.place(*w, *t)).collect();
        place.map(|place| plane[offset(&shape, &place)])
    };
    windows.iter().map(|window| taps.iter().map(|tap| element(window, tap)).collect()).collect()
}

/// `x` through one operator, with open sizes and with fixed ones, plain and fused.
fn all_ways(
    node: NodeProto,
    constants: &[(&str, Vec<usize>, Vec<f32>)],
    x: &Tensor,
) -> Vec<Vec<f32>> {
    let open: Vec<String> = (0..x.rank()).map(|axis| format!("d{axis}")).collect();
    let fixed: Vec<String> = x.shape().iter().map(usize::to_string).collect();
    let graph = |dims: &[String], constant: bool| -> ModelProto {
        let dims: Vec<&str> = dims.iter().map(|dim| &dim[..]).collect();
        let signed = |shape: &[usize]| shape.iter().map(|size| *size as i64).collect::<Vec<_>>();
        let mut graph = GraphProto {
            node: vec![node.clone()],
            input: vec![value("x", 1, &dims)],
            output: vec![value("y", 1, &vec![""; x.rank()])],
            ..Default::default()
        };
        for (name, shape, values) in constants {
            if constant {
                graph.initializer.push(floats(name, &signed(shape), values));
            } else {
                let dims: Vec<String> = shape.iter().map(usize::to_string).collect();
                let dims: Vec<&str> = dims.iter().map(|dim| &dim[..]).collect();
                graph.input.push(value(name, 1, &dims));
            }
        }
        model(graph)
    };
    // The channels of convolutions are known.
    let mut half_open = open.clone();
    half_open[1].clone_from(&fixed[1]);
    let run = |dims: &[String], constant: bool, fused: bool| {
        let mut imported = import(graph(dims, constant)).unwrap();
        if fused {
            fuse(&mut imported.model, Precision::F32).unwrap();
        }
        let variable = constants.iter().filter(|_| !constant);
        let values = variable.map(|(_, shape, values)| Tensor::from_shape(shape, values).unwrap());
        floats_of(&Plan::new(imported).run([x.clone()].into_iter().chain(values)))
    };
    vec![
        run(&fixed, true, false),
        run(&fixed, false, false),
        run(&half_open, true, true),
        run(&half_open, true, false),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn convolutions_are_sums_over_their_windows(
        axes in vec(axis(), 1..4),
        (rows, groups, inputs, outputs) in (1..3usize, 1..4usize, 1..3usize, 1..3usize),
        bias in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let sizes: Vec<usize> = axes.iter().map(|axis| axis.size).collect();
        let taps: usize = axes.iter().map(|axis| axis.kernel).product();
        let plane: usize = sizes.iter().product();
        let x = noise(rows * groups * inputs * plane, seed);
        let weights = noise(groups * outputs * inputs * taps, seed ^ 1);
        let biases = noise(groups * outputs, seed ^ 2);
        let mut expected = Vec::new();
        for row in 0..rows {
            for output in 0..groups * outputs {
                let first = row * groups * inputs + output / outputs * inputs;
                let read: Vec<_> =
                    (first..first + inputs).map(|p| read(&axes, &x[p * plane..][..plane])).collect();
                for window in 0..read[0].len() {
                    let mut sum = if bias { biases[output] } else { 0.0 };
                    for (input, read) in read.iter().enumerate() {
                        let weights = &weights[(output * inputs + input) * taps..][..taps];
                        let products =
                            read[window].iter().zip(weights).map(|(x, w)| x.unwrap_or(0.0) * w);
                        sum += products.sum::<f32>();
                    }
                    expected.push(sum);
                }
            }
        }
        let kernel = axes.iter().map(|axis| axis.kernel);
        let shape: Vec<usize> = [groups * outputs, inputs].into_iter().chain(kernel).collect();
        let mut constants = vec![("w", shape, weights)];
        if bias {
            constants.push(("b", vec![groups * outputs], biases));
        }
        let names: &[&str] = if bias { &["x", "w", "b"] } else { &["x", "w"] };
        let mut attribute = attributes(&axes);
        attribute.push(int("group", groups as i64));
        let node = NodeProto { attribute, ..node("Conv", names, "y") };
        let shape: Vec<usize> = [rows, groups * inputs].into_iter().chain(sizes).collect();
        for found in all_ways(node, &constants, &Tensor::from_shape(&shape, &x).unwrap()) {
            let difference = largest_difference(&found, &expected);
            prop_assert!(difference < 1e-4, "{difference}");
        }
    }

    #[test]
    fn pools_take_the_largest_or_the_mean_of_their_windows(
        axes in vec(axis(), 1..4),
        planes in 1..4usize,
        which in 0..3usize,
        seed in any::<u64>(),
    ) {
        let sizes: Vec<usize> = axes.iter().map(|axis| axis.size).collect();
        let plane: usize = sizes.iter().product();
        let x = noise(planes * plane, seed);
        let mut expected = Vec::new();
        for plane in x.chunks(plane) {
            for window in read(&axes, plane) {
                let present = || window.iter().copied().flatten();
                let count = if which == 1 { window.len() } else { present().count() };
                expected.push(match which {
                    0 => present().fold(f32::NEG_INFINITY, f32::max),
                    _ => present().sum::<f32>() / count as f32,
                });
            }
        }
        let mut attribute = attributes(&axes);
        attribute.push(int("count_include_pad", i64::from(which == 1)));
        let operator = if which == 0 { "MaxPool" } else { "AveragePool" };
        let node = NodeProto { attribute, ..node(operator, &["x"], "y") };
        let shape: Vec<usize> = [1, planes].into_iter().chain(sizes).collect();
        for found in all_ways(node, &[], &Tensor::from_shape(&shape, &x).unwrap()) {
            let difference = largest_difference(&found, &expected);
            prop_assert!(difference < 1e-5, "{difference}");
        }
    }
}

#[test]
fn windows_and_weights_that_do_not_fit_are_refused() {
    let refusal = |attribute: Vec<AttributeProto>, x: &[&str], w: &[i64]| {
        let node = NodeProto { attribute, ..node("Conv", &["x", "w"], "y") };
        let volume = w.iter().product::<i64>() as usize;
        let graph = GraphProto {
            node: vec![node],
            initializer: vec![floats("w", w, &vec![0.5; volume])],
            input: vec![value("x", 1, x)],
            output: vec![value("y", 1, &[])],
            ..Default::default()
        };
        import(model(graph)).err().unwrap().to_string()
    };
    let cases = [
        (refusal(vec![], &["1", "3", "8"], &[4, 2, 3]), "3 channels"),
        (refusal(vec![], &["1", "2", "2"], &[4, 2, 3]), "a window of 3 elements on 2"),
        (refusal(vec![ints("strides", [0])], &["1", "2", "8"], &[4, 2, 3]), "strides [0]"),
        (refusal(vec![int("group", 0)], &["1", "0", "8"], &[4, 2, 3]), "0 groups"),
        (refusal(vec![int("group", -1)], &["1", "2", "8"], &[4, 2, 3]), "Conv"),
        (refusal(vec![ints("pads", [1])], &["1", "2", "8"], &[4, 2, 3]), "pads [1]"),
        (refusal(vec![], &["1", "2", "2", "2", "2", "2"], &[4, 2, 1, 1, 1, 1]), "4 spatial axes"),
    ];
    for (found, expected) in cases {
        assert!(found.contains(expected), "{found} is not about {expected}");
    }
}
