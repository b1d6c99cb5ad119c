//! Programs that are measured in alternating rounds.

use serde_json::Value;

use crate::compare::report;

/// A program, and what measures it once.
pub(super) struct Source<'a> {
    pub(super) name: &'static str,
    pub(super) measure: Box<dyn Fn() -> anyhow::Result<f64> + 'a>,
}

/// The results of a program, one for each round.
pub(super) struct Series {
    pub(super) name: &'static str,
    values: Vec<f64>,
}

/// Measures each program once in every round. Every second round has the opposite order.
pub(super) fn alternate<const N: usize>(
    rounds: usize,
    sources: [Source<'_>; N],
) -> anyhow::Result<[Series; N]> {
    let mut measured =
        sources.map(|Source { name, measure }| (Series { name, values: Vec::new() }, measure));
    for round in 0..rounds {
        for turn in 0..N {
            let index = if round % 2 == 0 { turn } else { N - 1 - turn };
            let (series, measure) = &mut measured[index];
            series.values.push(measure()?);
        }
    }
    Ok(measured.map(|(series, _)| series))
}

impl Series {
    pub(super) fn of(name: &'static str, values: Vec<f64>) -> Self {
        Self { name, values }
    }

    /// A value of each round of a target in a report of `pilotlight bench`.
    pub(super) fn of_rounds(
        name: &'static str,
        target: &Value,
        value: impl Fn(&Value) -> f64,
    ) -> Self {
        let rounds = target["rounds"].as_array().map_or(&[][..], Vec::as_slice);
        Self { name, values: rounds.iter().map(value).collect() }
    }

    /// The results relative to those of `base`, for each round.
    pub(super) fn over(&self, base: &Self) -> Vec<f64> {
        self.values.iter().zip(&base.values).map(|(value, base)| value / base).collect()
    }

    pub(super) fn median(&self) -> f64 {
        report::median(&self.values)
    }

    /// All results, the median, and the range relative to the median.
    pub(super) fn cells(&self, shown: fn(f64) -> String) -> [String; 4] {
        let median = self.median();
        let extreme = |pick: fn(f64, f64) -> f64| self.values.iter().copied().reduce(pick);
        let spread = match (extreme(f64::min), extreme(f64::max)) {
            (Some(least), Some(most)) => format!("{:.0} %", (most - least) / median * 100.0),
            _ => String::new(),
        };
        let all: Vec<String> = self.values.iter().map(|value| shown(*value)).collect();
        [self.name.to_owned(), shown(median), spread, all.join(", ")]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn every_second_round_has_the_opposite_order() {
        let order = RefCell::new(String::new());
        let source = |name: &'static str, value| {
            let order = &order;
            let measure = move || {
                order.borrow_mut().push_str(name);
                Ok(value)
            };
            Source { name, measure: Box::new(measure) }
        };
        let [one, two] = alternate(3, [source("a", 1.0), source("b", 2.0)]).unwrap();
        assert_eq!(*order.borrow(), "abbaab");
        assert_eq!(two.over(&one), [2.0, 2.0, 2.0]);
    }

    #[test]
    fn cells_show_the_median_and_the_range() {
        let series = Series::of("a", vec![9.0, 10.0, 12.0]);
        let cells = series.cells(|value| value.to_string());
        assert_eq!(cells, ["a", "10", "30 %", "9, 10, 12"]);
    }
}
