use std::collections::VecDeque;

use anyhow::ensure;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::autoscaler::Autoscaler;
use super::events::{Events, Kind};
use super::load::Arrivals;
use super::nodes::Nodes;
use super::{Latencies, Outcome, Scenario};

/// Simulates a scenario until all requests have been answered or lost.
///
/// # Errors
/// If a figure of the scenario is impossible.
pub(crate) fn simulate(scenario: &Scenario) -> anyhow::Result<Outcome> {
    check(scenario)?;
    let mut simulation = Simulation::new(scenario)?;
    simulation.expect_request();
    if let Some(autoscaler) = &simulation.autoscaler {
        simulation.events.push(autoscaler.scaling().interval, Kind::Decision);
    }
    while let Some((now, kind)) = simulation.events.pop() {
        simulation.handle(now, kind);
    }
    Ok(simulation.finish())
}

fn check(scenario: &Scenario) -> anyhow::Result<()> {
    let Scenario { load, seconds, cores, nodes, scaling, .. } = scenario;
    let peak = load.peak();
    ensure!(peak.is_finite() && peak > 0.0, "the load {load:?} needs a rate above zero");
    ensure!(seconds.is_finite() && *seconds > 0.0, "{seconds} s is not the length of a simulation");
    ensure!(*cores > 0, "a node needs at least one core");
    match scaling {
        None => ensure!(*nodes > 0, "a fleet without nodes needs an autoscaler"),
        Some(scaling) => {
            let is_possible = scaling.interval > 0.0 && scaling.target > 0.0;
            let has_nodes = scaling.most > 0 && scaling.least <= scaling.most;
            ensure!(is_possible && has_nodes, "the autoscaler cannot follow {scaling:?}");
        }
    }
    Ok(())
}

struct Simulation<'a> {
    scenario: &'a Scenario,
    events: Events,
    arrivals: Arrivals,
    random: SmallRng,
    nodes: Nodes,
    autoscaler: Option<Autoscaler>,
    /// Arrival times of requests that wait at the balancer for a node.
    waiting: VecDeque<f64>,
    /// Requests in the fleet and at the balancer.
    in_flight: u64,
    outcome: Outcome,
}

impl<'a> Simulation<'a> {
    fn new(scenario: &'a Scenario) -> anyhow::Result<Self> {
        let outcome = Outcome {
            requests: 0,
            answered: 0,
            lost: 0,
            waited: 0,
            longest_wait: 0.0,
            latencies: Latencies::new()?,
            slow_until: 0.0,
            node_seconds: 0.0,
            starts: 0,
            most_nodes: 0,
            seconds: scenario.seconds,
        };
        Ok(Self {
            scenario,
            events: Events::default(),
            arrivals: scenario.load.arrivals(scenario.seconds, scenario.seed),
            // A stream of its own, so that two fleets with the same load get the same requests.
            random: SmallRng::seed_from_u64(!scenario.seed),
            nodes: Nodes::ready(scenario.nodes),
            autoscaler: scenario.scaling.map(Autoscaler::new),
            waiting: VecDeque::new(),
            in_flight: 0,
            outcome,
        })
    }

    fn handle(&mut self, now: f64, kind: Kind) {
        match kind {
            Kind::Arrival => self.arrive(now),
            Kind::Answer { node, arrived } => self.answer(node, arrived, now),
            Kind::Ready { node } => {
                self.nodes.set_ready(node);
                self.serve_next(node, now);
            }
            Kind::Decision => self.decide(now),
        }
    }

    fn expect_request(&mut self) {
        if let Some(at) = self.arrivals.next() {
            self.events.push(at, Kind::Arrival);
        }
    }

    fn arrive(&mut self, now: f64) {
        self.expect_request();
        self.outcome.requests += 1;
        let node = self.nodes.choose(&mut self.random).filter(|_| self.waiting.is_empty());
        let Some(node) = node else { return self.wait(now) };
        if *self.nodes.busy(node) < self.scenario.cores {
            self.enter(now);
            self.serve(node, now, now);
        } else if self.nodes.queue(node).len() < self.scenario.queue {
            self.enter(now);
            self.nodes.queue(node).push_back(now);
        } else {
            self.lose(now);
        }
    }

    /// A request waits at the balancer. As long as no node is ready, each such request lets the autoscaler
    /// decide, as Knative's activator does.
    fn wait(&mut self, now: f64) {
        self.enter(now);
        self.waiting.push_back(now);
        self.outcome.waited += 1;
        if self.nodes.has_ready() {
            return;
        }
        if let Some(autoscaler) = &self.autoscaler {
            let requests = self.in_flight as f64;
            let wanted = autoscaler.scaling().nodes_for(requests, self.scenario.cores);
            self.start_up_to(wanted, now);
        }
    }

    fn answer(&mut self, node: usize, arrived: f64, now: f64) {
        *self.nodes.busy(node) -= 1;
        self.leave(now);
        self.outcome.answered += 1;
        self.outcome.seconds = self.outcome.seconds.max(now);
        let response = now - arrived;
        if arrived >= self.scenario.warm_up {
            self.outcome.latencies.record(response);
        }
        if response > self.scenario.slow {
            self.outcome.slow_until = self.outcome.slow_until.max(arrived);
        }
        self.serve_next(node, now);
        self.nodes.stop_if_drained(node, now);
    }

    /// Gives requests that wait to the free cores of a node.
    fn serve_next(&mut self, node: usize, now: f64) {
        while *self.nodes.busy(node) < self.scenario.cores {
            let queued = self.nodes.queue(node).pop_front();
            let arrived = match queued {
                Some(arrived) => arrived,
                None if self.nodes.is_ready(node) => match self.waiting.pop_front() {
                    Some(arrived) => {
                        let wait = (now - arrived).min(self.scenario.timeout);
                        self.outcome.longest_wait = self.outcome.longest_wait.max(wait);
                        arrived
                    }
                    None => return,
                },
                None => return,
            };
            if now - arrived > self.scenario.timeout {
                self.leave(now);
                self.lose(arrived);
            } else {
                self.serve(node, arrived, now);
            }
        }
    }

    fn serve(&mut self, node: usize, arrived: f64, now: f64) {
        *self.nodes.busy(node) += 1;
        let end = now + self.scenario.service.sample(&mut self.random);
        self.events.push(end, Kind::Answer { node, arrived });
    }

    fn lose(&mut self, arrived: f64) {
        self.outcome.lost += 1;
        self.outcome.slow_until = self.outcome.slow_until.max(arrived);
    }

    fn enter(&mut self, now: f64) {
        self.count(now);
        self.in_flight += 1;
    }

    fn leave(&mut self, now: f64) {
        self.count(now);
        self.in_flight -= 1;
    }

    fn count(&mut self, now: f64) {
        if let Some(autoscaler) = &mut self.autoscaler {
            autoscaler.count(self.in_flight, now);
        }
    }

    fn decide(&mut self, now: f64) {
        self.count(now);
        let Some(autoscaler) = &mut self.autoscaler else { return };
        let interval = autoscaler.scaling().interval;
        // A request that is in the fleet needs a node, however short it has been there.
        let wanted = autoscaler.decide(now, self.scenario.cores);
        let wanted = wanted.max(usize::from(self.in_flight > 0));
        self.start_up_to(wanted, now);
        while self.nodes.count() > wanted && self.nodes.has_ready() {
            self.nodes.stop_one(now);
        }
        if now + interval < self.scenario.seconds || self.in_flight > 0 {
            self.events.push(now + interval, Kind::Decision);
        }
    }

    fn start_up_to(&mut self, wanted: usize, now: f64) {
        while self.nodes.count() < wanted {
            let node = self.nodes.start(now);
            let ready = now + self.scenario.start.sample(&mut self.random);
            self.events.push(ready, Kind::Ready { node });
        }
    }

    fn finish(self) -> Outcome {
        let end = self.outcome.seconds;
        Outcome {
            node_seconds: self.nodes.node_seconds(end),
            starts: self.nodes.starts(),
            most_nodes: self.nodes.most(),
            ..self.outcome
        }
    }
}
