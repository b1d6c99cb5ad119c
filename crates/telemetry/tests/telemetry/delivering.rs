//! How spans, metrics and log records get to a collector, or do not.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use pilotlight_telemetry::{ErrorKind, Metrics, Otlp, OtlpOptions, Secret};
use pilotlight_testing::collector::{
    Answer, Collector, METRICS, PATIENCE, TRACES, attributes, items, recorded, request, spans,
    status,
};
use pilotlight_testing::telemetry::{answered, failed, through_all_stages};
use prost::Message as _;

#[test]
fn a_batch_goes_when_it_is_full() {
    let collector = Collector::taking();
    let mut options = collector.options();
    options.batch = 3;
    let otlp = Otlp::start(&options, &Metrics::new("1")).unwrap();
    (0..6).for_each(|_| otlp.record(&recorded(), request(answered(1))));
    assert_eq!(spans(&collector.next(TRACES)).len(), 3);
    assert_eq!(spans(&collector.next(TRACES)).len(), 3);
}

#[test]
fn a_batch_goes_when_its_first_has_waited_long_enough() {
    let collector = Collector::taking();
    let mut options = collector.options();
    options.delay = Duration::from_millis(1);
    let otlp = Otlp::start(&options, &Metrics::new("1")).unwrap();
    otlp.record(&recorded(), request(answered(1)));
    assert_eq!(spans(&collector.next(TRACES)).len(), 1);
}

#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let collector = Collector::waiting();
    let mut options = collector.options();
    (options.batch, options.queue) = (1, 4);
    let metrics = Metrics::new("1");
    let otlp = Otlp::start(&options, &metrics).unwrap();
    otlp.record(&recorded(), request(answered(1)));
    // While the first is under way, four find room.
    collector.next(TRACES);
    (0..7).for_each(|_| otlp.record(&recorded(), request(through_all_stages())));
    assert_eq!(items(&metrics, "spans", "queue_full"), 3.0 * 7.0);
    let Collector { answers, .. } = collector;
    drop(answers);
    otlp.shutdown(PATIENCE).unwrap();
    assert_eq!(items(&metrics, "spans", "sent"), 1.0 + 4.0 * 7.0);
}

#[test]
fn what_comes_at_the_wrong_time_is_sent_again() {
    let collector = Collector::waiting();
    let mut options = collector.options();
    options.batch = 1;
    let metrics = Metrics::new("1");
    let otlp = Otlp::start(&options, &metrics).unwrap();
    for answer in [429, 502, 503, 504, 200].map(status) {
        collector.answers.send(answer).unwrap();
    }
    otlp.record(&recorded(), request(answered(1)));
    let tries: Vec<_> = (0..5).map(|_| collector.next(TRACES).body).collect();
    assert!(tries.iter().all(|body| *body == tries[0]));
    let Collector { answers, .. } = collector;
    drop(answers);
    otlp.shutdown(PATIENCE).unwrap();
    assert_eq!(items(&metrics, "spans", "sent"), 1.0);
}

#[test]
fn a_collector_that_says_when_to_come_back_is_asked_again_then() {
    let collector = Collector::waiting();
    let mut options = collector.options();
    options.batch = 1;
    // Without the header the second try would come after the test's patience.
    options.backoff = Duration::from_secs(3600);
    options.retries = 1;
    let otlp = Otlp::start(&options, &Metrics::new("1")).unwrap();
    let later = Answer { headers: "retry-after: 0\r\n", ..status(503) };
    collector.answers.send(later).unwrap();
    otlp.record(&recorded(), request(answered(1)));
    collector.next(TRACES);
    collector.next(TRACES);
}

#[test]
fn what_the_collector_does_not_want_is_not_sent_again() {
    let collector = Collector::waiting();
    let mut options = collector.options();
    options.batch = 1;
    let metrics = Metrics::new("1");
    let otlp = Otlp::start(&options, &metrics).unwrap();
    collector.answers.send(status(400)).unwrap();
    otlp.record(&recorded(), request(answered(1)));
    collector.next(TRACES);
    let Collector { answers, .. } = &collector;
    answers.send(status(200)).unwrap();
    otlp.shutdown(PATIENCE).unwrap();
    assert_eq!(collector.left(TRACES), 0);
    assert_eq!(items(&metrics, "spans", "refused"), 1.0);
}

#[test]
fn tries_have_an_end() {
    let collector = Collector::waiting();
    let mut options = collector.options();
    (options.batch, options.retries) = (1, 2);
    let metrics = Metrics::new("1");
    let otlp = Otlp::start(&options, &metrics).unwrap();
    for answer in [503, 503, 503, 200, 200].map(status) {
        collector.answers.send(answer).unwrap();
    }
    otlp.record(&recorded(), request(answered(1)));
    (0..3).for_each(|_| drop(collector.next(TRACES)));
    otlp.record(&recorded(), request(failed(ErrorKind::Trap)));
    let fourth = spans(&collector.next(TRACES));
    assert_eq!(attributes(&fourth[0].attributes)["error.type"], "trap", "the first was given up");
    assert_eq!(items(&metrics, "spans", "unreachable"), 1.0);
}

#[test]
fn what_was_taken_in_part_is_counted_in_parts() {
    let collector = Collector::waiting();
    let mut options = collector.options();
    options.batch = 1;
    let metrics = Metrics::new("1");
    let otlp = Otlp::start(&options, &metrics).unwrap();
    let rejected_spans = 2;
    let error_message = "too old".to_owned();
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
    let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    collector.answers.send(Answer { body, ..status(200) }).unwrap();
    otlp.record(&recorded(), request(through_all_stages()));
    collector.next(TRACES);
    collector.answers.send(status(200)).unwrap();
    otlp.shutdown(PATIENCE).unwrap();
    assert_eq!(items(&metrics, "spans", "refused"), 2.0);
    assert_eq!(items(&metrics, "spans", "sent"), 5.0);
}

#[test]
fn a_collector_that_is_not_there_costs_nothing_but_its_spans() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut options = OtlpOptions::new(format!("http://{nobody}"));
    (options.retries, options.backoff) = (1, Duration::from_millis(1));
    let metrics = Metrics::new("1");
    let otlp = Otlp::start(&options, &metrics).unwrap();
    otlp.record(&recorded(), request(answered(1)));
    otlp.shutdown(PATIENCE).unwrap();
    assert_eq!(items(&metrics, "spans", "unreachable"), 1.0);
}

#[test]
fn the_end_sends_what_waits_and_later_records_are_dropped() {
    let collector = Collector::taking();
    let metrics = Metrics::new("1");
    let otlp = Otlp::start(&collector.options(), &metrics).unwrap();
    (0..3).for_each(|_| otlp.record(&recorded(), request(answered(1))));
    otlp.shutdown(PATIENCE).unwrap();
    assert_eq!(items(&metrics, "spans", "sent"), 3.0);
    otlp.record(&recorded(), request(answered(1)));
    assert_eq!(items(&metrics, "spans", "queue_full"), 1.0);
    otlp.shutdown(Duration::ZERO).unwrap();
}

#[test]
fn the_end_does_not_wait_for_a_collector_that_does_not_answer() {
    let collector = Collector::waiting();
    let otlp = Otlp::start(&collector.options(), &Metrics::new("1")).unwrap();
    otlp.record(&recorded(), request(answered(1)));
    let error = otlp.shutdown(Duration::from_millis(10)).unwrap_err().to_string();
    assert!(error.contains("10ms"), "{error}");
}

#[test]
fn metrics_are_sent_again_and_again() {
    let collector = Collector::taking();
    let mut options = collector.options();
    options.interval = Duration::from_millis(1);
    let otlp = Otlp::start(&options, &Metrics::new("1")).unwrap();
    (0..3).for_each(|_| drop(collector.next(METRICS)));
    otlp.shutdown(PATIENCE).unwrap();
}

#[test]
fn options_without_measure_do_no_harm() {
    let collector = Collector::taking();
    let mut options = collector.options();
    (options.queue, options.batch, options.retries) = (usize::MAX, usize::MAX, u32::MAX);
    (options.delay, options.interval) = (Duration::MAX, Duration::MAX);
    (options.timeout, options.backoff) = (Duration::MAX, Duration::MAX);
    let otlp = Otlp::start(&options, &Metrics::new("1")).unwrap();
    otlp.record(&recorded(), request(answered(1)));
    otlp.shutdown(Duration::MAX).unwrap();
    assert_eq!(spans(&collector.next(TRACES)).len(), 1);
    (options.queue, options.batch) = (0, 0);
    let otlp = Otlp::start(&options, &Metrics::new("1")).unwrap();
    otlp.record(&recorded(), request(answered(1)));
    assert_eq!(spans(&collector.next(TRACES)).len(), 1);
    otlp.shutdown(PATIENCE).unwrap();
}

#[test]
fn options_that_cannot_be_followed_are_refused() {
    for endpoint in ["", "127.0.0.1:4318", "ftp://host", "http://", "http://host/?a=1", "a b"] {
        let error = Otlp::start(&OtlpOptions::new(endpoint), &Metrics::new("1")).unwrap_err();
        assert!(error.to_string().contains("http://127.0.0.1:4318"), "{endpoint}: {error}");
    }
    let error = Otlp::start(&OtlpOptions::new("http://me:hidden@host"), &Metrics::new("1"));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("authorization") && !error.contains("hidden"), "{error}");
    for (name, value) in [("a b", "c"), ("", "c"), ("a", "hidden\r\nb: c"), ("a", "ü")] {
        let mut options = OtlpOptions::new("http://127.0.0.1:4318");
        options.headers = vec![(name.to_owned(), Secret::new(value))];
        let error = Otlp::start(&options, &Metrics::new("1")).unwrap_err().to_string();
        assert!(error.contains("header") && !error.contains("hidden"), "{error}");
    }
}
