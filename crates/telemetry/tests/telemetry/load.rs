use pilotlight_telemetry::{Collected, GraphMetrics, Metrics, PoolMetrics};
use pilotlight_testing::telemetry::{self, full, graph, pool, value};

const WAITING: &str = "vllm:num_requests_waiting";
const RUNNING: &str = "vllm:num_requests_running";
const CACHE: &str = "vllm:kv_cache_usage_perc";

fn load(metrics: &Metrics) -> [f64; 3] {
    let (content_type, text) = metrics.render_load();
    assert!(content_type.starts_with("text/plain; version=0.0.4"));
    [WAITING, RUNNING, CACHE].map(|name| value(&text, name).unwrap())
}

#[test]
fn the_load_has_the_gauges_of_the_model_server_protocol_and_names_no_function() {
    let (metrics, _handle) = full();
    let text = metrics.render_load().1;
    assert_eq!(telemetry::names(&text), [WAITING, RUNNING, CACHE]);
    for line in text.lines().filter(|line| line.starts_with("# TYPE")) {
        assert!(line.ends_with(" gauge"), "{line}");
    }
    assert!(!text.contains('{'), "{text}");
    // The names are those of another server, and stand nowhere else.
    assert!(!metrics.render("").1.contains("vllm"));
}

#[test]
fn an_idle_server_has_no_load() {
    assert_eq!(load(&Metrics::new("1")), [0.0; 3]);
}

#[test]
fn requests_wait_for_instances_and_for_graphs_of_all_functions() {
    let metrics = Metrics::new("1");
    let handle = metrics.function("pii", "v");
    let in_flight: Vec<_> = (0..9).map(|_| handle.enter()).collect();
    let other = PoolMetrics { function: "other".to_owned(), waiting: 3, ..pool() };
    metrics.add_collector(move || Collected {
        // Of two reports of the same pool, the first one counts.
        pools: vec![pool(), other.clone(), PoolMetrics { waiting: 100, ..pool() }],
        graphs: vec![GraphMetrics { waiting: 5, ..graph() }],
        ..Collected::default()
    });
    assert_eq!(pool().waiting, 1);
    assert_eq!(load(&metrics), [9.0, 5.0, 0.0]);
    drop(in_flight);
    // Requests that wait and are not in flight yet do not make the number negative.
    assert_eq!(load(&metrics), [9.0, 0.0, 0.0]);
}
