//! Intended times of the open loop.

use std::time::Duration;

use pilotlight_bench::Arrivals;

#[test]
fn constant_arrivals_are_exact() {
    let times: Vec<_> = Arrivals::Constant.schedule(400.0, 7).take(5).collect();
    assert_eq!(times, [0, 2500, 5000, 7500, 10_000].map(Duration::from_micros));
    let hours_later = Arrivals::Constant.schedule(3.0, 7).nth(30_000);
    assert_eq!(hours_later, Some(Duration::from_secs(10_000)));
}

#[test]
fn a_second_holds_as_many_as_the_rate_says() {
    for rate in [1.0, 3.0, 7.0, 99.0, 12_345.0] {
        let second = Duration::from_secs(1);
        let count = Arrivals::Constant.schedule(rate, 1).take_while(|at| *at < second).count();
        assert_eq!(count as f64, rate);
    }
}

#[test]
fn poisson_arrivals_have_the_mean_and_the_spread_of_their_rate() {
    const COUNT: usize = 100_000;
    let times: Vec<f64> =
        Arrivals::Poisson.schedule(1000.0, 42).take(COUNT).map(|at| at.as_secs_f64()).collect();
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]));
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    // Of independent arrivals the deviation of the gaps equals their mean.
    assert!((mean * 1000.0 - 1.0).abs() < 0.02, "{mean}");
    assert!((variance.sqrt() / mean - 1.0).abs() < 0.02, "{variance}");
}

#[test]
fn poisson_arrivals_repeat_with_their_seed() {
    let times = |seed| Arrivals::Poisson.schedule(50.0, seed).take(100).collect::<Vec<_>>();
    assert_eq!(times(1), times(1));
    assert_ne!(times(1), times(2));
}
