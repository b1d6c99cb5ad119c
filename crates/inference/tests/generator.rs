//! An encoder and a decoder that ONNX Runtime computes in turns. Skipped where there is no real model or no library.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;
use std::path::Path;

use pilotlight_inference::{
    Backend, Buffers, Device, Element, Error, Model, OnnxRuntime, OnnxRuntimeOptions, Package,
    Precision, RunError, Tensor, Tract,
};
use pilotlight_testing::speech_model;

const RECORDING: &str = "../../tests/golden/audio/sense_and_sensibility_01_austen_64kb-0930.wav";
/// Bytes of a WAV file in front of its samples.
const WAV_HEAD: usize = 44;
const START: i64 = 1;
const END: i64 = 2;

/// The package of the real model.
fn package() -> Option<Vec<u8>> {
    let folder = speech_model()?;
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let (encoder, decoder) = (read("encoder_model.ort"), read("decoder_model_merged.ort"));
    Some(Package::new(vec![("encoder", &encoder), ("decoder", &decoder)]).write())
}

fn backend() -> OnnxRuntime {
    let options = OnnxRuntimeOptions { threads: 2, ..OnnxRuntimeOptions::default() };
    OnnxRuntime::new(options).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(backend: &dyn Backend, file: Vec<u8>) -> String {
    match backend.load("speech", file, Precision::F32.into()) {
        Err(Error::InvalidGraph { reason, .. }) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was loaded"),
    }
}

/// Samples of the recording.
fn recording() -> Vec<f32> {
    let file = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDING)).unwrap();
    let (samples, _) = file[WAV_HEAD..].as_chunks::<2>();
    samples.iter().map(|sample| f32::from(i16::from_le_bytes(*sample)) / 32_768.0).collect()
}

fn generate(model: &dyn Model, samples: &[f32], most: i64) -> Result<Vec<i64>, RunError> {
    let buffers = Buffers::new(1 << 20);
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let number =
        |value: i64| Tensor::copied(&buffers, Element::I64, &[1], &value.to_le_bytes()).unwrap();
    let sizes = [1, samples.len() as u32];
    let values = Tensor::copied(&buffers, Element::F32, &sizes, &bytes).unwrap();
    let inputs = [values, number(START), number(END), number(most)];
    let outputs = model.run(&inputs, &buffers)?;
    let (tokens, _) = outputs[0].bytes().as_chunks::<8>();
    assert_eq!(outputs[0].shape().sizes(), [1, tokens.len() as u32]);
    Ok(tokens.iter().map(|token| i64::from_le_bytes(*token)).collect())
}

#[test]
fn tokens_come_until_the_end_or_as_many_as_are_asked_for() {
    let Some(package) = package() else { return };
    let model = backend().load("speech", package, Precision::F32.into());
    let model = model.unwrap_or_else(|error| panic!("{error}"));
    let inputs: Vec<&str> = model.signature().inputs.iter().map(|port| &port.name[..]).collect();
    assert_eq!(inputs, ["input_values", "start_token", "end_token", "max_tokens"]);
    let samples = recording();
    let all = generate(&*model, &samples, 50).unwrap();
    // `He might even have been made amiable himself.`
    assert!((8..20).contains(&all.len()) && all.iter().filter(|token| **token == END).count() == 1);
    assert_eq!(all.last(), Some(&END));
    assert_eq!(generate(&*model, &samples, 3).unwrap(), all[..3]);
    // Nothing of a call is left for the next one.
    assert_eq!(generate(&*model, &samples, 50).unwrap(), all);
    for most in [0, -1, 1 << 20] {
        let error = generate(&*model, &samples, most).unwrap_err().to_string();
        assert!(error.contains("max_tokens"), "{error}");
    }
    assert!(generate(&*model, &samples[..10], 5).is_err());
}

#[test]
fn calls_on_many_threads_give_the_same_tokens() {
    let Some(package) = package() else { return };
    let model = backend().load("speech", package, Precision::F32.into()).unwrap();
    let samples = recording();
    let alone = generate(&*model, &samples, 5).unwrap();
    std::thread::scope(|scope| {
        let (model, samples, alone) = (&model, &samples, &alone);
        for _ in 0..3 {
            scope.spawn(move || assert_eq!(&generate(&**model, samples, 5).unwrap(), alone));
        }
    });
}

#[test]
fn packages_that_do_not_fit_are_refused() {
    let Some(package) = package() else { return };
    let parts = Package::read(&package).unwrap();
    let (encoder, decoder) = (parts.part("encoder").unwrap(), parts.part("decoder").unwrap());
    let backend = backend();
    let refused = |parts| refusal(&backend, Package::new(parts).write());
    assert!(refused(vec![("encoder", encoder)]).contains("has no decoder"));
    let swapped = refused(vec![("encoder", decoder), ("decoder", encoder)]);
    assert!(swapped.contains("the encoder reads"), "{swapped}");
    let cut = refused(vec![("encoder", &encoder[..1_000]), ("decoder", decoder)]);
    assert!(cut.starts_with("encoder: "), "{cut}");
    let foreign = [encoder, b"EPContext"].concat();
    let foreign = refused(vec![("encoder", &foreign), ("decoder", decoder)]);
    assert!(foreign.contains("EPContext"), "{foreign}");
    let tract = refusal(&Tract::new(&Device::default()).unwrap(), package.clone());
    assert!(tract.contains("ONNX Runtime"), "{tract}");
}
