//! Models of others beside tract.

use pilotlight_inference::{
    Backend, Buffers, Device, InstructionSet, Model, Precision, Tensor, Tract,
};
use pilotlight_onnx::rewrite::to_f32;
use pilotlight_onnx::{Wanted, adapt, decode, encode, widen_halves};
use pilotlight_testing::real_model;

use crate::support::{Call, backend, floats};

/// The graph of a model folder in the form that it is served in.
pub fn served(name: &str, wanted: &Wanted) -> Option<Vec<u8>> {
    let file = std::fs::read(real_model(name)?.join("model.onnx")).unwrap();
    let mut model = decode(&file[..]).unwrap();
    adapt(&mut model, wanted).unwrap();
    widen_halves(&mut model);
    to_f32(&mut model).unwrap();
    Some(encode(&model))
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let product = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// Outputs of texts of some lengths, together.
fn outputs(model: &dyn Model) -> Vec<Vec<Tensor>> {
    let text = |length: i64| (0..length).map(|i| 1000 + i * 7919 % 20_000).collect::<Vec<_>>();
    let calls = [7, 1, 64].map(|length| Call::of(&text(length)).inputs(model));
    let calls = calls.each_ref().map(|inputs| &inputs[..]);
    let outcomes = model.run_together(&calls, &Buffers::new(0), &pilotlight_inference::Alone);
    outcomes.into_iter().map(Result::unwrap).collect()
}

#[test]
fn encoders_of_others_give_what_tract_gives() {
    let token = Wanted::PerToken { columns: None };
    let text = Wanted::PerText { columns: None };
    for (name, wanted) in [("minilm", &token), ("bge-small", &token), ("reranker", &text)] {
        let Some(file) = served(name, wanted) else { continue };
        let tract = Tract::new(&Device::Cpu)
            .unwrap()
            .load("g", file.clone(), Precision::F32.into())
            .unwrap();
        let expected = outputs(&*tract);
        // The others quantize while they compute, which costs accuracy: these numbers are of both.
        let (of_f32, int8) = if name == "minilm" { ("native", 0.999) } else { ("tract", 0.98) };
        for (precision, engine, least) in
            [(Precision::F32, of_f32, 0.999_99), (Precision::Int8, "native", int8)]
        {
            let native = backend(InstructionSet::available());
            let native = native.load("g", file.clone(), precision.into()).unwrap();
            assert_eq!(native.engine(), engine, "{name}");
            for (expected, found) in expected.iter().zip(outputs(&*native)) {
                assert_eq!(expected[0].shape(), found[0].shape());
                let similar = cosine(&floats(&expected[0]), &floats(&found[0]));
                assert!(similar > least, "{name}, {precision}: {similar}");
            }
        }
    }
}
