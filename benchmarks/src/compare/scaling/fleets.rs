use super::costs::Costs;
use super::node::Measured;
use super::published::{Published, published};
use crate::compare::runner::Runner;
use crate::fleet::{Load, Outcome, Scaling, Scenario, Times, simulate};

/// Nodes of the simulated fleets.
const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];
/// The largest fleet that is simulated for a whole day.
const LARGEST_DAY: usize = 1_000;
/// Busy cores and requests in queues per core that the autoscaler aims at; Knative's default, 70 %.
pub(super) const TARGET: f64 = 0.7;
/// The load of all nodes together at the peak, as a share of their capacity. The queues need the rest of the
/// target.
pub(super) const PEAK: f64 = 0.65;
/// Seconds between decisions, as Knative's autoscaler makes them.
pub(super) const INTERVAL: f64 = 2.0;
/// Seconds for which fewer nodes have to be enough, except in the compressed day; Knative's stable window.
pub(super) const STABILIZATION: f64 = 60.0;
/// The same in the compressed day.
pub(super) const DAY_STABILIZATION: f64 = 20.0;
/// The length of the compressed day in seconds.
pub(super) const DAY: f64 = 240.0;
/// The ratio of the highest to the lowest rate of a day.
pub(super) const DAY_RATIO: f64 = 10.0;
/// The ratio of the rate in a burst to the rate before it.
pub(super) const BURST_RATIO: f64 = 4.0;
/// The beginning and the end of a burst, and of the simulation, in seconds.
pub(super) const BURST: [f64; 3] = [5.0, 25.0, 30.0];
/// The length of the load on an empty fleet in seconds.
pub(super) const FROM_ZERO: f64 = 20.0;
/// Seconds between two requests to the function that is seldom called, on average.
pub(super) const SELDOM: f64 = 120.0;
/// Seconds after which a client gives up.
pub(super) const TIMEOUT: f64 = 30.0;
/// A response is slow if it takes longer than this many service times.
pub(super) const SLOW: f64 = 10.0;

/// How a node starts.
pub(super) struct Start {
    pub(super) name: &'static str,
    pub(super) times: Times,
    /// Where published times come from; measured ones have none.
    pub(super) source: Option<&'static str>,
}

/// A fleet of constant size under constant load.
pub(super) struct Fixed {
    pub(super) nodes: usize,
    pub(super) utilization: f64,
    pub(super) rate: f64,
    pub(super) outcome: Outcome,
}

/// A fleet that follows its load.
pub(super) struct Scaled {
    /// The nodes that the peak of the load needs.
    pub(super) nodes: usize,
    pub(super) start: &'static str,
    pub(super) outcome: Outcome,
}

/// All simulated fleets.
pub(super) struct Fleets {
    pub(super) starts: Vec<Start>,
    pub(super) fixed: Vec<Fixed>,
    pub(super) from_zero: Vec<Scaled>,
    pub(super) bursts: Vec<Scaled>,
    pub(super) days: Vec<Scaled>,
    pub(super) seldom: Vec<Scaled>,
}

pub(super) fn simulate_all(
    measured: &Measured,
    costs: &Costs,
    runner: &Runner,
) -> anyhow::Result<Fleets> {
    let sizes = if runner.is_quick() { &SIZES[..2] } else { &SIZES };
    let node =
        Node { cores: measured.cores, capacity: measured.capacity, service: measured.service() };
    let starts = starts(costs)?;
    let days: Vec<usize> = sizes.iter().copied().filter(|nodes| *nodes <= LARGEST_DAY).collect();
    let requests = if runner.is_quick() { 100.0 } else { 2_000.0 };
    let seldom = |_: usize| node.seldom(requests);
    Ok(Fleets {
        fixed: node.fixed(sizes, if runner.is_quick() { 2e4 } else { 2e6 })?,
        from_zero: scaled(sizes, &starts, |nodes| node.scenario(nodes))?,
        bursts: scaled(sizes, &starts, |nodes| node.burst(nodes))?,
        days: scaled(&days, &starts, |nodes| node.day(nodes))?,
        seldom: scaled(&[1], &starts, seldom)?,
        starts,
    })
}

fn starts(costs: &Costs) -> anyhow::Result<Vec<Start>> {
    let measured = [("warm cache", &costs.warm), ("empty cache", &costs.cold)];
    let measured = measured.map(|(name, times)| Start { name, times: times.clone(), source: None });
    let others = published()?.map(|Published { name, times, source }| {
        let source = Some(source);
        Start { name, times, source }
    });
    Ok(measured.into_iter().chain(others).collect())
}

/// Simulates a scenario for each number of nodes and each start; all starts of a size at the same time.
fn scaled(
    sizes: &[usize],
    starts: &[Start],
    scenario: impl Fn(usize) -> Scenario,
) -> anyhow::Result<Vec<Scaled>> {
    let mut results = Vec::new();
    for nodes in sizes {
        let scenarios =
            starts.iter().map(|start| Scenario { start: start.times.clone(), ..scenario(*nodes) });
        let scenarios: Vec<Scenario> = scenarios.collect();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                scenarios.iter().map(|scenario| scope.spawn(move || simulate(scenario))).collect();
            threads.into_iter().map(|thread| thread.join()).collect()
        });
        for (start, outcome) in starts.iter().zip(outcomes) {
            let outcome = outcome.map_err(|_| anyhow::anyhow!("a simulation panicked"))??;
            results.push(Scaled { nodes: *nodes, start: start.name, outcome });
        }
    }
    Ok(results)
}

/// A node as it was measured.
struct Node {
    cores: usize,
    /// Requests per second.
    capacity: f64,
    service: Times,
}

impl Node {
    /// The rate that keeps this many nodes busy at the peak.
    fn peak(&self, nodes: usize) -> f64 {
        PEAK * self.capacity * nodes as f64
    }

    /// The load of the peak on an empty fleet, which can have a fifth more nodes than it needs.
    fn scenario(&self, nodes: usize) -> Scenario {
        let most = nodes + nodes.div_ceil(5);
        let scaling = Scaling {
            interval: INTERVAL,
            target: TARGET,
            least: 0,
            most,
            stabilization: STABILIZATION,
        };
        Scenario {
            seed: 1,
            load: Load::Constant(self.peak(nodes)),
            seconds: FROM_ZERO,
            warm_up: 0.0,
            cores: self.cores,
            service: self.service.clone(),
            nodes: 0,
            // What a node computes in a second, the default of `--queue-deadline`.
            queue: self.capacity.ceil() as usize,
            timeout: TIMEOUT,
            start: Times::Constant(0.0),
            scaling: Some(scaling),
            slow: SLOW * self.service.mean(),
        }
    }

    fn fixed(&self, sizes: &[usize], requests: f64) -> anyhow::Result<Vec<Fixed>> {
        let service = self.service.mean();
        let mut results = Vec::new();
        for nodes in sizes.iter().copied() {
            for utilization in [PEAK, 0.8, 0.9, 0.95] {
                let rate = utilization * self.capacity * nodes as f64;
                let outcome = simulate(&Scenario {
                    load: Load::Constant(rate),
                    // A large fleet needs more requests until its queues are as long as they become.
                    seconds: (requests / rate).max(300.0 * service),
                    warm_up: 100.0 * service,
                    nodes,
                    scaling: None,
                    ..self.scenario(nodes)
                })?;
                results.push(Fixed { nodes, utilization, rate, outcome });
            }
        }
        Ok(results)
    }

    fn burst(&self, nodes: usize) -> Scenario {
        let [from, to, seconds] = BURST;
        let high = self.peak(nodes);
        let low = high / BURST_RATIO;
        let before = self.nodes_for(low);
        Scenario {
            load: Load::Burst { low, high, from, to },
            seconds,
            nodes: before,
            ..self.scenario(nodes)
        }
    }

    fn day(&self, nodes: usize) -> Scenario {
        let high = self.peak(nodes);
        let low = high / DAY_RATIO;
        let load = Load::Diurnal { low, high, period: DAY };
        let scenario = self.scenario(nodes);
        let least = 1;
        let scaling = scenario.scaling;
        let scaling =
            scaling.map(|scaling| Scaling { least, stabilization: DAY_STABILIZATION, ..scaling });
        Scenario { load, seconds: DAY, nodes: self.nodes_for(low), scaling, ..scenario }
    }

    fn seldom(&self, requests: f64) -> Scenario {
        let scenario = self.scenario(1);
        let scaling = scenario.scaling.map(|scaling| Scaling { most: 1, ..scaling });
        let load = Load::Constant(1.0 / SELDOM);
        Scenario { load, seconds: requests * SELDOM, scaling, ..scenario }
    }

    /// Nodes with a share of [`PEAK`] of their capacity used.
    fn nodes_for(&self, rate: f64) -> usize {
        (rate / self.peak(1)).ceil() as usize
    }
}
