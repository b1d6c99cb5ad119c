//! The measures.

use serde_json::Value;

use super::values::Selected;
use crate::agreement::{Agreement, Measure};

/// Longest list whose order is compared: each value with each other.
const LONGEST_ORDER: usize = 4096;

/// Answers compared so far.
pub(super) struct Tally {
    measure: Measure,
    texts: usize,
    values: usize,
    /// Equal values, sum of cosines, or pairs in the same order.
    agreed: f64,
    largest_difference: Option<f64>,
}

impl Tally {
    pub(super) fn new(measure: Measure) -> Self {
        Self { measure, texts: 0, values: 0, agreed: 0.0, largest_difference: None }
    }

    /// Adds what was selected in two answers to the same request.
    ///
    /// # Errors
    /// Why they cannot be compared.
    pub(super) fn add(
        &mut self,
        expected: &[Selected<'_>],
        found: &[Selected<'_>],
    ) -> Result<(), String> {
        same_count(expected.len(), found.len())?;
        self.texts += 1;
        match self.measure {
            Measure::Equal => self.add_equal(expected, found),
            Measure::Order => self.add_order(expected, found)?,
            Measure::Cosine | Measure::Difference => {
                let (expected, found) = (numbers(expected)?, numbers(found)?);
                same_count(expected.len(), found.len())?;
                self.add_numbers(&expected, &found);
            }
        }
        Ok(())
    }

    fn add_numbers(&mut self, expected: &[f64], found: &[f64]) {
        self.values += expected.len();
        for (one, two) in expected.iter().zip(found) {
            self.differ(*one, *two);
        }
        if self.measure == Measure::Cosine {
            self.agreed += cosine(expected, found);
        }
    }

    /// Takes two rankings of the same values.
    fn add_order(
        &mut self,
        expected: &[Selected<'_>],
        found: &[Selected<'_>],
    ) -> Result<(), String> {
        if expected.len() > LONGEST_ORDER {
            let count = expected.len();
            return Err(format!("a ranking of {count} values, more than {LONGEST_ORDER}"));
        }
        let mut ranks = Vec::with_capacity(expected.len());
        for one in expected {
            let rank = found.iter().position(|two| two.value == one.value);
            let rank = rank.ok_or("the answers rank different values")?;
            self.differ_beside(one.parent, found[rank].parent);
            ranks.push(rank);
        }
        for (place, rank) in ranks.iter().enumerate() {
            for before in &ranks[..place] {
                if before == rank {
                    return Err("a value comes twice in a ranking".to_owned());
                }
                self.values += 1;
                self.agreed += f64::from(u8::from(before < rank));
            }
        }
        Ok(())
    }

    fn add_equal(&mut self, expected: &[Selected<'_>], found: &[Selected<'_>]) {
        for (one, two) in expected.iter().zip(found) {
            self.values += 1;
            if one.value == two.value {
                self.agreed += 1.0;
                self.differ_beside(one.parent, two.parent);
            }
        }
    }

    /// Takes the numbers with a fraction that are beside equal values, such as their scores.
    fn differ_beside(&mut self, expected: Option<&Value>, found: Option<&Value>) {
        let (Some(Value::Object(expected)), Some(Value::Object(found))) = (expected, found) else {
            return;
        };
        let fraction = |value: &Value| if value.is_f64() { value.as_f64() } else { None };
        for (name, one) in expected {
            let both = fraction(one).zip(found.get(name).and_then(fraction));
            if let Some((one, two)) = both {
                self.differ(one, two);
            }
        }
    }

    fn differ(&mut self, one: f64, two: f64) {
        let difference = (one - two).abs().min(f64::MAX);
        self.largest_difference =
            Some(self.largest_difference.map_or(difference, |largest| largest.max(difference)));
    }

    pub(super) fn agreement(&self) -> Agreement {
        let Self { measure, texts, values, agreed, largest_difference } = *self;
        let share = match measure {
            Measure::Equal | Measure::Order => agreed / values as f64,
            Measure::Cosine => agreed / texts as f64,
            Measure::Difference => 1.0 - largest_difference.unwrap_or(1.0),
        };
        // Nothing compared is nothing shown.
        let share = if values == 0 { 0.0 } else { share.clamp(0.0, 1.0) };
        Agreement { measure, texts, values, share, largest_difference }
    }
}

fn same_count(expected: usize, found: usize) -> Result<(), String> {
    match expected == found {
        true => Ok(()),
        false => Err(format!("{expected} values beside {found}")),
    }
}

/// All numbers in what was selected, in their order.
fn numbers(selected: &[Selected<'_>]) -> Result<Vec<f64>, String> {
    let mut numbers = Vec::new();
    selected.iter().try_for_each(|selected| flatten(selected.value, &mut numbers))?;
    Ok(numbers)
}

fn flatten(value: &Value, numbers: &mut Vec<f64>) -> Result<(), String> {
    match value {
        Value::Number(number) => numbers.extend(number.as_f64()),
        Value::Array(values) => values.iter().try_for_each(|value| flatten(value, numbers))?,
        Value::Object(fields) => fields.values().try_for_each(|value| flatten(value, numbers))?,
        _ => return Err("the answer has something else where numbers are compared".to_owned()),
    }
    Ok(())
}

/// The cosine of two vectors of the same length, at least 0; 1 where both are zero.
fn cosine(one: &[f64], two: &[f64]) -> f64 {
    // Scaled, so that no square overflows.
    let largest = |vector: &[f64]| vector.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let (scale_one, scale_two) = (largest(one), largest(two));
    if scale_one == 0.0 || scale_two == 0.0 {
        return if scale_one == scale_two { 1.0 } else { 0.0 };
    }
    let (mut dot, mut square_one, mut square_two) = (0.0, 0.0, 0.0);
    for (x, y) in one.iter().zip(two) {
        let (x, y) = (x / scale_one, y / scale_two);
        dot += x * y;
        square_one += x * x;
        square_two += y * y;
    }
    (dot / (square_one.sqrt() * square_two.sqrt())).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Values;
    use super::*;

    fn tally(measure: Measure, path: &str, answers: &[[Value; 2]]) -> Result<Agreement, String> {
        let values = Values::parse(path)?;
        let mut tally = Tally::new(measure);
        for [expected, found] in answers {
            tally.add(&values.select(expected)?, &values.select(found)?)?;
        }
        Ok(tally.agreement())
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn equal_is_the_share_of_equal_values_with_the_scores_of_those() {
        let token = |label: &str, score: f64| json!({ "label": label, "score": score, "n": 1 });
        let answers = [
            [json!([token("A", 0.5), token("B", 0.9)]), json!([token("A", 0.25), token("C", 0.0)])],
            [json!([token("A", 0.5)]), json!([token("A", 0.5)])],
            [json!([]), json!([])],
        ];
        let found = tally(Measure::Equal, "/*/label", &answers).unwrap();
        assert_eq!((found.texts, found.values), (3, 3));
        near(found.share, 2.0 / 3.0);
        assert_eq!(found.largest_difference, Some(0.25), "not that of different labels");
        let plain = tally(Measure::Equal, "/*", &[[json!([1, "a"]), json!([1, "b"])]]).unwrap();
        assert_eq!((plain.share, plain.largest_difference), (0.5, None));
    }

    #[test]
    fn cosine_is_the_mean_over_the_answers_as_vectors() {
        let answers = [
            [json!([[1.0, 0.0], [0.0, 1.0]]), json!([[2.0, 0.0], [0.0, 2.0]])],
            [json!([3, 4]), json!([4, 3])],
            [json!([0.0, 0.0]), json!([0.0, 0.0])],
        ];
        let found = tally(Measure::Cosine, "", &answers).unwrap();
        assert_eq!((found.texts, found.values), (3, 8));
        near(found.share, (1.0 + 24.0 / 25.0 + 1.0) / 3.0);
        assert_eq!(found.largest_difference, Some(1.0));
        for (one, two) in [(json!([1.0]), json!([0.0])), (json!([1.0]), json!([-1.0]))] {
            assert_eq!(tally(Measure::Cosine, "", &[[one, two]]).unwrap().share, 0.0);
        }
        let huge = [[json!([1e300, 1e300]), json!([1e300, 1e300])]];
        near(tally(Measure::Cosine, "", &huge).unwrap().share, 1.0);
    }

    #[test]
    fn order_is_the_share_of_pairs_that_are_ranked_alike() {
        let ranked = |items: [(&str, f64); 4]| {
            json!(items.map(|(item, score)| json!({ "item": item, "score": score })))
        };
        let expected = ranked([("a", 0.9), ("b", 0.5), ("c", 0.25), ("d", 0.1)]);
        let found = ranked([("a", 0.9), ("d", 0.5), ("b", 0.375), ("c", 0.25)]);
        let answers = [[expected.clone(), found], [expected.clone(), expected]];
        let found = tally(Measure::Order, "/*/item", &answers).unwrap();
        // The last of the first answer has overtaken two.
        assert_eq!((found.texts, found.values), (2, 12));
        near(found.share, 10.0 / 12.0);
        assert_eq!(found.largest_difference, Some(0.4), "between the scores of the same item");
        let numbers = [[json!([3, 1, 2]), json!([2, 1, 3])]];
        assert_eq!(tally(Measure::Order, "/*", &numbers).unwrap().share, 0.0);
    }

    #[test]
    fn what_is_no_ranking_of_the_same_values_is_refused() {
        let refused =
            |one: Value, two: Value| tally(Measure::Order, "/*", &[[one, two]]).unwrap_err();
        assert_eq!(refused(json!([1, 2]), json!([1, 3])), "the answers rank different values");
        assert_eq!(refused(json!([1, 1]), json!([1, 1])), "a value comes twice in a ranking");
        let many = json!((0..=LONGEST_ORDER).collect::<Vec<_>>());
        assert!(refused(many.clone(), many).contains("4097 values"));
    }

    #[test]
    fn difference_is_what_the_largest_one_leaves_of_1() {
        let answers = [
            [json!({ "a": [1.0, 2.0] }), json!({ "a": [1.0, 2.125] })],
            [json!({ "a": [5] }), json!({ "a": [5.25] })],
        ];
        let found = tally(Measure::Difference, "/a", &answers).unwrap();
        assert_eq!((found.texts, found.values, found.share), (2, 3, 0.75));
        assert_eq!(found.largest_difference, Some(0.25));
        let far = tally(Measure::Difference, "", &[[json!([0.0]), json!([7.0])]]).unwrap();
        assert_eq!(far.share, 0.0);
        let farthest = tally(Measure::Difference, "", &[[json!([1e308]), json!([-1e308])]]);
        assert_eq!(farthest.unwrap().largest_difference, Some(f64::MAX));
    }

    #[test]
    fn answers_of_another_shape_are_refused() {
        for measure in [Measure::Equal, Measure::Cosine, Measure::Order, Measure::Difference] {
            let refused = tally(measure, "/*", &[[json!([1, 2]), json!([1])]]).unwrap_err();
            assert_eq!(refused, "2 values beside 1");
        }
        for measure in [Measure::Cosine, Measure::Difference] {
            let longer = tally(measure, "", &[[json!([1, 2]), json!([1])]]).unwrap_err();
            assert_eq!(longer, "2 values beside 1");
            let text = tally(measure, "", &[[json!([1]), json!(["1"])]]).unwrap_err();
            assert!(text.contains("something else where numbers are compared"), "{text}");
        }
    }

    #[test]
    fn without_anything_to_compare_nothing_agrees() {
        for measure in [Measure::Equal, Measure::Cosine, Measure::Order, Measure::Difference] {
            assert_eq!(tally(measure, "", &[]).unwrap().share, 0.0);
            assert_eq!(tally(measure, "/*", &[[json!([]), json!([])]]).unwrap().share, 0.0);
        }
    }
}
