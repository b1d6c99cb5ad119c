//! Formulas of queueing theory for one node: requests arrive at random (Poisson) and wait, first come, first
//! served, for one of several cores. Times are in seconds.

/// A node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Station {
    pub(crate) cores: u32,
    /// The mean time for which a request needs a core.
    pub(crate) service: f64,
    /// The squared coefficient of variation of that time: 0 if it is constant, 1 if it is exponential.
    pub(crate) squared_variation: f64,
}

impl Station {
    /// The rate at which all cores are busy, in requests per second.
    pub(crate) fn capacity(self) -> f64 {
        f64::from(self.cores) / self.service
    }

    /// M/M/1 with one core as fast as all together: R = 1 / (μ − λ). Infinite at and above the capacity.
    pub(crate) fn mean_of_one_fast_core(self, rate: f64) -> f64 {
        match self.capacity() - rate {
            free if free > 0.0 => 1.0 / free,
            _ => f64::INFINITY,
        }
    }

    /// A quantile of the response time in M/M/1, which is exponential.
    pub(crate) fn quantile_of_one_fast_core(self, rate: f64, quantile: f64) -> f64 {
        -(1.0 - quantile).ln() * self.mean_of_one_fast_core(rate)
    }

    /// The mean wait for a core in M/M/c.
    fn mean_wait(self, rate: f64) -> f64 {
        let busy = rate * self.service;
        match f64::from(self.cores) - busy {
            free if free > 0.0 => erlang_c(self.cores, busy) * self.service / free,
            _ => f64::INFINITY,
        }
    }

    /// The mean response time in M/M/c, where service times are exponential.
    pub(crate) fn mean_of_exponential(self, rate: f64) -> f64 {
        self.service + self.mean_wait(rate)
    }

    /// A quantile of the response time in M/M/c.
    pub(crate) fn quantile_of_exponential(self, rate: f64, quantile: f64) -> f64 {
        if rate >= self.capacity() {
            return f64::INFINITY;
        }
        let exceeds = |time: f64| self.share_above(rate, time) > 1.0 - quantile;
        let mut high = self.service;
        while exceeds(high) {
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if exceeds(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    /// The share of response times above `time` in M/M/c: the wait is zero, or exponential with the rate at
    /// which requests leave a busy node faster than they come; the service is exponential.
    fn share_above(self, rate: f64, time: f64) -> f64 {
        let (service, queue) = (1.0 / self.service, self.capacity() - rate);
        let waits = erlang_c(self.cores, rate * self.service);
        let served = (-service * time).exp();
        let waited = if (queue / service - 1.0).abs() < 1e-6 {
            (1.0 + service * time) * served
        } else {
            (queue * served - service * (-queue * time).exp()) / (queue - service)
        };
        (1.0 - waits) * served + waits * waited
    }

    /// The mean response time in M/G/c, approximately: the wait in M/M/c times (1 + cv²) / 2 (Lee and
    /// Longton, 1959; Allen and Cunneen for arrivals that are not random, too). Exact for one core, where
    /// it is the formula of Pollaczek and Khinchine.
    pub(crate) fn mean_of_general(self, rate: f64) -> f64 {
        self.service + self.mean_wait(rate) * (1.0 + self.squared_variation) / 2.0
    }
}

/// Erlang's C formula: the probability that a request has to wait, if `busy` of the cores are busy on average.
/// It is calculated from Erlang's B formula, whose recursion neither overflows nor cancels.
pub(crate) fn erlang_c(cores: u32, busy: f64) -> f64 {
    let utilization = busy / f64::from(cores);
    if utilization >= 1.0 {
        return 1.0;
    }
    let blocked = (1..=cores).map(f64::from).fold(1.0, |b, core| busy * b / (core + busy * b));
    blocked / (1.0 - utilization * (1.0 - blocked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) -> bool {
        (value / expected - 1.0).abs() < 1e-6
    }

    #[test]
    fn erlang_c_has_its_known_values() {
        // For one core it is ρ, for two cores 2 ρ² / (1 + ρ).
        assert!(near(erlang_c(1, 0.7), 0.7));
        assert!(near(erlang_c(2, 1.0), 1.0 / 3.0));
        assert!(near(erlang_c(2, 1.6), 2.0 * 0.64 / 1.8));
        // Ten cores, of which eight are busy on average.
        assert!((erlang_c(10, 8.0) - 0.4092).abs() < 1e-4);
        assert_eq!((erlang_c(2, 0.0), erlang_c(2, 2.0), erlang_c(2, 3.0)), (0.0, 1.0, 1.0));
    }

    #[test]
    fn means_have_their_known_values() {
        let two = Station { cores: 2, service: 0.1, squared_variation: 0.0 };
        assert!(near(two.capacity(), 20.0));
        assert!(near(two.mean_of_one_fast_core(10.0), 0.1));
        // S / (1 − ρ²), of which half of the wait is left if service times are constant.
        assert!(near(two.mean_of_exponential(10.0), 0.1 / 0.75));
        assert!(near(two.mean_of_general(10.0), 0.1 + (0.1 / 0.75 - 0.1) / 2.0));
        let exponential = Station { squared_variation: 1.0, ..two };
        assert!(near(exponential.mean_of_general(10.0), exponential.mean_of_exponential(10.0)));
        // Pollaczek and Khinchine: S + ρ S (1 + cv²) / 2 (1 − ρ)
        let one = Station { cores: 1, service: 0.1, squared_variation: 0.5 };
        assert!(near(one.mean_of_general(8.0), 0.1 + 0.8 * 0.1 * 1.5 / 0.4));
    }

    #[test]
    fn quantiles_have_their_known_values() {
        let one = Station { cores: 1, service: 0.1, squared_variation: 1.0 };
        for rate in [0.1, 5.0, 9.8] {
            let exact = 100_f64.ln() / (10.0 - rate);
            assert!(near(one.quantile_of_one_fast_core(rate, 0.99), exact));
            assert!(near(one.quantile_of_exponential(rate, 0.99), exact));
        }
        // Without a queue, only the service time is left.
        let two = Station { cores: 2, ..one };
        assert!(
            (two.quantile_of_exponential(1e-6, 0.99) / (0.1 * 100_f64.ln()) - 1.0).abs() < 1e-4
        );
        // Both exponents are the same if one core's worth of capacity is free.
        let [below, at, above] =
            [9.9, 10.0, 10.1].map(|rate| two.quantile_of_exponential(rate, 0.99));
        assert!(below < at && at < above && above / below < 1.02);
    }

    #[test]
    fn a_station_without_free_capacity_has_no_mean() {
        let two = Station { cores: 2, service: 0.1, squared_variation: 0.0 };
        for rate in [20.0, 30.0] {
            let means = [two.mean_of_one_fast_core(rate), two.mean_of_exponential(rate)];
            assert_eq!([means[0], means[1], two.mean_of_general(rate)], [f64::INFINITY; 3]);
            assert_eq!(two.quantile_of_exponential(rate, 0.99), f64::INFINITY);
        }
    }
}
