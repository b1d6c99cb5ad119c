//! Calls of any shape with any values, right or wrong: each has the outcome in a batch that it has alone, to the
//! bit.

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use pilotlight_inference::{
    Alone, Backend, Buffers, Element, Model, Native, NativeOptions, Precision, Tensor,
};

static ENCODER: LazyLock<Box<dyn Model>> = LazyLock::new(|| {
    let file = include_bytes!("../../testing/models/electra-token-classification/model.onnx");
    let backend = Native::new(NativeOptions::default()).expect("there is a processor");
    let model = backend.load("electra", file.to_vec(), Precision::F32.into()).expect("it loads");
    assert_eq!(model.engine(), "native");
    model
});

/// The inputs of a call, which repeat what there is.
#[derive(Debug, Arbitrary)]
pub struct Call {
    rows: u8,
    tokens: u8,
    ids: Vec<i8>,
    /// Rows begin with so many tokens that count.
    masks: Vec<u8>,
    /// Masks have holes.
    holes: bool,
    segments: Vec<bool>,
    /// An input that has another number of tokens.
    odd: Option<u8>,
}

impl Call {
    fn inputs(&self, model: &dyn Model) -> Vec<Tensor> {
        let ports = model.signature().inputs.iter().enumerate();
        ports.map(|(index, port)| self.input(index, &port.name)).collect()
    }

    fn input(&self, index: usize, name: &str) -> Tensor {
        let rows = usize::from(self.rows % 4) + 1;
        let is_odd = self.odd == Some(index as u8);
        let tokens = usize::from(self.tokens % 80) + 1 + usize::from(is_odd);
        let value = |row: usize, token: usize| match name {
            "input_ids" => nth(&self.ids, row * tokens + token).map_or(1, i64::from),
            "attention_mask" => {
                let counted = nth(&self.masks, row).is_none_or(|mask| token < usize::from(mask));
                i64::from(counted && !(self.holes && token % 3 == 1))
            }
            _ => nth(&self.segments, token).map_or(0, i64::from),
        };
        let values = (0..rows).flat_map(|row| (0..tokens).map(move |token| (row, token)));
        let bytes: Vec<u8> =
            values.flat_map(|(row, token)| value(row, token).to_le_bytes()).collect();
        let sizes = [rows as u32, tokens as u32];
        Tensor::copied(&Buffers::new(0), Element::I64, &sizes, &bytes).expect("it is a tensor")
    }
}

fn nth<T: Copy>(values: &[T], index: usize) -> Option<T> {
    (!values.is_empty()).then(|| values[index % values.len()])
}

/// The bytes of the outputs, or the reason why there are none.
fn outcome<E: ToString>(outputs: Result<Vec<Tensor>, E>) -> Result<Vec<Vec<u8>>, String> {
    let outputs = outputs.map_err(|error| error.to_string())?;
    Ok(outputs.iter().map(|output| output.bytes().to_vec()).collect())
}

/// Runs the target.
pub fn run(calls: Vec<Call>) {
    let (model, buffers) = (&**ENCODER, Buffers::new(0));
    let inputs: Vec<_> = calls.iter().take(8).map(|call| call.inputs(model)).collect();
    let together: Vec<&[Tensor]> = inputs.iter().map(|inputs| &inputs[..]).collect();
    let found = model.run_together(&together, &buffers, &Alone).into_iter().map(outcome);
    let alone = inputs.iter().map(|inputs| outcome(model.run(inputs, &buffers)));
    assert!(found.eq(alone), "a call has another outcome in a batch");
}
