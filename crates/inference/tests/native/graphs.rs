//! Many callers of one graph at the same time.

use std::sync::Arc;

use futures::executor::block_on;
use pilotlight_inference::{Buffers, GraphOptions, Graphs, InstructionSet, Precision, Tensor};
use pilotlight_testing::encoder;

use crate::support::{Call, backend, load};

const CALLERS: i64 = 16;
const CALLS: i64 = 300;

fn call(caller: i64, number: i64) -> Call {
    let length = 1 + (caller * 31 + number * 17) % 60;
    let text = |row: i64| {
        (0..length - length / 3 * row).map(|i| (i * 7 + caller + number) % encoder::VOCABULARY)
    };
    let texts: Vec<Vec<i64>> = (0..1 + number % 3).map(|row| text(row % 2).collect()).collect();
    Call { texts, segment: number % 2, length: length as usize }
}

#[test]
fn every_caller_gets_its_own_rows_and_nobody_elses() {
    let apart = load(encoder::file(), Precision::Int8);
    let graphs = Graphs::new(Box::new(backend(InstructionSet::available())), 3);
    let graphs = graphs.unwrap();
    let mut options = GraphOptions::default();
    options.precision = Precision::Int8;
    let graph = graphs.load("g", encoder::file(), options).unwrap();
    let bytes = |outputs: &[Tensor]| -> Vec<Vec<u8>> {
        outputs.iter().map(|output| output.bytes().to_vec()).collect()
    };
    let (apart, graph, bytes) = (Arc::from(apart), &graph, &bytes);
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let apart: Arc<dyn pilotlight_inference::Model> = Arc::clone(&apart);
            scope.spawn(move || {
                for number in 0..CALLS {
                    let inputs = call(caller, number).inputs(&*apart);
                    let names = apart.signature().inputs.iter().map(|port| port.name.clone());
                    let named = names.zip(inputs.iter().cloned()).collect();
                    let found = block_on(graph.compute(named)).unwrap();
                    let found: Vec<Tensor> = found.into_iter().map(|(_, tensor)| tensor).collect();
                    let expected = apart.run(&inputs, &Buffers::new(0)).unwrap();
                    assert_eq!(bytes(&found), bytes(&expected), "{caller}, {number}");
                }
            });
        }
    });
    let status = graph.status();
    assert!(status.batches < status.rows, "{status:?}");
    assert_eq!((status.failed, status.retried), (0, 0));
}
