//! A canary moves on while it does well, and back when it does not.

use std::time::Duration;

use pilotlight_router::{Canary, CanaryState, Event, Phase, Reason, Router, Side};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{decide, draws, get, likely, options, router, routes, target};

const MINUTE: Duration = Duration::from_secs(60);
const FAST: Duration = Duration::from_millis(10);

fn plan(shares: &[f64]) -> Canary {
    let steps = shares.iter().map(|share| json!({ "share": share, "for": "1m" }));
    serde_json::from_value(json!({ "target": "b", "steps": steps.collect::<Value>() })).unwrap()
}

fn minutes(count: u32) -> Duration {
    MINUTE * count
}

fn answer(state: &CanaryState, side: Side, count: usize, latency: Duration, failures: usize) {
    for number in 0..count {
        state.observe(side, latency, number < failures);
    }
}

/// Enough requests of both, that went well.
fn both_do_well(state: &CanaryState) {
    answer(state, Side::Canary, 100, FAST, 0);
    answer(state, Side::Control, 900, FAST, 0);
}

#[test]
fn a_canary_that_does_well_goes_through_all_steps_and_stays() {
    let state = CanaryState::new(&plan(&[0.01, 0.5, 1.0]));
    assert_eq!((state.share(), state.advance(minutes(7))), (0.01, Event::Hold));
    both_do_well(&state);
    assert_eq!(state.advance(minutes(8) - FAST), Event::Hold);
    assert_eq!(state.advance(minutes(8)), Event::Moved { share: 0.5 });
    assert_eq!((state.share(), state.status().canary.requests), (0.5, 0));
    both_do_well(&state);
    assert_eq!(state.advance(minutes(9)), Event::Moved { share: 1.0 });
    answer(&state, Side::Canary, 100, FAST, 0);
    assert_eq!(state.advance(minutes(10)), Event::Finished, "there is no control any more");
    answer(&state, Side::Canary, 1000, FAST, 1000);
    assert_eq!(state.advance(minutes(99)), Event::Hold);
    assert_eq!((state.share(), state.status().phase), (1.0, Phase::Finished));
}

#[test]
fn a_step_is_prolonged_until_both_have_answered_enough() {
    let state = CanaryState::new(&plan(&[0.1, 0.2]));
    state.advance(Duration::ZERO);
    answer(&state, Side::Canary, 99, FAST, 0);
    answer(&state, Side::Control, 1000, FAST, 0);
    assert_eq!(state.advance(minutes(50)), Event::Hold);
    answer(&state, Side::Canary, 1, FAST, 0);
    assert_eq!(state.advance(minutes(51)), Event::Moved { share: 0.2 });
    assert_eq!(state.advance(minutes(51)), Event::Hold, "the next step lasts its time, too");

    let state = CanaryState::new(&plan(&[0.9, 1.0]));
    state.advance(Duration::ZERO);
    answer(&state, Side::Canary, 1000, FAST, 0);
    answer(&state, Side::Control, 99, FAST, 0);
    assert_eq!(state.advance(minutes(50)), Event::Hold, "nothing was compared yet");
}

#[test]
fn too_many_errors_roll_back_at_once() {
    let state = CanaryState::new(&plan(&[0.1, 0.2]));
    state.advance(Duration::ZERO);
    answer(&state, Side::Control, 1000, FAST, 10);
    answer(&state, Side::Canary, 1000, FAST, 20);
    assert_eq!(state.advance(FAST), Event::Hold, "one in a hundred more is allowed");
    answer(&state, Side::Canary, 10, FAST, 10);
    assert_eq!(state.advance(FAST), Event::Hold, "a little more may be chance");
    answer(&state, Side::Canary, 20, FAST, 20);
    let Event::RolledBack { reason } = state.advance(FAST) else { panic!() };
    assert_eq!(
        reason.to_string(),
        "4.85 % of the canary's requests failed, 1.00 % of the control's"
    );
    assert_eq!((state.share(), state.status().phase), (0.0, Phase::RolledBack));
    both_do_well(&state);
    assert_eq!(state.advance(minutes(50)), Event::Hold, "it does not come back by itself");
    assert_eq!(state.share(), 0.0);
}

#[test]
fn a_p99_too_long_rolls_back() {
    let run = |slow: usize, latency: Duration| {
        let state = CanaryState::new(&plan(&[0.1, 0.2]));
        answer(&state, Side::Control, 1000, FAST, 0);
        answer(&state, Side::Canary, 1000 - slow, FAST, 0);
        answer(&state, Side::Canary, slow, latency, 0);
        state.advance(Duration::ZERO)
    };
    assert_eq!(run(10, MINUTE), Event::Hold, "one in a hundred is beyond the p99");
    assert_eq!(run(19, MINUTE), Event::Hold, "as many may be by chance");
    assert_eq!(run(1000, FAST * 14 / 10), Event::Hold);
    let event = run(20, FAST * 2);
    assert!(matches!(event, Event::RolledBack { reason: Reason::Latency { .. } }), "{event:?}");
}

#[test]
fn a_control_with_too_few_requests_is_what_it_last_was() {
    let state = CanaryState::new(&plan(&[0.5, 1.0]));
    state.advance(Duration::ZERO);
    both_do_well(&state);
    assert_eq!(state.advance(minutes(1)), Event::Moved { share: 1.0 });
    answer(&state, Side::Canary, 100, FAST * 3, 0);
    let event = state.advance(minutes(1));
    assert!(matches!(event, Event::RolledBack { reason: Reason::Latency { .. } }), "{event:?}");
}

#[test]
fn few_requests_are_not_judged_but_nothing_but_failures_is() {
    let state = CanaryState::new(&plan(&[0.01]));
    answer(&state, Side::Canary, 99, MINUTE, 98);
    answer(&state, Side::Control, 1000, FAST, 0);
    assert_eq!(state.advance(Duration::ZERO), Event::Hold, "one answer went well");

    let state = CanaryState::new(&plan(&[0.01]));
    answer(&state, Side::Canary, 9, FAST, 9);
    assert_eq!(state.advance(Duration::ZERO), Event::Hold);
    answer(&state, Side::Canary, 1, FAST, 1);
    let reason = Reason::Hopeless { failures: 10 };
    assert_eq!(state.advance(FAST), Event::RolledBack { reason });

    let state = CanaryState::new(&plan(&[0.01]));
    answer(&state, Side::Canary, 10, FAST, 10);
    answer(&state, Side::Control, 50, FAST, 50);
    assert_eq!(state.advance(Duration::ZERO), Event::Hold, "the control fails as well");
}

#[test]
fn a_clock_that_goes_back_only_prolongs() {
    let state = CanaryState::new(&plan(&[0.1]));
    state.advance(minutes(5));
    both_do_well(&state);
    assert_eq!(state.advance(Duration::ZERO), Event::Hold);
    assert_eq!(state.advance(minutes(6)), Event::Finished);
}

#[test]
fn many_threads_count_without_losing_a_request() {
    let state = CanaryState::new(&plan(&[0.1]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| answer(&state, Side::Canary, 10_000, FAST, 100));
        }
    });
    let seen = state.status().canary;
    assert_eq!((seen.requests, seen.failures), (40_000, 400));
}

fn route(name: &str, shares: &[f64]) -> Value {
    let targets = json!([
        { "target": "a", "weight": 2 }, { "target": "b", "weight": 7 }, { "target": "c", "weight": 1 },
    ]);
    json!({ "name": name, "to": targets, "sticky": { "query": "user" }, "canary": plan(shares) })
}

fn both_do_well_of(router: &Router) {
    router.canaries().for_each(|(_, state)| both_do_well(state));
}

#[test]
fn the_share_moves_the_canary_and_the_others_share_the_rest() {
    let router = router(json!([route("r", &[0.1, 0.4, 1.0])]));
    let (_, state) = router.canaries().next().unwrap();
    let requests = 50_000;
    let split = |seed| {
        let mut counts = [0; 3];
        for draw in draws(seed).take(requests) {
            match target(&router, &get("/"), draw).as_str() {
                "a" => counts[0] += 1,
                "b" => counts[1] += 1,
                _ => counts[2] += 1,
            }
        }
        counts
    };
    let mut now = Duration::ZERO;
    for share in [0.1, 0.4, 1.0] {
        assert_eq!(state.share(), share);
        let [a, b, c] = split(5);
        let rest = 1.0 - share;
        assert!(likely(b, requests, share), "{share}: {b}");
        assert!(likely(a, requests, rest * 2.0 / 3.0) && likely(c, requests, rest / 3.0));
        let shares = router.shares(0).unwrap();
        assert!((shares[1] - share).abs() < 1e-9 && (shares[0] - 2.0 * shares[2]).abs() < 1e-9);
        state.advance(now);
        both_do_well_of(&router);
        now += MINUTE;
        state.advance(now);
    }
}

#[test]
fn a_growing_canary_only_wins_users_and_one_rolled_back_gives_them_all_back() {
    let router = router(json!([route("r", &[0.1, 0.4, 1.0])]));
    let (_, state) = router.canaries().next().unwrap();
    let users = || (0..2000).map(|user| get("/").query(&format!("user={user}")));
    let targets = || users().map(|user| target(&router, &user, 0)).collect::<Vec<_>>();
    let mut before = targets();
    state.advance(Duration::ZERO);
    for minute in 1..=2 {
        both_do_well_of(&router);
        state.advance(minutes(minute));
        let after = targets();
        let mut moved = before.iter().zip(&after).filter(|(from, to)| from != to);
        assert!(moved.all(|(_, to)| to == "b"));
        before = after;
    }
    assert!(before.iter().all(|target| target == "b"));
    answer(state, Side::Canary, 100, FAST, 100);
    assert!(matches!(state.advance(minutes(3)), Event::RolledBack { .. }));
    assert!(targets().iter().all(|target| target != "b"));
}

#[test]
fn a_decision_knows_whom_to_tell_how_it_went() {
    let router = router(json!([
        { "match": { "path": "/plain" }, "to": "a" },
        route("r", &[0.5]),
    ]));
    assert!(decide(&router, &get("/plain"), 0).canary.is_none());
    for draw in draws(1).take(1000) {
        let decision = decide(&router, &get("/"), draw);
        let observer = decision.canary.unwrap();
        let expected = if decision.target.function == "b" { Side::Canary } else { Side::Control };
        assert_eq!(observer.side(), expected);
        observer.observe(FAST, expected == Side::Control);
    }
    let (route, state) = router.canaries().next().unwrap();
    let status = state.status();
    assert_eq!((route, status.canary.requests + status.control.requests), (1, 1000));
    assert_eq!((status.canary.failures, status.control.failures), (0, status.control.requests));
}

#[test]
fn new_routes_take_over_canaries_that_have_not_changed() {
    let first = router(json!([route("r", &[0.1, 0.2])]));
    let (_, state) = first.canaries().next().unwrap();
    answer(state, Side::Canary, 10, FAST, 10);
    assert!(matches!(state.advance(Duration::ZERO), Event::RolledBack { .. }));
    let share = |list: Value| {
        let mut router = Router::new(routes(list), options()).ok().unwrap();
        router.take_over(&first);
        let (_, state) = router.canaries().next().unwrap();
        state.share()
    };
    let other = json!({ "match": { "path": "/x" }, "to": "a" });
    assert_eq!(share(json!([other, route("r", &[0.1, 0.2])])), 0.0);
    assert_eq!(share(json!([route("r", &[0.1, 0.3])])), 0.1, "another canary");
    assert_eq!(share(json!([route("s", &[0.1, 0.2])])), 0.1, "another route");
}

/// How often a canary is rolled back of which `failing` of all requests fail, and whose
/// latencies, with a tail, are `slower` than the control's; looked at every 20 requests.
fn rolled_back(failing: f64, slower: f64) -> f64 {
    const RUNS: u64 = 300;
    let unit = |draw: u64| draw as f64 / u64::MAX as f64;
    let run = |seed| {
        let state = CanaryState::new(&plan(&[0.5]));
        let mut draws = draws(seed).map(unit);
        let mut request = |side, failing, slower: f64| {
            let failed = draws.next().unwrap() < failing;
            let latency = slower * 10.0 * draws.next().unwrap().max(1e-4).powf(-0.25);
            state.observe(side, Duration::from_secs_f64(latency / 1e3), failed);
        };
        (1..=2000).any(|number| {
            request(Side::Control, 0.02, 1.0);
            request(Side::Canary, failing, slower);
            number % 20 == 0 && matches!(state.advance(FAST), Event::RolledBack { .. })
        })
    };
    (0..RUNS).filter(|seed| run(*seed)).count() as f64 / RUNS as f64
}

#[test]
fn chance_rolls_nothing_back_and_what_is_worse_is_found() {
    let alike = rolled_back(0.02, 1.0);
    assert!(alike < 0.02, "{alike}");
    let failing = rolled_back(0.06, 1.0);
    assert!(failing > 0.95, "{failing}");
    let slow = rolled_back(0.02, 2.0);
    assert!(slow > 0.95, "{slow}");
}

/// What may happen to a canary.
fn events() -> impl Strategy<Value = Vec<(u8, u64, bool)>> {
    prop::collection::vec((0u8..6, any::<u64>(), any::<bool>()), 0..200)
}

proptest! {
    #[test]
    fn whatever_is_observed_the_share_is_one_of_the_plan(events in events(), requests in 1u64..4) {
        let shares = [0.1, 0.5, 0.2];
        let state = CanaryState::new(&Canary { min_requests: requests, ..plan(&shares) });
        let mut step = 0;
        for (kind, number, failed) in events {
            let side = if kind % 2 == 0 { Side::Canary } else { Side::Control };
            if kind > 1 {
                state.observe(side, Duration::from_nanos(number), failed);
                continue;
            }
            let before = state.status();
            let event = state.advance(Duration::from_secs(number % 1000));
            let after = state.status();
            step += usize::from(matches!(event, Event::Moved { .. }));
            prop_assert_eq!(after.step, step);
            let expected = if after.phase == Phase::RolledBack { 0.0 } else { shares[step] };
            prop_assert_eq!(after.share, expected);
            prop_assert!(before.phase == Phase::Running || event == Event::Hold);
        }
    }

    #[test]
    fn the_p99_is_right_to_five_per_cent(exponents in prop::collection::vec(2.0f64..13.0, 1..500)) {
        let state = CanaryState::new(&plan(&[0.1]));
        let mut latencies: Vec<u64> = exponents.iter().map(|x| 10f64.powf(*x) as u64).collect();
        for latency in &latencies {
            state.observe(Side::Canary, Duration::from_nanos(*latency), false);
        }
        latencies.sort_unstable();
        let exact = latencies[(latencies.len() * 99).div_ceil(100) - 1] as f64;
        let told = state.status().canary.p99.as_nanos() as f64;
        prop_assert!((told - exact).abs() <= 0.05 * exact, "{} instead of {}", told, exact);
    }

    #[test]
    fn any_latency_is_counted(seconds: u64, nanoseconds in 0u32..1_000_000_000, failed: bool) {
        let state = CanaryState::new(&plan(&[0.1]));
        state.observe(Side::Control, Duration::new(seconds, nanoseconds), failed);
        let seen = state.status().control;
        prop_assert_eq!((seen.requests, seen.failures), (1, u64::from(failed)));
    }
}
