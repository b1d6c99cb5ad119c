//! The same bits as the graph that components compute.

use pilotlight_inference::{Alone, Model, Precision};
use pilotlight_onnx::{Wanted, decode, lower_encoder};
use pilotlight_testing::encoder;
use tract_core::internal::{Arc, IntoTValue as _, Tensor, TypedFact, TypedOp};
use tract_core::plan::SimplePlan;

use crate::real::served;
use crate::support::{Call, alone, default_file, floats, load, together};

/// The graph of a component.
struct Component {
    plan: Arc<SimplePlan<TypedFact, Box<dyn TypedOp>>>,
    inputs: Vec<String>,
}

impl Component {
    fn of(file: &[u8], precision: Precision, model: &dyn Model) -> Self {
        let names = model.signature().outputs.iter().map(|port| port.name.clone()).collect();
        let wanted = Wanted::Named(names);
        let graph = lower_encoder(decode(file).unwrap(), &wanted, precision).unwrap();
        let plan = SimplePlan::new(graph.model.into_optimized().unwrap()).unwrap();
        Self { plan, inputs: graph.inputs }
    }

    /// The outputs, as bits.
    fn outputs(&self, ids: &[i64]) -> Vec<Vec<u32>> {
        let row = |values: &[i64]| Tensor::from_shape(&[1, ids.len()], values).unwrap();
        let inputs = self.inputs.iter().map(|name| match &name[..] {
            "input_ids" => row(ids).into_tvalue(),
            _ => row(&vec![0; ids.len()]).into_tvalue(),
        });
        let outputs = self.plan.run(inputs.collect()).unwrap();
        let bits = |output: &Tensor| {
            let view = output.try_as_plain_ram().unwrap();
            view.as_slice::<f32>().unwrap().iter().map(|value| value.to_bits()).collect()
        };
        outputs.iter().map(|output| bits(output)).collect()
    }
}

fn bits(outputs: &[pilotlight_inference::Tensor]) -> Vec<Vec<u32>> {
    outputs.iter().map(|output| floats(output).into_iter().map(f32::to_bits).collect()).collect()
}

#[test]
fn lengths_alone_and_together_give_the_bits_of_the_sandbox() {
    for (file, vocabulary) in [(encoder::file(), encoder::VOCABULARY), (default_file(), 16_000)] {
        for precision in Precision::ALL {
            let model = load(file.clone(), precision);
            let component = Component::of(&file, precision, &*model);
            let ids = |length: i64| (0..length).map(|i| (i * 7919 + length) % vocabulary).collect();
            let calls: Vec<Call> = [1, 8, 43, 97, 193]
                .map(|length| Call::of(&Vec::from_iter::<Vec<i64>>(ids(length))))
                .into();
            let outcomes = together(&*model, &calls, &Alone);
            for (call, outcome) in calls.iter().zip(outcomes) {
                let expected = component.outputs(&call.texts[0]);
                assert!(bits(&outcome.unwrap()) == expected, "{precision}, {}", call.length);
                assert!(bits(&alone(&*model, call).unwrap()) == expected, "{precision}");
            }
        }
    }
}

#[test]
fn encoders_of_others_give_the_bits_of_the_sandbox() {
    let Some(file) = served("minilm", &Wanted::PerToken { columns: None }) else { return };
    for precision in [Precision::F32, Precision::Int8] {
        let model = load(file.clone(), precision);
        let component = Component::of(&file, precision, &*model);
        for length in [1, 9, 40] {
            let call =
                Call::of(&(0..length).map(|id| 1000 + id * 7919 % 20_000).collect::<Vec<_>>());
            let expected = component.outputs(&call.texts[0]);
            assert!(bits(&alone(&*model, &call).unwrap()) == expected, "{precision}, {length}");
        }
    }
}

#[test]
fn padding_is_as_if_it_were_not_there() {
    let model = load(encoder::file(), Precision::Int8);
    let ids: Vec<i64> = (0..13).collect();
    let plain = alone(&*model, &Call::of(&ids)).unwrap();
    let padded = Call { length: 40, ..Call::of(&ids) };
    let padded = alone(&*model, &padded).unwrap();
    assert_eq!(padded[0].shape().sizes(), [1, 40, 5]);
    let (plain, padded) = (bits(&plain), bits(&padded));
    assert_eq!(plain[0], padded[0][..13 * 5]);
    assert!(padded[0][13 * 5..].iter().all(|bits| *bits == 0));
    assert_eq!(plain[1], padded[1]);
}

#[test]
fn graphs_of_a_fixed_length_mask_their_padding() {
    let (any, fixed) =
        (load(encoder::file(), Precision::F32), load(encoder::file_of_length(16), Precision::F32));
    let ids: Vec<i64> = (0..9).collect();
    let expected = alone(&*any, &Call::of(&ids)).unwrap();
    let call = Call { length: 16, ..Call::of(&ids) };
    let outcomes = together(&*fixed, &[call.clone(), call], &Alone);
    for outcome in outcomes {
        let found = outcome.unwrap();
        let pairs = floats(&expected[0]).into_iter().zip(floats(&found[0]));
        assert!(
            pairs.clone().all(|(a, b)| (a - b).abs() < 1e-4),
            "{:?}",
            pairs.collect::<Vec<_>>()
        );
    }
}
