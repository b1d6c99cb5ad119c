//! Graphs of one operator, and what ONNX Runtime and tract compute of them.

use std::fmt::Write as _;

use pilotlight_inference::{
    Backend as _, Buffers, Element, OnnxRuntime, OnnxRuntimeOptions, Precision, Tensor,
};
use pilotlight_onnx::proto::{
    AttributeProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
};
use pilotlight_onnx::{Imported, encode, fuse, import};
use pilotlight_testing::graphs::{model, node, port};
use pilotlight_testing::skipped;
use tract_core::internal::{DatumType, IntoTValue as _, Tensor as TractTensor};
use tract_core::plan::SimplePlan;

use super::found::Found;

/// Graphs that are drawn of a kind.
const GRAPHS: u64 = 8;

/// The domain of ONNX Runtime's operators.
pub const MICROSOFT: &str = "com.microsoft";

/// Elements of a tensor, with their number in ONNX's `TensorProto.DataType`.
#[derive(Clone)]
pub struct Values {
    element: i32,
    bytes: Vec<u8>,
}

impl From<Vec<f32>> for Values {
    fn from(values: Vec<f32>) -> Self {
        Self { element: 1, bytes: values.into_iter().flat_map(f32::to_le_bytes).collect() }
    }
}

impl From<Vec<u8>> for Values {
    fn from(bytes: Vec<u8>) -> Self {
        Self { element: 2, bytes }
    }
}

impl From<Vec<i8>> for Values {
    fn from(values: Vec<i8>) -> Self {
        Self { element: 3, bytes: values.into_iter().flat_map(i8::to_le_bytes).collect() }
    }
}

impl From<Vec<i32>> for Values {
    fn from(values: Vec<i32>) -> Self {
        Self { element: 6, bytes: values.into_iter().flat_map(i32::to_le_bytes).collect() }
    }
}

impl From<Vec<i64>> for Values {
    fn from(values: Vec<i64>) -> Self {
        Self { element: 7, bytes: values.into_iter().flat_map(i64::to_le_bytes).collect() }
    }
}

/// A dimension of an input: its name, empty where the graph fixes its size, and the size.
pub type Size = (&'static str, usize);

/// A size that the graph fixes.
pub fn fixed(size: usize) -> Size {
    ("", size)
}

/// A graph while it is drawn.
pub struct Draft {
    state: u64,
    model: ModelProto,
    inputs: Vec<(Vec<u32>, Values)>,
}

impl Draft {
    fn new(seed: u64) -> Self {
        let mut model = model(Vec::new(), Vec::new(), Vec::new());
        let domain = MICROSOFT.to_owned();
        model.opset_import.push(OperatorSetIdProto { domain, version: 1 });
        Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, model, inputs: Vec::new() }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 20
    }

    /// A number in a range, both ends included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.next() as usize % (high - low + 1)
    }

    /// One or the other.
    pub fn flag(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    /// The name of an input, or the empty name of one that is left out.
    pub fn optional(&mut self, name: &'static str) -> &'static str {
        if self.flag() { name } else { "" }
    }

    /// Numbers between `-largest` and `largest`.
    pub fn floats(&mut self, count: usize, largest: f32) -> Vec<f32> {
        let mut float = || (self.next() % 2001) as f32 / 1000.0 - 1.0;
        (0..count).map(|_| float() * largest).collect()
    }

    /// Numbers between a third of `largest` and `largest`.
    pub fn scales(&mut self, count: usize, largest: f32) -> Vec<f32> {
        self.floats(count, largest / 3.0).into_iter().map(|x| x + largest * 2.0 / 3.0).collect()
    }

    /// Integers below `end`.
    pub fn places(&mut self, count: usize, end: usize) -> Vec<i32> {
        (0..count).map(|_| self.between(0, end - 1) as i32).collect()
    }

    /// Bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    /// Signed bytes. ONNX Runtime multiplies them with 16-bit sums on some processors, which larger ones would
    /// overflow.
    pub fn signed_bytes(&mut self, count: usize) -> Vec<i8> {
        (0..count).map(|_| self.between(0, 126) as i8 - 63).collect()
    }

    /// Unsigned bytes around 128, as [`Self::signed_bytes`].
    pub fn middle_bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.between(65, 191) as u8).collect()
    }

    /// An input of the graph.
    pub fn input(&mut self, name: &str, sizes: &[Size], values: impl Into<Values>) {
        let values = values.into();
        let texts: Vec<String> = sizes
            .iter()
            .map(|(name, size)| if name.is_empty() { size.to_string() } else { (*name).to_owned() })
            .collect();
        let texts: Vec<&str> = texts.iter().map(|text| &text[..]).collect();
        self.graph().input.push(port(name, values.element, &texts));
        self.inputs.push((sizes.iter().map(|(_, size)| *size as u32).collect(), values));
    }

    /// A constant of the graph.
    pub fn constant(&mut self, name: &str, sizes: &[usize], values: impl Into<Values>) {
        let values = values.into();
        self.graph().initializer.push(TensorProto {
            name: name.to_owned(),
            dims: sizes.iter().map(|size| *size as i64).collect(),
            data_type: values.element,
            raw_data: values.bytes.into(),
            ..Default::default()
        });
    }

    /// An input of the graph, with as many drawn values as it has elements.
    pub fn drawn_input<V: Into<Values>>(
        &mut self,
        name: &str,
        sizes: &[Size],
        draw: impl FnOnce(&mut Self, usize) -> V,
    ) {
        let values = draw(self, sizes.iter().map(|(_, size)| size).product());
        self.input(name, sizes, values);
    }

    /// A constant of the graph, with as many drawn values as it has elements.
    pub fn drawn_constant<V: Into<Values>>(
        &mut self,
        name: &str,
        sizes: &[usize],
        draw: impl FnOnce(&mut Self, usize) -> V,
    ) {
        let values = draw(self, sizes.iter().product());
        self.constant(name, sizes, values);
    }

    /// A node of ONNX Runtime's operators.
    pub fn fused(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) {
        self.node(
            MICROSOFT,
            NodeProto { attribute: attributes, ..node(operator, inputs, outputs) },
        );
    }

    /// A node of a domain.
    pub fn node(&mut self, domain: &str, node: NodeProto) {
        let name = format!("node-{}", self.graph().node.len());
        self.graph().node.push(NodeProto { name, domain: domain.to_owned(), ..node });
    }

    /// An output of the graph, of so many dimensions.
    pub fn output(&mut self, name: &str, element: i32, rank: usize) {
        self.graph().output.push(port(name, element, &vec!["?"; rank]));
    }

    fn graph(&mut self) -> &mut pilotlight_onnx::proto::GraphProto {
        self.model.graph.as_mut().unwrap()
    }

    fn by_onnx_runtime(&self, backend: &OnnxRuntime) -> Vec<Found> {
        let options = Precision::F32.into();
        let model = backend.load("drawn", encode(&self.model), options);
        let model = model.unwrap_or_else(|error| panic!("{error}\n{self}"));
        let buffers = Buffers::new(0);
        let tensor = |(sizes, values): &(Vec<u32>, Values)| {
            let element = match values.element {
                1 => Element::F32,
                2 => Element::U8,
                6 => Element::I32,
                7 => Element::I64,
                other => panic!("an input of type {other}"),
            };
            Tensor::copied(&buffers, element, sizes, &values.bytes).unwrap()
        };
        let inputs: Vec<Tensor> = self.inputs.iter().map(tensor).collect();
        let outputs =
            model.run(&inputs, &buffers).unwrap_or_else(|error| panic!("{error}\n{self}"));
        outputs.iter().map(Found::of).collect()
    }

    fn by_tract(&self, fused: bool) -> Vec<Found> {
        let Imported { mut model, inputs, .. } =
            import(self.model.clone()).unwrap_or_else(|error| panic!("{error}\n{self}"));
        assert_eq!(inputs.len(), self.inputs.len(), "{self}");
        if fused {
            fuse(&mut model, Precision::F32).unwrap();
        }
        let plan = SimplePlan::new(model.into_optimized().unwrap()).unwrap();
        let values = self.inputs.iter().map(|(sizes, values)| {
            let dtype = match values.element {
                1 => DatumType::F32,
                2 => DatumType::U8,
                6 => DatumType::I32,
                _ => DatumType::I64,
            };
            let sizes: Vec<usize> = sizes.iter().map(|size| *size as usize).collect();
            let mut tensor = TractTensor::zero_dt(dtype, &sizes).unwrap();
            let mut plain = tensor.try_as_plain_ram_mut().unwrap();
            plain.as_bytes_mut().copy_from_slice(&values.bytes);
            tensor.into_tvalue()
        });
        let outputs = plan.run(values.collect());
        let outputs = outputs.unwrap_or_else(|error| panic!("{error:#}\n{self}"));
        outputs.iter().map(|output| Found::of_tract(output)).collect()
    }
}

/// The node and the shapes, to be found again.
impl std::fmt::Display for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let graph = self.model.graph.as_ref().unwrap();
        let mut text = String::new();
        for node in &graph.node {
            let attributes: Vec<String> = node
                .attribute
                .iter()
                .map(|it| format!("{}={}/{}/{:?}", it.name, it.i, it.f, it.ints))
                .collect();
            let (operator, inputs) = (&node.op_type, &node.input);
            writeln!(text, "{operator} {inputs:?} {}", attributes.join(" "))?;
        }
        for (input, (sizes, _)) in graph.input.iter().zip(&self.inputs) {
            writeln!(text, "{}: {sizes:?}", input.name)?;
        }
        for tensor in &graph.initializer {
            writeln!(text, "{}: {:?}, constant", tensor.name, tensor.dims)?;
        }
        f.write_str(&text)
    }
}

/// ONNX Runtime, or a reason to skip.
fn runtime() -> Option<OnnxRuntime> {
    let options = OnnxRuntimeOptions { threads: 1, ..OnnxRuntimeOptions::default() };
    match OnnxRuntime::new(options) {
        Ok(runtime) => Some(runtime),
        Err(error) if std::env::var_os("PILOTLIGHT_REQUIRE_ORT").is_none() => {
            skipped(&error);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Draws graphs and has both compute them: as they are, and fused, as components compute them.
pub fn agree(draw: impl Fn(&mut Draft)) {
    let Some(runtime) = runtime() else { return };
    for seed in 1..=GRAPHS {
        let mut draft = Draft::new(seed);
        draw(&mut draft);
        let expected = draft.by_onnx_runtime(&runtime);
        for fused in [false, true] {
            let found = draft.by_tract(fused);
            assert_eq!(found.len(), expected.len(), "{draft}");
            for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let difference = found.difference(expected);
                assert!(
                    difference.is_none(),
                    "graph {seed}, fused: {fused}, output {index}: {}\n{draft}",
                    difference.unwrap_or_default()
                );
            }
        }
    }
}

/// Why a graph is refused by tract.
pub fn refusal(draw: impl Fn(&mut Draft)) -> String {
    let mut draft = Draft::new(1);
    draw(&mut draft);
    match import(draft.model) {
        Ok(_) => panic!("it is not refused"),
        Err(error) => error.to_string(),
    }
}

/// Attributes by name.
pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i: value, r#type: 2, ..Default::default() }
}

pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), f: value, r#type: 1, ..Default::default() }
}

pub fn ints(name: &str, values: Vec<i64>) -> AttributeProto {
    AttributeProto { name: name.to_owned(), ints: values, r#type: 7, ..Default::default() }
}

pub fn floats(name: &str, values: Vec<f32>) -> AttributeProto {
    AttributeProto { name: name.to_owned(), floats: values, r#type: 6, ..Default::default() }
}

pub fn text(name: &str, value: &str) -> AttributeProto {
    let s = value.as_bytes().to_vec().into();
    AttributeProto { name: name.to_owned(), s, r#type: 3, ..Default::default() }
}
