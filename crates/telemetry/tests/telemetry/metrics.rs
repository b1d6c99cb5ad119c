use std::time::Duration;

use http::StatusCode;
use pilotlight_telemetry::{Collected, ErrorKind, Metrics, RequestOutcome, Rollback, Stages, Swap};
use pilotlight_testing::telemetry::{self, answered, failed, full, graph, pool, value};

fn text(metrics: &Metrics) -> String {
    metrics.render("").1
}

#[test]
fn requests_are_counted_by_function_version_and_code() {
    let metrics = Metrics::new("1");
    let (old, new) = (metrics.function("pii", "aaaa"), metrics.function("pii", "bbbb"));
    old.record(&answered(1));
    new.record(&answered(1));
    new.record(&answered(1));
    new.record(&RequestOutcome { status: StatusCode::BAD_REQUEST, ..answered(1) });
    let text = text(&metrics);
    let requests = |version: &str, code: &str| {
        let labels = format!("{{function=\"pii\",version=\"{version}\",code=\"{code}\"}}");
        value(&text, &format!("pilotlight_requests_total{labels}"))
    };
    assert_eq!(requests("aaaa", "200"), Some(1.0));
    assert_eq!(requests("bbbb", "200"), Some(2.0));
    assert_eq!(requests("bbbb", "400"), Some(1.0));
    assert_eq!(requests("aaaa", "400"), None);
}

#[test]
fn codes_that_guests_make_up_share_one_series() {
    let metrics = Metrics::new("1");
    let handle = metrics.function("f", "v");
    for code in 600..=999 {
        handle
            .record(&RequestOutcome { status: StatusCode::from_u16(code).unwrap(), ..answered(1) });
    }
    let text = text(&metrics);
    let all = text.lines().filter(|line| line.starts_with("pilotlight_requests_total{"));
    let all: Vec<_> = all.collect();
    let other = "pilotlight_requests_total{function=\"f\",version=\"v\",code=\"other\"} 400";
    assert_eq!(all, [other]);
}

#[test]
fn every_kind_of_error_has_a_series_before_it_happens() {
    let metrics = Metrics::new("1");
    let handle = metrics.function("f", "v");
    handle.record(&failed(ErrorKind::OutOfMemory));
    let text = text(&metrics);
    for kind in ErrorKind::ALL {
        let name = kind.name();
        let series =
            format!("pilotlight_errors_total{{function=\"f\",version=\"v\",kind=\"{name}\"}}");
        let expected = f64::from(u8::from(*kind == ErrorKind::OutOfMemory));
        assert_eq!(value(&text, &series), Some(expected), "{name}");
    }
}

#[test]
fn a_duration_is_in_every_bucket_from_its_own_on() {
    let metrics = Metrics::new("1");
    let handle = metrics.function("f", "v");
    for total in [Duration::from_micros(50), Duration::from_millis(3), Duration::from_secs(99)] {
        handle.record(&RequestOutcome { total, ..answered(0) });
    }
    let text = text(&metrics);
    let name = "pilotlight_request_duration_seconds";
    let bucket = |le: &str| {
        let labels = format!("{{function=\"f\",version=\"v\",le=\"{le}\"}}");
        value(&text, &format!("{name}_bucket{labels}")).unwrap()
    };
    assert_eq!(bucket("5e-05"), 1.0);
    assert_eq!(bucket("0.0025"), 1.0);
    assert_eq!(bucket("0.005"), 2.0);
    assert_eq!(bucket("10.0"), 2.0);
    assert_eq!(bucket("+Inf"), 3.0);
    let of =
        |suffix: &str| value(&text, &format!("{name}{suffix}{{function=\"f\",version=\"v\"}}"));
    assert_eq!(of("_count"), Some(3.0));
    assert_eq!(of("_sum"), Some(99.00305));
}

#[test]
fn a_stage_that_was_not_gone_through_is_not_counted() {
    let metrics = Metrics::new("1");
    let handle = metrics.function("f", "v");
    let stages = Stages { queue: Some(Duration::ZERO), ..Stages::default() };
    handle.record(&RequestOutcome { stages, ..answered(1) });
    let text = text(&metrics);
    let count = |stage: &str| {
        let labels = format!("{{function=\"f\",version=\"v\",stage=\"{stage}\"}}");
        value(&text, &format!("pilotlight_stage_duration_seconds_count{labels}"))
    };
    assert_eq!(count("queue"), Some(1.0));
    assert_eq!(count("instantiate"), None);
    assert_eq!(count("compute"), None);
}

#[test]
fn requests_in_flight_go_down_when_their_guard_is_dropped() {
    let metrics = Metrics::new("1");
    let handle = metrics.function("f", "v");
    let in_flight = || {
        let series = "pilotlight_requests_in_flight{function=\"f\",version=\"v\"}";
        value(&text(&metrics), series).unwrap()
    };
    let (first, second) = (handle.enter(), handle.enter());
    assert_eq!(in_flight(), 2.0);
    drop(first);
    assert_eq!(in_flight(), 1.0);
    drop(second);
    assert_eq!(in_flight(), 0.0);
}

#[test]
fn a_hundred_swaps_leave_the_series_of_one_version() {
    let metrics = Metrics::new("1");
    let mut serving = metrics.function("f", "v000");
    for number in 1..=100 {
        serving.record(&answered(1));
        serving = metrics.function("f", &format!("v{number:03}"));
        metrics.swapped("f", Swap::TakenOver);
    }
    serving.record(&answered(1));
    let text = text(&metrics);
    let lines: Vec<_> = text.lines().filter(|line| line.contains("version=\"v")).collect();
    assert!(lines.iter().all(|line| line.contains("version=\"v100\"")), "{lines:#?}");
    let swaps = "pilotlight_swaps_total{function=\"f\",outcome=\"taken_over\"}";
    assert_eq!(value(&text, swaps), Some(100.0));
}

#[test]
fn requests_and_stages_carry_the_task_of_a_version_that_says_it() {
    let metrics = Metrics::new("1");
    let known = metrics.function_of_task("embed", "aaaa", "sentence-embeddings");
    let stages = Stages { queue: Some(Duration::ZERO), ..Stages::default() };
    known.record(&RequestOutcome { stages, ..answered(1) });
    let unknown = metrics.function("other", "bbbb");
    unknown.record(&answered(1));
    let text = text(&metrics);
    let labels = "function=\"embed\",version=\"aaaa\",task=\"sentence-embeddings\"";
    let of = |name: &str, more: &str| value(&text, &format!("{name}{{{labels}{more}}}"));
    assert_eq!(of("pilotlight_requests_total", ",code=\"200\""), Some(1.0));
    assert_eq!(of("pilotlight_requests_in_flight", ""), Some(0.0));
    assert_eq!(of("pilotlight_request_duration_seconds_count", ""), Some(1.0));
    assert_eq!(of("pilotlight_stage_duration_seconds_count", ",stage=\"queue\""), Some(1.0));
    let other = "pilotlight_requests_total{function=\"other\",version=\"bbbb\",code=\"200\"}";
    assert_eq!(value(&text, other), Some(1.0));
}

#[test]
fn two_handles_of_a_version_count_to_the_same_series() {
    let metrics = Metrics::new("1");
    let first = metrics.function("f", "v");
    first.record(&answered(1));
    metrics.function("f", "v").record(&answered(1));
    let series = "pilotlight_requests_total{function=\"f\",version=\"v\",code=\"200\"}";
    assert_eq!(value(&text(&metrics), series), Some(2.0));
}

#[test]
fn requests_that_came_to_no_function_have_no_labels_of_one() {
    let metrics = Metrics::new("1");
    metrics.unrouted().record(&failed(ErrorKind::Unauthorized));
    let text = text(&metrics);
    assert_eq!(value(&text, "pilotlight_requests_total{code=\"500\"}"), Some(1.0));
    assert_eq!(value(&text, "pilotlight_errors_total{kind=\"unauthorized\"}"), Some(1.0));
}

#[test]
fn swaps_and_rollbacks_are_counted_by_what_came_of_them() {
    let metrics = Metrics::new("1");
    let _handle = metrics.function("f", "v");
    metrics.swapped("f", Swap::Refused);
    metrics.rolled_back("f", Rollback::Canary);
    metrics.rolled_back("f", Rollback::Canary);
    let text = text(&metrics);
    let swaps = |outcome: &str| {
        let labels = format!("{{function=\"f\",outcome=\"{outcome}\"}}");
        value(&text, &format!("pilotlight_swaps_total{labels}"))
    };
    let rollbacks = |cause: &str| {
        let labels = format!("{{function=\"f\",cause=\"{cause}\"}}");
        value(&text, &format!("pilotlight_rollbacks_total{labels}"))
    };
    assert_eq!((swaps("taken_over"), swaps("refused")), (Some(0.0), Some(1.0)));
    assert_eq!((rollbacks("operator"), rollbacks("canary")), (Some(0.0), Some(2.0)));
}

#[test]
fn sources_are_asked_at_each_look() {
    let metrics = Metrics::new("1");
    let asked = std::sync::atomic::AtomicU64::new(0);
    metrics.add_collector(move || {
        let ready = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let pools = vec![pilotlight_telemetry::PoolMetrics { ready, ..pool() }];
        Collected { pools, ..Collected::default() }
    });
    let series = "pilotlight_pool_ready_instances{function=\"pii\",version=\"0123456789ab\"}";
    assert_eq!(value(&text(&metrics), series), Some(0.0));
    assert_eq!(value(&text(&metrics), series), Some(1.0));
}

#[test]
fn what_two_sources_say_of_the_same_pool_is_told_once() {
    let metrics = Metrics::new("1");
    for ready in [1, 2] {
        let pools = vec![pilotlight_telemetry::PoolMetrics { ready, ..pool() }];
        metrics.add_collector(move || Collected { pools: pools.clone(), ..Collected::default() });
    }
    let text = text(&metrics);
    let all = text.lines().filter(|line| line.starts_with("pilotlight_pool_ready_instances{"));
    assert_eq!(all.count(), 1);
}

#[test]
fn batches_are_shown_by_their_rows() {
    let (metrics, _handle) = full();
    let text = text(&metrics);
    let labels = "function=\"pii\",version=\"0123456789ab\",graph=\"pii-ner\"";
    let name = "pilotlight_graph_batch_rows";
    let bucket =
        |le: &str| value(&text, &format!("{name}_bucket{{{labels},le=\"{le}\"}}")).unwrap();
    assert_eq!((bucket("1.0"), bucket("4.0")), (3.0, 3.0));
    assert_eq!((bucket("8.0"), bucket("1024.0"), bucket("+Inf")), (5.0, 5.0, 6.0));
    let rows = graph().rows as f64;
    assert_eq!(value(&text, &format!("{name}_sum{{{labels}}}")), Some(rows));
    let refused = format!("pilotlight_graph_refused_calls_total{{{labels}}}");
    assert_eq!(value(&text, &refused), Some(7.0));
}

#[test]
fn waits_for_a_batch_are_shown_in_seconds() {
    let (metrics, _handle) = full();
    let text = text(&metrics);
    let labels = "function=\"pii\",version=\"0123456789ab\",graph=\"pii-ner\"";
    let name = "pilotlight_graph_wait_seconds";
    let bucket =
        |le: &str| value(&text, &format!("{name}_bucket{{{labels},le=\"{le}\"}}")).unwrap();
    assert_eq!((bucket("6.4e-05"), bucket("0.000128"), bucket("0.524288")), (5.0, 7.0, 7.0));
    assert_eq!((bucket("1.048576"), bucket("16.777216"), bucket("+Inf")), (10.0, 10.0, 11.0));
    assert_eq!(value(&text, &format!("{name}_sum{{{labels}}}")), Some(2.5));
    assert_eq!(value(&text, &format!("{name}_count{{{labels}}}")), Some(11.0));
}

#[test]
fn batches_are_counted_by_why_they_were_closed() {
    let (metrics, _handle) = full();
    let text = text(&metrics);
    let labels = "function=\"pii\",version=\"0123456789ab\",graph=\"pii-ner\"";
    let closed = |reason: &str| {
        let series = format!("{{{labels},reason=\"{reason}\"}}");
        value(&text, &format!("pilotlight_graph_closed_batches_total{series}"))
    };
    assert_eq!((closed("full"), closed("drained")), (Some(2.0), Some(4.0)));
    assert_eq!(closed("single"), Some(0.0));
}

#[test]
fn shadows_are_counted_by_how_their_answers_compare() {
    let (metrics, _handle) = full();
    let text = text(&metrics);
    let count = |outcome: &str| {
        let labels = format!("{{route=\"half\",outcome=\"{outcome}\"}}");
        value(&text, &format!("pilotlight_shadowed_requests_total{labels}"))
    };
    assert_eq!(
        (count("same"), count("different"), count("failed")),
        (Some(7.0), Some(1.0), Some(0.0))
    );
}

#[test]
fn a_canary_is_in_one_state() {
    let (metrics, _handle) = full();
    let text = text(&metrics);
    let state = |state: &str| {
        value(&text, &format!("pilotlight_canary_state{{route=\"half\",state=\"{state}\"}}"))
    };
    assert_eq!(state("running"), Some(1.0));
    assert_eq!((state("finished"), state("rolled_back")), (Some(0.0), Some(0.0)));
    assert_eq!(value(&text, "pilotlight_canary_share_ratio{route=\"half\"}"), Some(0.05));
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_tells_of_itself() {
    let text = text(&Metrics::new("1.2.3"));
    let of = |name: &str| value(&text, name).unwrap();
    assert!(of("process_resident_memory_bytes") > 1e5);
    assert!(of("process_virtual_memory_bytes") >= of("process_resident_memory_bytes"));
    assert!(of("pilotlight_resident_memory_bytes{kind=\"anonymous\"}") > 0.0);
    assert!(of("process_threads") >= 2.0);
    assert!(of("process_open_fds") >= 3.0);
    assert!(of("process_max_fds") >= of("process_open_fds"));
    assert!(of("process_cpu_seconds_total") >= 0.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let age = now.as_secs_f64() - of("process_start_time_seconds");
    assert!((-5.0..3600.0).contains(&age), "{age}");
    assert_eq!(of("pilotlight_build_info{version=\"1.2.3\"}"), 1.0);
}

#[test]
fn nothing_is_lost_when_many_count_at_once() {
    let metrics = Metrics::new("1");
    let handle = metrics.function("f", "v");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..10_000).for_each(|_| handle.record(&telemetry::through_all_stages()))
            });
        }
    });
    let text = text(&metrics);
    let series = "pilotlight_request_duration_seconds_count{function=\"f\",version=\"v\"}";
    assert_eq!(value(&text, series), Some(40_000.0));
}
