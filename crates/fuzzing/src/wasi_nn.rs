//! What a guest may hand to `wasi:nn`: tensors of any shape, type and length, under any name.

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use futures::executor::block_on;
use pilotlight_inference::{
    Backend, Batching, Buffers, Dimension, Element, Error, Graph, GraphOptions, Graphs,
    LoadOptions, Model, Port, Result, RunError, Signature, Tensor,
};

#[derive(Debug, Arbitrary)]
pub struct Input {
    name: String,
    element: u8,
    sizes: Vec<u32>,
    bytes: Vec<u8>,
}

/// Gives its first input back.
struct Echo(Signature);

struct EchoBackend;

impl Backend for EchoBackend {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn load(&self, _: &str, _: Vec<u8>, _: LoadOptions) -> Result<Box<dyn Model>> {
        let dimensions = Some(vec![Dimension::Named("rows".into()), Dimension::Any]);
        let port = |name: &str| Port {
            name: name.into(),
            element: Element::U8,
            dimensions: dimensions.clone(),
        };
        let signature = Signature { inputs: vec![port("x"), port("y")], outputs: vec![port("x")] };
        Ok(Box::new(Echo(signature)))
    }
}

impl Model for Echo {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn engine(&self) -> &'static str {
        "echo"
    }

    fn batching(&self) -> Batching {
        Batching::Stacked
    }

    fn run(&self, inputs: &[Tensor], _: &Buffers) -> std::result::Result<Vec<Tensor>, RunError> {
        Ok(vec![inputs[0].clone()])
    }
}

static GRAPH: LazyLock<(Graphs, Graph)> = LazyLock::new(|| {
    let graphs = Graphs::new(Box::new(EchoBackend), 1).expect("threads can be started");
    let graph = graphs.load("echo", Vec::new(), GraphOptions::default()).expect("it loads");
    (graphs, graph)
});

fn tensor(input: &Input) -> Result<Tensor> {
    const ELEMENTS: [Element; 7] = [
        Element::U8,
        Element::F16,
        Element::F32,
        Element::F64,
        Element::Bf16,
        Element::I32,
        Element::I64,
    ];
    let element = ELEMENTS[usize::from(input.element) % ELEMENTS.len()];
    Tensor::copied(GRAPH.0.buffers(), element, &input.sizes, &input.bytes)
}

/// Runs the target.
pub fn run(inputs: Vec<Input>) {
    let named = inputs.iter().map(|input| Ok((input.name.clone(), tensor(input)?)));
    let Ok(named) = named.collect::<Result<Vec<_>>>() else { return };
    let sent = inputs.iter().find(|input| input.name == "x").map(|input| input.bytes.clone());
    match block_on(GRAPH.1.compute(named)) {
        Ok(outputs) => assert_eq!(Some(outputs[0].1.bytes()), sent.as_deref()),
        Err(Error::InvalidInput(_) | Error::TooLarge(_)) => {}
        Err(error) => panic!("{error:?}"),
    }
}
