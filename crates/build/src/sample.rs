//! The sample of a function: a request and its answer, to try a version out with before it serves.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Decimals that are kept of numbers: processors that round differently agree to more.
const DECIMALS: f64 = 1e4;
/// A list of more numbers is a [`Vector`].
const LONGEST_LIST: usize = 64;
/// Numbers that are kept of a vector.
const KEPT: usize = 64;
/// Smallest cosine of the numbers that were kept of a vector and those found in their places.
const LEAST_COSINE: f64 = 0.99;
/// Largest difference between the lengths of two vectors, relative to the longer one.
const LENGTH_TOLERANCE: f64 = 0.05;
/// Largest answer, as JSON without vectors, in bytes: the component carries it.
const LONGEST_ANSWER: usize = 64 << 10;

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The path that it is posted to.
    pub path: String,
    /// The JSON that is posted.
    pub request: Value,
    /// The JSON that is answered. Numbers with a fraction are rounded to four decimals; instead of
    /// a list of more than 64 numbers, or a list of such lists, there is its shape
    /// (`{"shape": [7, 384]}`).
    pub answer: Value,
    /// What is kept of these lists, in the order of the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vectors: Vec<Vector>,
}

/// What is kept of a long list of numbers, so that the component does not carry all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vector {
    /// Euclidean length.
    pub length: f64,
    /// Places of the 64 numbers of the largest magnitude, in their order.
    pub places: Vec<usize>,
    /// These numbers.
    pub values: Vec<f64>,
}

/// An answer whose long lists of numbers are set apart.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleAnswer {
    /// The answer, with shapes instead of the lists.
    pub answer: Value,
    /// The lists.
    pub vectors: Vec<Vec<f64>>,
}

impl Sample {
    /// What is kept of `answer` to `request`.
    ///
    /// # Errors
    /// The size of an answer that is too long.
    pub fn new(path: String, request: Value, answer: Value) -> Result<Self, String> {
        let SampleAnswer { answer, vectors } = SampleAnswer::of(answer);
        let bytes = answer.to_string().len();
        if bytes > LONGEST_ANSWER {
            return Err(format!("its answer has {bytes} bytes, more than {LONGEST_ANSWER}"));
        }
        let vectors = vectors.iter().map(|vector| Vector::of(vector)).collect();
        Ok(Self { path, request, answer: rounded(answer), vectors })
    }

    /// Compares the long lists of numbers of another answer, whose shapes have been found equal.
    ///
    /// # Errors
    /// What differs.
    pub fn compare_vectors(&self, found: &[Vec<f64>]) -> Result<(), String> {
        if self.vectors.len() != found.len() {
            return Err(format!("{} vectors instead of {}", found.len(), self.vectors.len()));
        }
        self.vectors.iter().zip(found).try_for_each(|(vector, found)| vector.compare(found))
    }
}

impl SampleAnswer {
    /// Sets the long lists of numbers apart.
    pub fn of(answer: Value) -> Self {
        let mut vectors = Vec::new();
        Self { answer: set_apart(answer, &mut vectors), vectors }
    }
}

fn set_apart(value: Value, vectors: &mut Vec<Vec<f64>>) -> Value {
    if let Some(shape) = shape(&value)
        && shape.iter().product::<usize>() > LONGEST_LIST
    {
        let mut numbers = Vec::new();
        flatten(&value, &mut numbers);
        vectors.push(numbers);
        return json!({ "shape": shape });
    }
    match value {
        Value::Array(values) => values.into_iter().map(|value| set_apart(value, vectors)).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            fields.map(|(name, value)| (name, set_apart(value, vectors))).collect()
        }
        other => other,
    }
}

/// The shape of a number, and of a list of values of one shape. Tensors have booleans, too, and null
/// for what is no number in JSON.
fn shape(value: &Value) -> Option<Vec<usize>> {
    match value {
        Value::Number(_) | Value::Bool(_) | Value::Null => Some(Vec::new()),
        Value::Array(values) => {
            let (first, others) = values.split_first()?;
            let mut inner = shape(first)?;
            if !others.iter().all(|other| shape(other).as_ref() == Some(&inner)) {
                return None;
            }
            inner.insert(0, values.len());
            Some(inner)
        }
        _ => None,
    }
}

fn flatten(value: &Value, numbers: &mut Vec<f64>) {
    match value {
        Value::Number(number) => numbers.extend(number.as_f64()),
        Value::Array(values) => values.iter().for_each(|value| flatten(value, numbers)),
        other => numbers.push(f64::from(u8::from(other == &Value::Bool(true)))),
    }
}

fn rounded(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(rounded).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, rounded(value))).collect()
        }
        Value::Number(number) if number.is_f64() => {
            number.as_f64().map_or(Value::Null, |x| json!((x * DECIMALS).round() / DECIMALS))
        }
        other => other,
    }
}

impl Vector {
    fn of(numbers: &[f64]) -> Self {
        let mut places: Vec<usize> = (0..numbers.len()).collect();
        // The order of equal ones stays.
        places.sort_by(|one, two| numbers[*two].abs().total_cmp(&numbers[*one].abs()));
        places.truncate(KEPT);
        places.sort_unstable();
        let values = places.iter().map(|place| significant(numbers[*place])).collect();
        Self { length: significant(length(numbers)), places, values }
    }

    fn compare(&self, found: &[f64]) -> Result<(), String> {
        let there = self.places.iter().map(|place| found.get(*place).copied());
        let there = there.collect::<Option<Vec<f64>>>().ok_or("a vector has too few numbers")?;
        let cosine = cosine(&self.values, &there);
        if cosine < LEAST_COSINE {
            return Err(format!("the cosine of a vector is {cosine:.4}, below {LEAST_COSINE}"));
        }
        let (expected, found) = (self.length, length(found));
        if (expected - found).abs() > LENGTH_TOLERANCE * expected.max(found) {
            return Err(format!("a vector has length {found:.4} instead of {expected:.4}"));
        }
        Ok(())
    }
}

/// Four digits behind the first one.
fn significant(number: f64) -> f64 {
    format!("{number:.4e}").parse().unwrap_or(number)
}

fn length(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt().min(f64::MAX)
}

fn cosine(one: &[f64], two: &[f64]) -> f64 {
    let lengths = (length(one), length(two));
    if lengths == (0.0, 0.0) {
        return 1.0;
    }
    let dot: f64 = one.iter().zip(two).map(|(x, y)| x * y).sum();
    let cosine = dot / (lengths.0 * lengths.1);
    // One of them is zero, or too long to tell.
    if cosine.is_finite() { cosine } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(answer: Value) -> Sample {
        Sample::new("/".into(), json!({}), answer).unwrap()
    }

    fn compared(sample: &Sample, answer: Value) -> Result<(), String> {
        let SampleAnswer { answer, vectors } = SampleAnswer::of(answer);
        assert_eq!(rounded(answer), sample.answer);
        sample.compare_vectors(&vectors)
    }

    fn wave(count: usize, shift: f64) -> Vec<f64> {
        (0..count).map(|x| (x as f64 * 0.7 + shift).sin()).collect()
    }

    #[test]
    fn short_answers_are_kept_as_they_are_but_for_rounding() {
        let kept = sample(json!([{ "label": "A", "score": 0.123_456, "start": 3 }]));
        assert_eq!(kept.answer, json!([{ "label": "A", "score": 0.1235, "start": 3 }]));
        assert_eq!(kept.vectors, []);
        let list = json!(wave(LONGEST_LIST, 0.0));
        assert_eq!(sample(list.clone()).answer, rounded(list));
    }

    #[test]
    fn of_a_matrix_the_component_carries_the_shape_and_the_largest_numbers() {
        let rows: Vec<Vec<f64>> = (0..50).map(|row| wave(384, f64::from(row))).collect();
        let kept = sample(json!({ "vectors": rows, "tokens": 50 }));
        assert_eq!(kept.answer, json!({ "vectors": { "shape": [50, 384] }, "tokens": 50 }));
        assert_eq!((kept.vectors.len(), kept.vectors[0].values.len()), (1, KEPT));
        let bytes = serde_json::to_vec(&kept).unwrap().len();
        assert!(bytes < 2048, "{bytes} bytes");
    }

    #[test]
    fn rows_of_different_lengths_are_vectors_of_their_own() {
        let kept = sample(json!([wave(100, 0.0), wave(200, 0.0), [1, 2]]));
        assert_eq!(kept.answer, json!([{ "shape": [100] }, { "shape": [200] }, [1, 2]]));
        assert_eq!(kept.vectors.len(), 2);
    }

    #[test]
    fn tensors_of_booleans_and_of_what_is_no_number_are_vectors() {
        let kept = sample(json!([vec![true; 100], vec![Value::Null; 100], [true, null]]));
        assert_eq!(kept.answer, json!([{ "shape": [100] }, { "shape": [100] }, [true, null]]));
        assert_eq!((kept.vectors[0].length, kept.vectors[1].length), (10.0, 0.0));
    }

    #[test]
    fn noise_is_tolerated_and_another_vector_is_not() {
        let vector = wave(384, 0.0);
        let kept = sample(json!([vector]));
        let changed =
            |change: fn(f64) -> f64| json!([vector.iter().map(|x| change(*x)).collect::<Vec<_>>()]);
        assert_eq!(compared(&kept, changed(|x| x * 1.001 + 0.001)), Ok(()));
        let turned = compared(&kept, changed(|x| -x)).unwrap_err();
        assert!(turned.contains("cosine"), "{turned}");
        let longer = compared(&kept, changed(|x| x * 1.2)).unwrap_err();
        assert!(longer.contains("length"), "{longer}");
        let zero = compared(&kept, changed(|_| 0.0)).unwrap_err();
        assert!(zero.contains("cosine"), "{zero}");
        assert!(kept.compare_vectors(&[]).is_err());
        assert!(kept.compare_vectors(&[vec![1.0]]).is_err());
    }

    #[test]
    fn what_stands_out_of_a_long_list_is_kept() {
        let mut scores = vec![1e-7; 1000];
        scores[997] = 0.9;
        let kept = sample(json!(scores));
        scores[997] = 0.89;
        assert_eq!(compared(&kept, json!(scores)), Ok(()));
        scores.swap(997, 3);
        assert!(compared(&kept, json!(scores)).is_err());
    }

    #[test]
    fn an_answer_that_stays_long_is_refused() {
        let texts = vec!["text"; 20_000];
        let refused = Sample::new("/".into(), json!({}), json!(texts)).unwrap_err();
        assert!(refused.contains("more than 65536"), "{refused}");
    }

    proptest! {
        #[test]
        fn every_vector_equals_itself(numbers in prop::collection::vec(any::<f64>(), 65..200)) {
            let finite: Vec<f64> =
                numbers.into_iter().map(|x| if x.abs() < 1e100 { x } else { 0.5 }).collect();
            let vector = Vector::of(&finite);
            prop_assert_eq!(vector.compare(&finite), Ok(()));
        }
    }
}
