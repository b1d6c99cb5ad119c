//! Calls and their outcomes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use pilotlight_inference::{
    Backend, Buffers, Element, InstructionSet, Model, Native, NativeOptions, Precision, RunError,
    Tensor, Workers,
};

pub fn backend(instructions: InstructionSet) -> Native {
    let mut options = NativeOptions::default();
    options.instructions = instructions;
    Native::new(options).unwrap()
}

pub fn load(file: Vec<u8>, precision: Precision) -> Box<dyn Model> {
    let model = backend(InstructionSet::available()).load("g", file, precision.into()).unwrap();
    assert_eq!(model.engine(), "native");
    model
}

pub fn default_file() -> Vec<u8> {
    std::fs::read(root().join("models/pii-ner/model.onnx")).unwrap()
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Texts of a call, padded to `length`.
#[derive(Debug, Clone)]
pub struct Call {
    pub texts: Vec<Vec<i64>>,
    pub segment: i64,
    pub length: usize,
}

impl Call {
    pub fn of(ids: &[i64]) -> Self {
        Self { texts: vec![ids.to_vec()], segment: 0, length: ids.len() }
    }

    /// Inputs in the order of the graph.
    pub fn inputs(&self, model: &dyn Model) -> Vec<Tensor> {
        let row = |text: &Vec<i64>, fill: &dyn Fn(i64) -> i64| {
            let mut row: Vec<i64> = text.iter().map(|id| fill(*id)).collect();
            row.resize(self.length, 0);
            row
        };
        let ports = model.signature().inputs.iter();
        let input = |name: &str| -> Vec<i64> {
            let fill: &dyn Fn(i64) -> i64 = match name {
                "input_ids" => &|id| id,
                "attention_mask" => &|_| 1,
                _ => &|_| self.segment,
            };
            self.texts.iter().flat_map(|text| row(text, fill)).collect()
        };
        ports.map(|port| tensor(&[self.texts.len(), self.length], &input(&port.name))).collect()
    }
}

pub fn tensor(sizes: &[usize], values: &[i64]) -> Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let sizes: Vec<u32> = sizes.iter().map(|size| *size as u32).collect();
    Tensor::copied(&Buffers::new(0), Element::I64, &sizes, &bytes).unwrap()
}

pub type Outcome = Result<Vec<Tensor>, RunError>;

/// Runs calls together.
pub fn together(model: &dyn Model, calls: &[Call], workers: &dyn Workers) -> Vec<Outcome> {
    let inputs: Vec<Vec<Tensor>> = calls.iter().map(|call| call.inputs(model)).collect();
    let inputs: Vec<&[Tensor]> = inputs.iter().map(|inputs| &inputs[..]).collect();
    model.run_together(&inputs, &Buffers::new(0), workers)
}

pub fn alone(model: &dyn Model, call: &Call) -> Outcome {
    model.run(&call.inputs(model), &Buffers::new(0))
}

pub fn floats(tensor: &Tensor) -> Vec<f32> {
    let bytes = tensor.bytes().chunks_exact(4);
    bytes.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// So many threads, which take parts in any order.
pub struct Threads(pub usize);

impl Workers for Threads {
    fn threads(&self) -> usize {
        self.0
    }

    fn share(&self, count: usize, part: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.0 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            break;
                        }
                        // The last first.
                        part(count - 1 - number);
                    }
                });
            }
        });
    }
}
