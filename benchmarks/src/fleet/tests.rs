#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;

/// A queueing station with enough requests for exact means.
fn station(cores: usize, rate: f64, service: Times) -> Scenario {
    let station = Scenario::station(cores, service, rate, 400_000.0 / rate);
    Scenario { seed: 3, warm_up: 20_000.0 / rate, ..station }
}

/// Scaling from zero nodes to at most `most`.
fn scaling(most: usize) -> Scaling {
    Scaling { interval: 2.0, target: 0.7, least: 0, most, stabilization: 30.0 }
}

fn mean(scenario: &Scenario) -> f64 {
    simulate(scenario).unwrap().latencies.mean()
}

#[test]
fn one_core_with_exponential_times_is_an_m_m_1() {
    // R = 1 / (μ − λ), and the response time is exponential.
    for rate in [3.0, 7.0] {
        let outcome = simulate(&station(1, rate, Times::Exponential(0.1))).unwrap();
        let expected = 1.0 / (10.0 - rate);
        assert!((outcome.latencies.mean() / expected - 1.0).abs() < 0.04, "{rate}");
        let tail = expected * 100_f64.ln();
        assert!((outcome.latencies.quantile(0.99) / tail - 1.0).abs() < 0.08, "{rate}");
    }
}

#[test]
fn two_cores_with_exponential_times_are_an_m_m_2() {
    // R = S / (1 − ρ²)
    for utilization in [0.3_f64, 0.8] {
        let measured = mean(&station(2, utilization * 20.0, Times::Exponential(0.1)));
        let expected = 0.1 / (1.0 - utilization.powi(2));
        assert!((measured / expected - 1.0).abs() < 0.04, "{utilization}: {measured}");
    }
}

#[test]
fn one_core_with_constant_times_is_an_m_d_1() {
    // R = S + ρ S / 2 (1 − ρ), the formula of Pollaczek and Khinchine
    let measured = mean(&station(1, 8.0, Times::Constant(0.1)));
    assert!((measured / (0.1 + 0.8 * 0.1 / 0.4) - 1.0).abs() < 0.04, "{measured}");
}

#[test]
fn two_choices_keep_queues_shorter_than_one_node_alone_does() {
    let alone = mean(&station(2, 18.0, Times::Exponential(0.1)));
    let fleet = Scenario { nodes: 100, ..station(2, 1800.0, Times::Exponential(0.1)) };
    assert!(mean(&fleet) < 0.7 * alone);
}

#[test]
fn every_request_is_answered_or_lost() {
    let overloaded = Scenario {
        nodes: 3,
        queue: 5,
        timeout: 0.2,
        warm_up: 0.0,
        ..station(2, 90.0, Times::Exponential(0.1))
    };
    let burst = Scenario {
        load: Load::Burst { low: 5.0, high: 300.0, from: 100.0, to: 200.0 },
        seconds: 300.0,
        nodes: 0,
        start: Times::Constant(4.0),
        scaling: Some(scaling(30)),
        ..overloaded.clone()
    };
    for scenario in [overloaded, burst] {
        let outcome = simulate(&scenario).unwrap();
        assert!(outcome.lost > 0 && outcome.answered > 0);
        assert_eq!(outcome.requests, outcome.answered + outcome.lost);
        assert_eq!(outcome.answered, outcome.latencies.count());
    }
}

#[test]
fn the_same_seed_has_the_same_outcome() {
    let day = Scenario {
        load: Load::Diurnal { low: 5.0, high: 200.0, period: 300.0 },
        seconds: 300.0,
        scaling: Some(scaling(30)),
        ..station(2, 1.0, Times::Exponential(0.1))
    };
    let run = |seed| {
        let outcome = simulate(&Scenario { seed, ..day.clone() }).unwrap();
        let Outcome { requests, starts, node_seconds, latencies, .. } = outcome;
        (requests, starts, node_seconds.to_bits(), latencies.mean().to_bits())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_request_to_an_empty_fleet_waits_for_exactly_the_start() {
    // So few requests that the fleet is empty again before each of them.
    let seldom = Scenario {
        nodes: 0,
        seconds: 1_000_000.0,
        warm_up: 0.0,
        start: Times::Constant(3.0),
        scaling: Some(Scaling { stabilization: 0.0, ..scaling(1) }),
        ..station(1, 1e-5, Times::Constant(0.25))
    };
    let outcome = simulate(&seldom).unwrap();
    assert!(outcome.requests > 0);
    let Outcome { requests, waited, starts, longest_wait, latencies, .. } = outcome;
    assert_eq!((waited, starts, latencies.count()), (requests, requests, requests));
    assert!((longest_wait - 3.0).abs() < 1e-6, "{longest_wait}");
    for response in [latencies.mean(), latencies.longest()] {
        assert!((response - 3.25).abs() < 1e-6, "{response}");
    }
}

#[test]
fn a_fleet_follows_the_load_and_costs_less_than_its_peak() {
    let day = Scenario {
        load: Load::Diurnal { low: 10.0, high: 700.0, period: 1000.0 },
        seconds: 1000.0,
        warm_up: 0.0,
        nodes: 1,
        start: Times::Constant(0.1),
        scaling: Some(Scaling { least: 1, ..scaling(100) }),
        slow: 1.0,
        ..station(2, 1.0, Times::Constant(0.1))
    };
    let outcome = simulate(&day).unwrap();
    // The peak keeps 70 cores busy, which are 50 nodes at a target of 0.7.
    assert!((45..=80).contains(&outcome.most_nodes), "{}", outcome.most_nodes);
    assert_eq!(outcome.lost, 0);
    assert!(outcome.node_seconds < 0.8 * outcome.most_nodes as f64 * day.seconds);
    let p99 = outcome.latencies.quantile(0.99);
    assert!(p99 < 1.0, "{p99}");
}

#[test]
fn a_fixed_fleet_costs_all_of_its_nodes() {
    let outcome =
        simulate(&Scenario { nodes: 4, ..station(2, 30.0, Times::Constant(0.1)) }).unwrap();
    assert!((outcome.node_seconds / (4.0 * outcome.seconds) - 1.0).abs() < 1e-9);
    assert_eq!((outcome.most_nodes, outcome.starts, outcome.waited), (4, 0, 0));
}

#[test]
fn requests_that_come_after_a_burst_are_fast_again() {
    let burst = Scenario {
        load: Load::Burst { low: 10.0, high: 60.0, from: 100.0, to: 110.0 },
        seconds: 200.0,
        slow: 0.5,
        ..station(2, 1.0, Times::Constant(0.1))
    };
    let outcome = simulate(&burst).unwrap();
    assert!((100.0..170.0).contains(&outcome.slow_until), "{}", outcome.slow_until);
}

#[test]
fn impossible_scenarios_are_refused() {
    let good = station(2, 10.0, Times::Constant(0.1));
    for bad in [
        Scenario { load: Load::Constant(0.0), ..good.clone() },
        Scenario { load: Load::Constant(f64::NAN), ..good.clone() },
        Scenario { seconds: f64::INFINITY, ..good.clone() },
        Scenario { cores: 0, ..good.clone() },
        Scenario { nodes: 0, ..good.clone() },
        Scenario { scaling: Some(scaling(0)), ..good.clone() },
        Scenario { scaling: Some(Scaling { interval: 0.0, ..scaling(1) }), ..good.clone() },
    ] {
        assert!(simulate(&bad).is_err(), "{bad:?}");
    }
}
