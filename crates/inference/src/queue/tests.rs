use std::time::Duration;

use super::*;
use crate::buffer::Buffers;
use crate::tensor::Element;

type Receiver = oneshot::Receiver<Result<Vec<Tensor>>>;

fn job(rows: u32, length: u32) -> (Job, Receiver) {
    let bytes = vec![0; (rows * length) as usize];
    let tensor = Tensor::copied(&Buffers::new(0), Element::U8, &[rows, length], &bytes).unwrap();
    let (respond, receiver) = oneshot::channel();
    let arrived = Instant::now();
    (Job { inputs: vec![tensor], size: Size::Rows(rows), arrived, due: arrived, respond }, receiver)
}

fn filled(jobs: &[(u32, u32)]) -> (Queue, Vec<Receiver>) {
    let mut queue = Queue::default();
    let mut receivers = Vec::new();
    for (rows, length) in jobs {
        let (job, receiver) = job(*rows, *length);
        assert!(queue.push(job, usize::MAX).is_ok());
        receivers.push(receiver);
    }
    (queue, receivers)
}

fn lengths(batch: &Batch) -> Vec<(u32, u32)> {
    let of = |job: &Job| {
        let shape = job.inputs[0].shape();
        (shape.sizes()[0], shape.sizes()[1])
    };
    batch.jobs.iter().map(of).collect()
}

fn options(max_batch: u32) -> GraphOptions {
    GraphOptions { max_batch, ..GraphOptions::default() }
}

#[test]
fn the_oldest_goes_first_and_takes_along_what_has_its_shape() {
    let (mut queue, _receivers) = filled(&[(1, 8), (1, 16), (2, 8), (1, 16)]);
    let batch = queue.take(Instant::now(), &options(8), 0).unwrap();
    assert_eq!((lengths(&batch), batch.closed), (vec![(1, 8), (2, 8)], Closed::Drained));
    let batch = queue.take(Instant::now(), &options(8), 0).unwrap();
    assert_eq!((lengths(&batch), batch.closed), (vec![(1, 16), (1, 16)], Closed::Drained));
    assert!(queue.take(Instant::now(), &options(8), 0).is_none());
}

#[test]
fn what_is_due_first_goes_first_and_waits_no_longer_than_the_oldest() {
    let mut queue = Queue::default();
    let mut receivers = Vec::new();
    for (rows, milliseconds) in [(4, 40), (3, 30), (1, 10), (2, 30)] {
        let (mut job, receiver) = job(rows, 8);
        job.due += Duration::from_millis(milliseconds);
        assert!(queue.push(job, usize::MAX).is_ok());
        receivers.push(receiver);
    }
    let wait = Duration::from_millis(5);
    let options = GraphOptions { max_batch: 7, max_wait: wait, ..GraphOptions::default() };
    let oldest = queue.waiting.back().unwrap().arrived;
    assert_eq!(queue.due(oldest + wait, &options), Due::Now, "the last of all has waited");
    let batch = queue.take(oldest + wait, &options, 0).unwrap();
    assert_eq!(lengths(&batch), [(1, 8), (3, 8), (2, 8)], "one that was there first leads");
    assert_eq!(queue.due(oldest, &options), Due::At(oldest + wait));
}

#[test]
fn a_batch_never_exceeds_its_limit() {
    let (mut queue, _receivers) = filled(&[(2, 8), (3, 8), (2, 8), (2, 8)]);
    let batch = queue.take(Instant::now(), &options(4), 0).unwrap();
    assert_eq!((lengths(&batch), batch.closed), (vec![(2, 8), (2, 8)], Closed::Full));
    let batch = queue.take(Instant::now(), &options(4), 0).unwrap();
    assert_eq!((lengths(&batch), batch.closed), (vec![(3, 8)], Closed::Full));
    let batch = queue.take(Instant::now(), &options(4), 0).unwrap();
    assert_eq!((lengths(&batch), batch.closed), (vec![(2, 8)], Closed::Drained));
}

#[test]
fn idle_threads_get_their_share() {
    let (mut queue, _receivers) = filled(&[(1, 8); 4]);
    let batch = queue.take(Instant::now(), &options(8), 1).unwrap();
    assert_eq!((batch.jobs.len(), batch.closed), (2, Closed::Shared));
    let batch = queue.take(Instant::now(), &options(8), 0).unwrap();
    assert_eq!((batch.jobs.len(), batch.closed), (2, Closed::Drained));
}

#[test]
fn canceled_calls_are_left_out_and_make_room() {
    let (mut queue, mut receivers) = filled(&[(1, 8), (1, 8), (1, 8)]);
    receivers.drain(..2);
    let (newcomer, _receiver) = job(1, 8);
    assert!(queue.push(newcomer, 2).is_ok());
    assert_eq!((queue.len(), queue.canceled()), (2, 2));
    receivers.clear();
    assert_eq!(queue.take(Instant::now(), &options(8), 0).unwrap().jobs.len(), 1);
    assert_eq!(queue.canceled(), 3);
    let (first, _kept) = job(1, 8);
    assert!(queue.push(first, 1).is_ok());
    let (refused, _kept) = job(1, 8);
    assert!(queue.push(refused, 1).is_err());
}

#[test]
fn a_call_that_may_wait_is_due_when_its_time_is_over_or_the_batch_is_full() {
    let wait = Duration::from_millis(5);
    let options = GraphOptions { max_batch: 2, max_wait: wait, ..GraphOptions::default() };
    let mut queue = Queue::default();
    let now = Instant::now();
    assert_eq!(queue.due(now, &options), Due::Never);
    let (first, _kept) = job(1, 8);
    let arrived = first.arrived;
    assert!(queue.push(first, 9).is_ok());
    assert_eq!(queue.due(arrived, &options), Due::At(arrived + wait));
    assert_eq!(queue.due(arrived + wait, &options), Due::Now);
    let (other, _kept) = job(1, 16);
    assert!(queue.push(other, 9).is_ok());
    assert_eq!(queue.due(arrived, &options), Due::At(arrived + wait));
    let (fitting, _kept) = job(1, 8);
    assert!(queue.push(fitting, 9).is_ok());
    assert_eq!(queue.due(arrived, &options), Due::Now);
}

#[test]
fn what_nothing_can_join_goes_before_an_older_call_that_waits_for_company() {
    let wait = Duration::from_secs(3600);
    let options = GraphOptions { max_batch: 2, max_wait: wait, ..GraphOptions::default() };
    let (mut queue, mut receivers) = filled(&[(1, 8), (1, 16), (2, 4), (1, 16)]);
    let now = queue.waiting[0].arrived;
    assert_eq!(queue.due(now, &options), Due::Now);
    let batch = queue.take(now, &options, 0).unwrap();
    assert_eq!((lengths(&batch), batch.closed), (vec![(2, 4)], Closed::Full));
    let batch = queue.take(now, &options, 0).unwrap();
    assert_eq!((lengths(&batch), batch.closed), (vec![(1, 16), (1, 16)], Closed::Full));
    assert_eq!(queue.due(now, &options), Due::At(now + wait));
    let (single, receiver) = job(1, 16);
    receivers.push(receiver);
    assert!(queue.push(Job { size: Size::Alone, ..single }, 9).is_ok());
    assert_eq!(queue.due(now, &options), Due::Now);
    assert_eq!(queue.take(now, &options, 0).unwrap().closed, Closed::Single);
    assert_eq!(queue.due(now, &options), Due::At(now + wait));
    assert_eq!(queue.due(now + wait, &options), Due::Now);
}

#[test]
fn what_cannot_be_stacked_runs_by_itself() {
    let (mut queue, _receivers) = filled(&[(1, 8), (1, 8)]);
    queue.waiting[0].size = Size::Alone;
    let batch = queue.take(Instant::now(), &options(8), 0).unwrap();
    assert_eq!((batch.jobs.len(), batch.closed), (1, Closed::Single));
}

fn of_tokens(tokens: &[u32]) -> (Queue, Vec<Receiver>) {
    let mut queue = Queue::default();
    let receivers = tokens.iter().map(|tokens| {
        let (job, receiver) = job(1, *tokens);
        let job = Job { size: Size::Tokens(*tokens), ..job };
        assert!(queue.push(job, usize::MAX).is_ok());
        receiver
    });
    let receivers = receivers.collect();
    (queue, receivers)
}

/// The tokens of each call of the batches that are taken one after the other.
fn batches(queue: &mut Queue, idle: usize) -> Vec<(Vec<u32>, Closed)> {
    let options = GraphOptions { max_tokens: 100, ..options(8) };
    let taken = std::iter::from_fn(|| queue.take(Instant::now(), &options, idle));
    taken
        .map(|batch| (lengths(&batch).into_iter().map(|(_, l)| l).collect(), batch.closed))
        .collect()
}

#[test]
fn calls_of_any_length_share_a_batch_up_to_its_tokens() {
    let (mut queue, _receivers) = of_tokens(&[40, 30, 50, 20, 10, 7]);
    let expected = [(vec![40, 30, 20, 10], Closed::Full), (vec![50, 7], Closed::Drained)];
    assert_eq!(batches(&mut queue, 0), expected);
}

#[test]
fn what_is_too_large_for_a_batch_leads_the_next() {
    let (mut queue, _receivers) = of_tokens(&[60, 90, 30, 90, 5, 5]);
    let expected =
        [(vec![60, 30, 5, 5], Closed::Full), (vec![90], Closed::Full), (vec![90], Closed::Drained)];
    assert_eq!(batches(&mut queue, 0), expected);
}

#[test]
fn a_call_of_more_tokens_than_a_batch_runs_by_itself() {
    let (mut queue, _receivers) = of_tokens(&[400, 8]);
    let expected = [(vec![400], Closed::Full), (vec![8], Closed::Drained)];
    assert_eq!(batches(&mut queue, 0), expected);
}

#[test]
fn idle_threads_get_their_share_of_tokens_but_no_crumbs() {
    let (mut queue, _receivers) = of_tokens(&[20; 4]);
    assert_eq!(batches(&mut queue, 1)[0], (vec![20, 20], Closed::Shared));
    let (mut queue, _receivers) = of_tokens(&[10; 4]);
    assert_eq!(batches(&mut queue, 3)[0], (vec![10; 4], Closed::Drained));
}

#[test]
fn calls_by_rows_and_by_tokens_do_not_mix() {
    let (mut queue, _receivers) = of_tokens(&[8, 8]);
    queue.waiting[0].size = Size::Rows(1);
    let batch = queue.take(Instant::now(), &options(8), 0).unwrap();
    assert_eq!(batch.jobs.len(), 1);
}

#[test]
fn a_batch_of_enough_tokens_waits_no_longer() {
    let wait = Duration::from_secs(3600);
    let options = GraphOptions { max_tokens: 100, max_wait: wait, ..options(8) };
    let (mut queue, _receivers) = of_tokens(&[60, 30]);
    let now = queue.waiting[0].arrived;
    assert_eq!(queue.due(now, &options), Due::At(now + wait));
    let (mut queue, _receivers) = of_tokens(&[60, 40]);
    let now = queue.waiting[0].arrived;
    assert_eq!(queue.due(now, &options), Due::Now);
}

#[test]
fn calls_pass_in_their_order_and_nothing_that_has_waited_longer() {
    let (mut queue, _receivers) = of_tokens(&[30, 8, 90, 1]);
    let batch = queue.take_short(100).unwrap();
    let tokens: Vec<u32> = lengths(&batch).into_iter().map(|(_, length)| length).collect();
    assert_eq!((tokens, batch.closed), (vec![30, 8], Closed::Interleaved));
    assert!(queue.take_short(89).is_none());
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.take_short(91).unwrap().tokens(), 91);
}
