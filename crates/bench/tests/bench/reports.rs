//! Reports as JSON, as pictures and as tables.

use std::time::Duration;

use pilotlight_bench::report::{LoadReport, Resampled};
use pilotlight_bench::{Arrivals, Load, Report, Scenario, Sweep, Verb, plot, sweep, table};

use crate::stub::{Reply, Stub, run};

const MS: Duration = Duration::from_millis(1);
const NAMES: [&str; 3] = ["plain", "<b> & \"quoted\"", "größer"];

fn scenario() -> Scenario {
    let reply = |_| async { Reply::ok().header("server-timing", "guest;dur=1") };
    let targets = NAMES.map(|name| Stub::start(reply).target(name)).to_vec();
    Scenario {
        load: Load::Open { rate: 200.0, arrivals: Arrivals::Poisson },
        duration: 300 * MS,
        warm_up: 50 * MS,
        rounds: 3,
        ..Scenario::new(targets)
    }
}

fn check_picture(svg: &str) {
    let tree = roxmltree::Document::parse(svg).unwrap();
    let texts: Vec<_> = tree.descendants().filter_map(|node| node.text()).collect();
    for name in NAMES {
        let title = texts.iter().filter(|text| text.contains(name)).count();
        assert!(title >= 2, "{name} is not in title and legend");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "a number is missing");
}

#[test]
fn a_latency_report_survives_json_and_is_drawn() {
    for verb in [Verb::Bench, Verb::Cold] {
        let report = run(&Scenario { verb, ..scenario() });
        let json = serde_json::to_string(&report).unwrap();
        assert!(serde_json::from_str::<Report>(&json).unwrap() == report);
        check_picture(&plot::latency(&report));
        let table = table::latency(&report);
        assert!(NAMES.iter().all(|name| table.contains(name)), "{table}");
        assert_eq!(table.contains("instantiate"), verb == Verb::Cold);
    }
}

#[test]
fn the_json_has_the_documented_shape() {
    let report = serde_json::to_value(run(&scenario())).unwrap();
    assert_eq!(report["verb"], "bench");
    assert_eq!(report["scenario"]["loop"], "open");
    assert_eq!(report["scenario"]["http"], "1.1");
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    let target = &report["targets"][1];
    assert_eq!(target["name"], NAMES[1]);
    assert!(target["summary"]["p99_9_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(target["rounds"].as_array().unwrap().len(), 3);
    assert_eq!(target["percentiles"][0][0], 0.0);
    let ratio = &report["ratios"][0];
    assert_eq!((&ratio["of"], &ratio["to"]), (&NAMES[1].into(), &NAMES[0].into()));
    assert_eq!(ratio["resampled"], "rounds");
    for figure in ["p50", "p90", "p99", "p99.9", "jitter", "requests_per_second"] {
        let value = |end: &str| ratio[figure][end].as_f64().unwrap();
        assert!(value("low") <= value("high") && value("ratio") > 0.0, "{figure}");
    }
}

#[test]
fn rounds_alternate_and_few_of_them_are_resampled_by_blocks() {
    let doing = std::cell::RefCell::new(Vec::new());
    let scenario = Scenario { rounds: 2, ..scenario() };
    let progress = |step: &pilotlight_bench::Step| doing.borrow_mut().push(step.doing.clone());
    let report = pilotlight_bench::measure(&scenario, &progress).unwrap();
    let [a, b, c] = NAMES;
    assert_eq!(*doing.borrow(), [a, b, c, c, b, a]);
    assert!(report.ratios.iter().all(|ratio| ratio.resampled == Resampled::Blocks));
}

#[test]
fn a_target_compared_with_itself_has_a_ratio_near_one() {
    let stub = Stub::start(|_| async {
        tokio::time::sleep(5 * MS).await;
        Reply::ok()
    });
    let targets = vec![stub.target("a"), stub.target("b")];
    let scenario = Scenario {
        load: Load::Closed { concurrency: 4 },
        duration: 300 * MS,
        warm_up: Duration::ZERO,
        ..Scenario::new(targets)
    };
    let ratio = run(&scenario).ratios[0].p50.unwrap();
    assert!(ratio.ratio > 0.5 && ratio.ratio < 2.0, "{ratio:?}");
}

#[test]
fn a_run_without_a_single_good_answer_is_still_drawn() {
    let stub = Stub::start(|_| async { Reply::status(500) });
    let load = Load::Open { rate: 100.0, arrivals: Arrivals::Constant };
    let scenario = Scenario { verb: Verb::Cold, ..stub.scenario(load, 100 * MS) };
    let report = run(&scenario);
    assert!(roxmltree::Document::parse(&plot::latency(&report)).is_ok());
    assert!(table::latency(&report).contains("10 × status 500"));
}

#[test]
fn a_sweep_has_a_step_for_each_load() {
    let loads = [1, 2, 4].map(|concurrency| Load::Closed { concurrency }).to_vec();
    let options = Sweep { scenario: Scenario { duration: 90 * MS, ..scenario() }, loads };
    let report = sweep(&options, &|_| ()).unwrap();
    let json = serde_json::to_string(&report).unwrap();
    assert!(serde_json::from_str::<LoadReport>(&json).unwrap() == report);
    assert!(report.targets.iter().all(|target| target.steps.len() == 3));
    assert_eq!(report.ratios.len(), 3);
    check_picture(&plot::load(&report));
    check_picture(&plot::response_times(&report));
    assert!(table::load(&report).contains("4 workers"));
}

#[test]
fn an_overloaded_server_is_marked_as_saturated() {
    // It answers one request at a time, each in 20 ms.
    let turn = std::sync::Arc::new(tokio::sync::Semaphore::new(1));
    let stub = Stub::start(move |_| {
        let turn = std::sync::Arc::clone(&turn);
        async move {
            let _turn = turn.acquire().await;
            tokio::time::sleep(20 * MS).await;
            Reply::ok()
        }
    });
    let rate = |rate| Load::Open { rate, arrivals: Arrivals::Constant };
    let scenario = stub.scenario(rate(1.0), 1000 * MS);
    let report = sweep(&Sweep { scenario, loads: vec![rate(10.0), rate(200.0)] }, &|_| ()).unwrap();
    assert_eq!(report.targets[0].saturated_at, Some(1));
}
