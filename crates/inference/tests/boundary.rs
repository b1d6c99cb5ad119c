//! Whatever a guest says of its tensors: an error or a result, never a panic, never other bytes.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use futures::executor::block_on;
use pilotlight_inference::{Element, Error, GraphOptions, Graphs, Shape, Tensor};
use proptest::prelude::*;

mod stub;

/// A tensor as a guest describes it.
#[derive(Debug, Clone)]
struct Described {
    name: String,
    element: Element,
    sizes: Vec<u32>,
    bytes: usize,
}

fn described() -> impl Strategy<Value = Described> {
    let names = prop_oneof![4 => "[xy]", 1 => ".{0,300}"];
    let elements =
        prop_oneof![4 => Just(Element::I64), 1 => Just(Element::F32), 1 => Just(Element::U8)];
    let sizes = prop_oneof![
        6 => prop::collection::vec(1u32..5, 2),
        2 => prop::collection::vec(0u32..4, 0..12),
        1 => prop::collection::vec(any::<u32>(), 0..9),
    ];
    let bytes = prop_oneof![4 => Just(None), 1 => (0usize..300).prop_map(Some)];
    (names, elements, sizes, bytes).prop_map(|(name, element, sizes, bytes)| {
        let volume = sizes.iter().try_fold(1usize, |v, size| v.checked_mul(*size as usize));
        let fitting = volume.and_then(|v| v.checked_mul(element.size())).filter(|b| *b < 1 << 16);
        let bytes = bytes.or(fitting).unwrap_or(8);
        Described { name, element, sizes, bytes }
    })
}

fn tensor(graphs: &Graphs, tensor: &Described) -> Result<Tensor, Error> {
    let bytes = vec![1; tensor.bytes];
    Tensor::copied(graphs.buffers(), tensor.element, &tensor.sizes, &bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_tensor_is_what_it_says_or_refused(input in described()) {
        let (graphs, _) = stub::graphs(1);
        match tensor(&graphs, &input) {
            Ok(tensor) => {
                let shape = tensor.shape();
                prop_assert_eq!(shape.sizes(), &input.sizes[..]);
                prop_assert_eq!(tensor.bytes().len(), input.bytes);
                prop_assert_eq!(tensor.shape().volume() * input.element.size(), input.bytes);
            }
            Err(Error::InvalidInput(_) | Error::TooLarge(_)) => {}
            Err(error) => prop_assert!(false, "{error:?}"),
        }
    }

    #[test]
    fn shapes_never_overflow(sizes in prop::collection::vec(any::<u32>(), 0..12)) {
        if let Ok(shape) = Shape::new(&sizes) {
            prop_assert!(shape.volume() > 0 || sizes.contains(&0));
            prop_assert!(shape.volume().checked_mul(8).is_some());
        }
    }
}

#[test]
fn any_inputs_are_computed_or_refused_as_invalid() {
    let (graphs, _) = stub::graphs(1);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let inputs = prop::collection::vec(described(), 0..5);
    let property = |inputs: Vec<Described>| {
        let tensors = inputs.iter().map(|input| Ok((input.name.clone(), tensor(&graphs, input)?)));
        let Ok(tensors) = tensors.collect::<Result<Vec<_>, Error>>() else { return Ok(()) };
        match block_on(graph.compute(tensors)) {
            Ok(outputs) => prop_assert_eq!(outputs.len(), 1),
            Err(Error::InvalidInput(message)) => prop_assert!(message.len() < 600, "{}", message),
            Err(error) => prop_assert!(false, "{error:?}"),
        }
        Ok(())
    };
    runner.run(&inputs, property).unwrap();
    let status = graph.status();
    assert_eq!((status.failed, status.waiting, status.running), (0, 0, 0));
}
