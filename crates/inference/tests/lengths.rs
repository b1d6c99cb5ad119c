//! Calls of any length, run together.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use futures::executor::block_on;
use pilotlight_inference::{BatchRows, Closed, GraphOptions};

mod stub;

use stub::{POISON, behind_a_running_one, count, graphs, inputs, options, values};

#[test]
fn calls_of_any_length_run_as_one_batch_and_fail_alone() {
    let (graphs, gate) = graphs(1);
    let graph = graphs.load("g", b"ragged".to_vec(), GraphOptions::default()).unwrap();
    let call = |values: &[i64]| graph.compute(inputs(&graphs, 1, values));
    let others = vec![call(&[1; 40]), call(&[2]), call(&[POISON, 3]), call(&[4; 9])];
    let (_, others) = behind_a_running_one(&gate, call(&[0; 100]), others);
    let failed = others.iter().map(Result::is_err).collect::<Vec<_>>();
    assert_eq!(failed, [false, false, true, false]);
    assert_eq!(values(&others[3].as_ref().unwrap()[0].1), [5; 9]);
    let status = graph.status();
    assert_eq!((status.batches, status.rows, status.failed, status.retried), (2, 5, 1, 0));
}

#[test]
fn a_call_of_more_tokens_than_a_batch_is_computed_in_parts() {
    let (graphs, _) = graphs(1);
    let options = options(|o| o.max_tokens = 10);
    let graph = graphs.load("g", b"ragged".to_vec(), options).unwrap();
    let numbers: Vec<i64> = (0..28).collect();
    let outputs = block_on(graph.compute(inputs(&graphs, 7, &numbers))).unwrap();
    assert_eq!(outputs[0].1.shape().sizes(), [7, 4]);
    assert_eq!(values(&outputs[0].1), (1..=28).collect::<Vec<i64>>());
    assert_eq!((graph.status().batches, graph.status().rows), (4, 7));
    let long = block_on(graph.compute(inputs(&graphs, 1, &[1; 50]))).unwrap();
    assert_eq!(values(&long[0].1), [2; 50]);
}

#[test]
fn a_graph_whose_callers_are_kept_apart_runs_each_call_alone() {
    let (graphs, gate) = graphs(1);
    let options = options(|o| o.batch_rows = BatchRows::Never);
    let graph = graphs.load("g", b"ragged".to_vec(), options).unwrap();
    let call = |value: i64| graph.compute(inputs(&graphs, 2, &[value, value]));
    let (_, others) = behind_a_running_one(&gate, call(0), vec![call(1), call(2)]);
    assert!(others.iter().all(Result::is_ok));
    assert_eq!(count(&graph.status(), Closed::Single), 3);
}
