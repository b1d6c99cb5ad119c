//! Calls of many callers, run together.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::executor::block_on;
use futures::future::join_all;
use pilotlight_inference::{BatchRows, Closed, Element, Error, GraphOptions, Tensor};

mod stub;

use stub::{
    BOMB, LETHAL, POISON, behind_a_running_one, count, graphs, inputs, options, tensor, values,
};

#[test]
fn a_call_gets_the_sum_of_its_inputs_whatever_their_order() {
    let (graphs, _) = graphs(1);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    let outputs = block_on(graph.compute(inputs(&graphs, 1, &[1, 2, 3]))).unwrap();
    assert_eq!(outputs[0].0, "sum");
    assert_eq!(values(&outputs[0].1), [2, 3, 4]);
}

#[test]
fn calls_that_wait_for_a_thread_run_as_one_batch() {
    let (graphs, gate) = graphs(1);
    let graph = graphs.load("g", vec![], options(|o| o.max_batch = 16)).unwrap();
    let call = |value: i64| graph.compute(inputs(&graphs, 1, &[value, value]));
    let (first, others) = behind_a_running_one(&gate, call(0), (1..=6).map(call).collect());
    assert_eq!(values(&first.unwrap()[0].1), [1, 1]);
    for (value, output) in (1..=6).zip(others) {
        assert_eq!(values(&output.unwrap()[0].1), [value + 1, value + 1]);
    }
    let status = graph.status();
    assert_eq!((status.batches, status.rows, count(&status, Closed::Drained)), (2, 7, 2));
}

#[test]
fn every_caller_gets_its_own_rows_and_nobody_elses() {
    let (graphs, _) = graphs(4);
    let graph = graphs.load("g", vec![], options(|o| o.max_batch = 7)).unwrap();
    std::thread::scope(|scope| {
        for caller in 0..16i64 {
            let (graph, graphs) = (&graph, &graphs);
            scope.spawn(move || {
                for call in 0..300i64 {
                    let rows = 1 + (caller + call) as u32 % 3;
                    let length = 1 + (call as usize % 4);
                    let sentinel = caller << 32 | call << 8;
                    let elements = rows as usize * length;
                    let sent: Vec<i64> = (0..elements as i64).map(|i| sentinel | i).collect();
                    let output = block_on(graph.compute(inputs(graphs, rows, &sent))).unwrap();
                    let expected: Vec<i64> = sent.iter().map(|value| value + 1).collect();
                    assert_eq!(values(&output[0].1), expected);
                    assert_eq!(output[0].1.shape().sizes(), [rows, length as u32]);
                }
            });
        }
    });
    let status = graph.status();
    assert!(status.batches < 16 * 300, "nothing was run together: {status:?}");
    assert_eq!((status.failed, status.waiting, status.running), (0, 0, 0));
}

#[test]
fn a_failing_neighbor_fails_nobody_else() {
    for (bad, message) in [(POISON, "poisoned"), (BOMB, "panicked")] {
        let (graphs, gate) = graphs(1);
        let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
        let call = |value: i64| graph.compute(inputs(&graphs, 1, &[value]));
        let (_, others) = behind_a_running_one(&gate, call(0), vec![call(1), call(bad), call(3)]);
        assert_eq!(values(&others[0].as_ref().unwrap()[0].1), [2]);
        assert!(others[1].as_ref().unwrap_err().to_string().contains(message));
        assert_eq!(values(&others[2].as_ref().unwrap()[0].1), [4]);
        let status = graph.status();
        assert_eq!((status.failed, status.retried), (1, 3));
    }
}

#[test]
fn a_batch_whose_process_ends_is_told_so_and_not_run_again() {
    let (graphs, gate) = graphs(1);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    let call = |value: i64| graph.compute(inputs(&graphs, 1, &[value]));
    let (_, others) = behind_a_running_one(&gate, call(0), vec![call(1), call(LETHAL), call(3)]);
    for outcome in others {
        let Err(Error::Restarting { graph, retry_after }) = outcome else { panic!("{outcome:?}") };
        assert_eq!((&graph[..], retry_after.as_secs()), ("g", 3));
    }
    let status = graph.status();
    assert_eq!((status.failed, status.retried, status.process), (3, 0, None));
}

#[test]
fn a_call_that_is_dropped_while_it_waits_is_never_run() {
    let (graphs, gate) = graphs(1);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    gate.close();
    let mut running = pin!(graph.compute(inputs(&graphs, 1, &[1])));
    assert!(running.as_mut().poll(&mut context).is_pending());
    gate.wait_for(1);
    {
        let mut dropped = pin!(graph.compute(inputs(&graphs, 1, &[2])));
        assert!(dropped.as_mut().poll(&mut context).is_pending());
    }
    let mut last = pin!(graph.compute(inputs(&graphs, 1, &[3])));
    assert!(last.as_mut().poll(&mut context).is_pending());
    gate.open();
    assert_eq!(values(&block_on(last).unwrap()[0].1), [4]);
    let status = graph.status();
    assert_eq!((status.canceled, status.rows), (1, 2));
}

#[test]
fn a_call_dropped_while_it_runs_hurts_nobody() {
    let (graphs, gate) = graphs(1);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    gate.close();
    {
        let mut dropped = pin!(graph.compute(inputs(&graphs, 1, &[1])));
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        gate.wait_for(1);
    }
    gate.open();
    assert_eq!(values(&block_on(graph.compute(inputs(&graphs, 1, &[2]))).unwrap()[0].1), [3]);
}

#[test]
fn a_full_queue_refuses_at_once_and_says_when_to_come_back() {
    let (graphs, gate) = graphs(1);
    let graph = graphs.load("g", vec![], options(|o| o.queue = 2)).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    gate.close();
    let mut calls: Vec<_> =
        (0..3).map(|value| Box::pin(graph.compute(inputs(&graphs, 1, &[value])))).collect();
    assert!(calls[0].as_mut().poll(&mut context).is_pending());
    gate.wait_for(1);
    assert!(calls[1..].iter_mut().all(|call| call.as_mut().poll(&mut context).is_pending()));
    let mut refused = pin!(graph.compute(inputs(&graphs, 1, &[3])));
    let Poll::Ready(Err(error)) = refused.as_mut().poll(&mut context) else {
        panic!("not refused at once");
    };
    let Error::Busy { waiting, retry_after, .. } = &error else { panic!("{error}") };
    assert_eq!(*waiting, 2);
    assert!(retry_after.as_secs() >= 1);
    gate.open();
    assert!(block_on(join_all(calls)).iter().all(Result::is_ok));
    assert_eq!(graph.status().refused, 1);
}

#[test]
fn rows_that_touch_each_other_are_never_run_together() {
    let (graphs, gate) = graphs(1);
    let graph = graphs.load("g", b"mixing".to_vec(), GraphOptions::default()).unwrap();
    let call = |value: i64| graph.compute(inputs(&graphs, 1, &[value]));
    let (_, others) = behind_a_running_one(&gate, call(0), vec![call(1), call(2)]);
    // Each has the sum of its own rows only.
    assert_eq!(values(&others[0].as_ref().unwrap()[0].1), [2]);
    assert_eq!(values(&others[1].as_ref().unwrap()[0].1), [3]);
    assert_eq!(count(&graph.status(), Closed::Single), 3);
}

#[test]
fn rows_share_a_batch_where_the_structure_shows_it_or_somebody_says_so() {
    let closed = |file: &[u8], batch_rows: BatchRows| {
        let (graphs, gate) = graphs(1);
        let options = options(|o| o.batch_rows = batch_rows);
        let graph = graphs.load("g", file.to_vec(), options).unwrap();
        let call = |value: i64| graph.compute(inputs(&graphs, 1, &[value]));
        let (_, others) = behind_a_running_one(&gate, call(0), vec![call(1), call(2)]);
        assert!(others.iter().all(Result::is_ok));
        (graph.status().batches, graph.mixes_rows().map(str::to_owned))
    };
    let reason = Some("node n mixes rows".to_owned());
    assert_eq!(closed(b"", BatchRows::Auto), (2, None));
    assert_eq!(closed(b"", BatchRows::Never), (3, None));
    assert_eq!(closed(b"unproven", BatchRows::Auto), (3, reason.clone()));
    assert_eq!(closed(b"unproven", BatchRows::Never), (3, reason));
    assert_eq!(closed(b"unproven", BatchRows::Always), (2, None));
    // The trial is the second check.
    let (batches, reason) = closed(b"mixing", BatchRows::Auto);
    assert_eq!(batches, 3);
    assert!(reason.unwrap().contains("in a batch"));
}

#[test]
fn a_call_of_more_rows_than_a_batch_may_have_is_computed_in_parts() {
    let (graphs, _) = graphs(2);
    let graph = graphs.load("g", vec![], options(|o| o.max_batch = 4)).unwrap();
    let sent: Vec<i64> = (0..20).collect();
    let outputs = block_on(graph.compute(inputs(&graphs, 10, &sent))).unwrap();
    assert_eq!(outputs[0].1.shape().sizes(), [10, 2]);
    assert_eq!(values(&outputs[0].1), (1..=20).collect::<Vec<i64>>());
    let status = graph.status();
    assert_eq!((status.batches, status.rows), (3, 10));
    assert!(status.batch_rows.iter().all(|bar| bar.up_to <= 4), "{status:?}");
}

#[test]
fn where_a_batch_has_one_row_no_call_brings_more() {
    let (graphs, _) = graphs(1);
    let graph = graphs.load("g", vec![], options(|o| o.max_batch = 1)).unwrap();
    let outputs = block_on(graph.compute(inputs(&graphs, 3, &[1, 2, 3]))).unwrap();
    assert_eq!(values(&outputs[0].1), [2, 3, 4]);
    assert_eq!((graph.status().batches, count(&graph.status(), Closed::Single)), (3, 3));
}

#[test]
fn others_have_their_turn_between_the_parts_of_a_call() {
    let (graphs, gate) = graphs(1);
    let graph = graphs.load("g", vec![], options(|o| o.max_batch = 2)).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    gate.close();
    let mut large = Box::pin(graph.compute(inputs(&graphs, 6, &[0; 6])));
    assert!(large.as_mut().poll(&mut context).is_pending());
    gate.wait_for(1);
    let mut small = pin!(graph.compute(inputs(&graphs, 1, &[7, 7])));
    assert!(small.as_mut().poll(&mut context).is_pending());
    gate.open();
    assert_eq!(values(&block_on(small).unwrap()[0].1), [8, 8]);
    // What nobody waits for any more is not computed.
    drop(large);
    assert_eq!((graph.status().rows, graph.status().waiting), (3, 0));
}

#[test]
fn rows_that_touch_each_other_are_not_taken_apart() {
    let (graphs, _) = graphs(1);
    let graph = graphs.load("g", b"mixing".to_vec(), options(|o| o.max_batch = 2)).unwrap();
    let outputs = block_on(graph.compute(inputs(&graphs, 3, &[1, 2, 3]))).unwrap();
    assert_eq!(values(&outputs[0].1), [7, 7, 7]);
    assert_eq!(graph.status().batches, 1);
}

#[test]
fn outputs_that_nobody_would_be_given_are_refused_before_they_are_computed() {
    let (graphs, _) = graphs(1);
    let graph = graphs.load("g", b"wide".to_vec(), options(|o| o.max_batch = 1)).unwrap();
    let call = |rows: u32| block_on(graph.compute(inputs(&graphs, rows, &vec![0; rows as usize])));
    assert_eq!(call(2).unwrap()[0].1.shape().sizes(), [2, 1 << 20]);
    let error = call(1000).unwrap_err();
    assert!(matches!(&error, Error::TooLarge(reason) if reason.contains("send fewer rows")));
    assert_eq!(graph.status().batches, 3);
}

#[test]
fn a_graph_that_cannot_be_tried_out_runs_each_call_alone() {
    let (graphs, gate) = graphs(1);
    let graph = graphs.load("g", b"untried".to_vec(), GraphOptions::default()).unwrap();
    let call = |value: i64| graph.compute(inputs(&graphs, 1, &[value]));
    let (_, others) = behind_a_running_one(&gate, call(0), vec![call(1), call(2)]);
    assert!(others.iter().all(Result::is_ok));
    assert_eq!(count(&graph.status(), Closed::Single), 3);
}

#[test]
fn a_graph_whose_trial_ends_the_process_is_not_loaded() {
    let (graphs, _) = graphs(1);
    let loaded = graphs.load("g", b"lethal".to_vec(), GraphOptions::default()).map(drop);
    assert!(matches!(loaded, Err(Error::Restarting { .. })), "{loaded:?}");
}

#[test]
fn a_full_batch_waits_for_no_call_of_another_shape() {
    let (graphs, _) = graphs(1);
    let hour = Duration::from_secs(3600);
    let patient = options(|o| (o.max_batch, o.max_wait) = (2, hour));
    let graph = graphs.load("g", vec![], patient).unwrap();
    let mut alone = pin!(graph.compute(inputs(&graphs, 1, &[1])));
    assert!(alone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let pair = (0..2).map(|value| graph.compute(inputs(&graphs, 1, &[value, value])));
    assert!(block_on(join_all(pair)).iter().all(Result::is_ok));
    let status = graph.status();
    assert_eq!((status.waiting, count(&status, Closed::Full)), (1, 1));
}

#[test]
fn a_graph_runs_no_more_batches_at_once_than_it_may() {
    let (graphs, gate) = graphs(4);
    let options = options(|o| (o.concurrency, o.max_batch) = (2, 1));
    let graph = graphs.load("g", vec![], options).unwrap();
    let calls = (0..50).map(|value| graph.compute(inputs(&graphs, 1, &[value])));
    assert!(block_on(join_all(calls)).iter().all(Result::is_ok));
    assert!(gate.most() <= 2, "{} at once", gate.most());
}

#[test]
fn a_thousand_calls_in_flight_need_no_further_thread() {
    let (graphs, gate) = graphs(2);
    let graph = graphs.load("g", vec![], options(|o| o.queue = 1000)).unwrap();
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    gate.close();
    let calls = (0..1000).map(|value| graph.compute(inputs(&graphs, 1, &[value])));
    let mut calls = pin!(join_all(calls));
    assert!(calls.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    gate.wait_for(2);
    // Tests beside this one have a handful of their own.
    assert!(threads() < before + 50, "{} threads", threads());
    gate.open();
    assert_eq!(block_on(calls).iter().filter(|call| call.is_ok()).count(), 1000);
}

#[test]
fn a_graph_of_one_caller_keeps_no_other_waiting() {
    let (graphs, gate) = graphs(2);
    let slow = graphs.load("slow", vec![], options(|o| o.concurrency = 1)).unwrap();
    let other = graphs.load("other", b"single".to_vec(), GraphOptions::default()).unwrap();
    gate.close();
    let calls = (0..9).map(|value| slow.compute(inputs(&graphs, 1, &[value])));
    let mut calls = pin!(join_all(calls));
    assert!(calls.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    gate.wait_for(1);
    let mut quick = pin!(other.compute(inputs(&graphs, 1, &[1])));
    assert!(quick.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    gate.wait_for(2);
    gate.open();
    assert!(block_on(quick).is_ok());
    assert!(block_on(calls).iter().all(Result::is_ok));
    assert_eq!(count(&other.status(), Closed::Single), 1);
}

#[test]
fn inputs_that_do_not_fit_are_refused_by_name_before_anything_runs() {
    let (graphs, _) = graphs(1);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    let good = || tensor(&graphs, 1, &[1, 2]);
    let bytes = Tensor::copied(graphs.buffers(), Element::U8, &[1, 2], &[0, 0]).unwrap();
    let flat = Tensor::copied(graphs.buffers(), Element::I64, &[2], &[0; 16]).unwrap();
    let named = |names: &[(&str, Tensor)]| {
        names.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect::<Vec<_>>()
    };
    for (inputs, part) in [
        (vec![], "input x: i64 [batch, s] is missing"),
        (named(&[("x", good())]), "input y: i64 [batch, s] is missing"),
        (named(&[("x", good()), ("x", good())]), "input x is given twice"),
        (named(&[("x", good()), ("z", good())]), "input \"z\" is not one of x, y"),
        (named(&[("x", good()), ("y", good()), ("z", good())]), "3 inputs; the graph takes 2"),
        (named(&[("x", bytes), ("y", good())]), "input x is of u8"),
        (named(&[("x", flat), ("y", good())]), "input x is of shape [2]"),
        (named(&[("x", good()), ("y", tensor(&graphs, 2, &[1, 2]))]), "batch is"),
        (named(&[("x", good()), ("y", tensor(&graphs, 1, &[1]))]), "s is"),
    ] {
        let error = block_on(graph.compute(inputs)).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(graph.status().batches, 0);
}

#[test]
fn graphs_are_found_by_name_replaced_and_forgotten() {
    let (graphs, _) = graphs(1);
    let former = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    assert!(matches!(
        graphs.load("bad", b"garbage".to_vec(), GraphOptions::default()),
        Err(Error::InvalidGraph { .. })
    ));
    graphs.load("g", vec![], GraphOptions::default()).unwrap();
    assert!(block_on(former.compute(inputs(&graphs, 1, &[1]))).is_ok());
    assert_eq!((former.status().rows, graphs.get("g").unwrap().status().rows), (1, 0));
    graphs.unload("g");
    let error = graphs.get("g").map(drop).unwrap_err();
    assert_eq!(error.to_string(), "graph \"g\" does not exist; loaded graphs are ");
}

#[test]
fn steady_calls_allocate_no_buffers() {
    let (graphs, _) = graphs(2);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    let call = || block_on(graph.compute(inputs(&graphs, 1, &[7; 512]))).map(drop).unwrap();
    (0..50).for_each(|_| call());
    let before = graphs.buffer_status();
    (0..500).for_each(|_| call());
    let after = graphs.buffer_status();
    assert!(after.taken >= before.taken + 1500);
    assert_eq!(after.allocated, before.allocated);
}
