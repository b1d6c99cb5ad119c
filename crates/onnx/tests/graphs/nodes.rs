//! The backend tests of the ONNX project, of every operator that is lowered.
//!
//! `PILOTLIGHT_ONNX_NODE_TESTS` names their folder; `cargo xtask test` makes one. `nodes.txt` lists the tests that fail,
//! and why; a test in it that passes is a mistake. `nodes_counted.txt` says how many tests pass, and how many are not
//! run for which reason. Of each operator that is lowered a test has to pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use pilotlight_onnx::proto::{ModelProto, TensorProto, ValueInfoProto, type_proto};
use pilotlight_onnx::{OnnxError, Precision, decode, fuse, import, is_lowered};
use prost::Message as _;
use tract_core::internal::*;
use tract_core::plan::SimplePlan;

const FOLDER: &str = "PILOTLIGHT_ONNX_NODE_TESTS";
/// What ONNX's own runner tolerates.
const RELATIVE: f64 = 1e-3;
const ABSOLUTE: f64 = 1e-7;

/// How a test went.
enum Outcome {
    Passed,
    /// It has an operator that is not lowered, or values that are not read at all.
    Skipped(String),
    Failed(String),
}

/// What has come of the tests.
#[derive(Default)]
struct Results {
    failures: Vec<String>,
    /// How often a test passed, and how often one was skipped for a reason.
    counts: BTreeMap<String, usize>,
    /// Operators that are lowered and occur in a test.
    lowered: BTreeSet<String>,
    /// Operators of tests that pass.
    passing: BTreeSet<String>,
}

#[test]
fn operators_do_what_the_tests_of_onnx_expect() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        pilotlight_testing::skipped(format!("ONNX's tests of operators ({FOLDER} is not set)"));
        return;
    };
    let list = include_str!("nodes.txt").lines().filter(|line| !line.starts_with('#'));
    let list: Vec<(&str, &str)> = list.filter_map(|line| line.split_once(": ")).collect();
    let mut matched = vec![false; list.len()];
    let mut results = Results::default();
    for test in tests(Path::new(&folder)) {
        let name = test.file_name().unwrap().to_str().unwrap().to_owned();
        let listed = list.iter().position(|(pattern, _)| matches(pattern, &name));
        if let Some(line) = listed {
            matched[line] = true;
        }
        results.add(&test, &name, listed.is_some());
    }
    let unused = list.iter().zip(matched).filter(|(_, matched)| !matched);
    let unused = unused.map(|((pattern, _), _)| format!("{pattern}: listed, but no test fails"));
    results.failures.extend(unused);
    let Results { failures, counts, lowered, passing } = results;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let untested: Vec<&String> = lowered.difference(&passing).collect();
    assert!(untested.is_empty(), "no test passes of {untested:?}");
    let counts = counts.iter().map(|(what, count)| format!("{what}: {count}\n"));
    let counts: String = counts.collect();
    let expected = include_str!("nodes_counted.txt").lines().filter(|line| !line.starts_with('#'));
    let expected: String = expected.map(|line| format!("{line}\n")).collect();
    assert!(counts == expected, "nodes_counted.txt should have:\n{counts}");
}

impl Results {
    fn add(&mut self, test: &Path, name: &str, listed: bool) {
        let model = match decode(&fs::read(test.join("model.onnx")).unwrap()[..]) {
            Ok(model) => model,
            Err(error) => return self.failures.push(format!("{name}: {error}")),
        };
        let nodes = model.graph.iter().flat_map(|graph| &graph.node);
        let operators: BTreeSet<String> =
            nodes.filter(|node| is_lowered(node)).map(|node| node.op_type.clone()).collect();
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&model, test)));
        let outcome = outcome.unwrap_or_else(|_| Outcome::Failed("it panics".into()));
        self.lowered.extend(operators.iter().cloned());
        match (outcome, listed) {
            (Outcome::Skipped(reason), false) => *self.counts.entry(reason).or_default() += 1,
            (Outcome::Skipped(_), true) => {
                self.failures.push(format!("{name}: listed, but is not run"));
            }
            (Outcome::Passed, false) => {
                self.passing.extend(operators);
                *self.counts.entry("passed".into()).or_default() += 1;
            }
            (Outcome::Passed, true) => self.failures.push(format!("{name}: listed, but passes")),
            (Outcome::Failed(_), true) => {}
            (Outcome::Failed(reason), false) => self.failures.push(format!("{name}: {reason}")),
        }
    }
}

/// Folders with a model, in order.
fn tests(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    let is_test = |folder: &PathBuf| folder.join("model.onnx").is_file();
    let within = |folder: PathBuf| if is_test(&folder) { vec![folder] } else { tests(&folder) };
    folders.into_iter().flat_map(within).collect()
}

/// Whether a pattern, in which `*` stands for anything, fits all of a name.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name
            .strip_prefix(start)
            .is_some_and(|name| (0..=name.len()).any(|skipped| matches(rest, &name[skipped..]))),
    }
}

fn run(model: &ModelProto, test: &Path) -> Outcome {
    if let Some(reason) = other_values(model) {
        return Outcome::Skipped(reason);
    }
    for number in 0.. {
        let data = test.join(format!("test_data_set_{number}"));
        if !data.is_dir() {
            break;
        }
        match run_on(model, &data) {
            Outcome::Passed => {}
            other => return other,
        }
    }
    Outcome::Passed
}

/// The first input, output or result of a cast that is no tensor of an element type that is read.
fn other_values(model: &ModelProto) -> Option<String> {
    let graph = model.graph.as_ref().unwrap();
    let known = |element: i32| matches!(element, 1 | 2 | 3 | 6 | 7 | 9 | 10 | 11);
    let unknown = |element: i32| (!known(element)).then(|| format!("element type {element}"));
    let port =
        |port: &ValueInfoProto| match port.r#type.as_ref().and_then(|r#type| r#type.value.as_ref())
        {
            Some(type_proto::Value::TensorType(tensor)) => unknown(tensor.elem_type),
            _ => Some("no tensor".to_owned()),
        };
    let casts = graph.node.iter().flat_map(|node| &node.attribute);
    let mut casts = casts.filter(|attribute| attribute.name == "to");
    let found = graph.input.iter().chain(&graph.output).find_map(port);
    found.or_else(|| casts.find_map(|attribute| unknown(attribute.i as i32)))
}

/// One set of inputs and outputs. Inputs that have to be constants here are made so: all but the
/// first, or all.
fn run_on(model: &ModelProto, data: &Path) -> Outcome {
    let read = |kind: &str| {
        let file = |index: usize| fs::read(data.join(format!("{kind}_{index}.pb"))).ok();
        (0..)
            .map_while(file)
            .map(|file| TensorProto::decode(&file[..]))
            .collect::<Result<Vec<_>, _>>()
    };
    let (Ok(inputs), Ok(outputs)) = (read("input"), read("output")) else {
        return Outcome::Failed("inputs or outputs are no tensors".into());
    };
    let mut reason = String::new();
    for variable in [usize::MAX, 1, 0] {
        match compute(model, &inputs, variable) {
            Ok(found) => {
                return match compare(&found, &outputs) {
                    Ok(()) => Outcome::Passed,
                    Err(difference) => Outcome::Failed(difference),
                };
            }
            Err(Refusal::Import(OnnxError::Operator { operator, .. })) => {
                return Outcome::Skipped(format!("operator {operator}"));
            }
            Err(Refusal::Import(error)) => reason = error.to_string(),
            Err(Refusal::Run(error)) => reason = format!("{error:#}"),
        }
    }
    Outcome::Failed(reason)
}

enum Refusal {
    Import(OnnxError),
    Run(TractError),
}

/// The outputs, with the first inputs as inputs and the others as constants; as the graph is, and
/// fused, as components compute it.
fn compute(
    model: &ModelProto,
    inputs: &[TensorProto],
    variable: usize,
) -> Result<Vec<Vec<Tensor>>, Refusal> {
    let mut model = model.clone();
    let graph = model.graph.as_mut().unwrap();
    let names: Vec<String> = graph.input.iter().map(|input| input.name.clone()).collect();
    let named = |(tensor, name): (&TensorProto, &String)| TensorProto {
        name: name.clone(),
        ..tensor.clone()
    };
    let mut tensors: Vec<TensorProto> = inputs.iter().zip(&names).map(named).collect();
    let constants = tensors.split_off(variable.min(tensors.len()));
    graph.input.truncate(tensors.len().max(names.len() - constants.len()));
    graph.initializer.extend(constants);
    let mut results = Vec::new();
    for fused in [false, true] {
        let imported = import(model.clone()).map_err(Refusal::Import)?;
        let mut values = tvec!();
        for port in &imported.inputs {
            let tensor = tensors.iter().find(|tensor| tensor.name == port.name);
            let tensor = tensor.ok_or_else(|| Refusal::Run(format_err!("no {}", port.name)))?;
            values.push(to_tensor(tensor).map_err(Refusal::Run)?.into_tvalue());
        }
        let mut model = imported.model;
        if fused {
            fuse(&mut model, Precision::F32).map_err(Refusal::Import)?;
        }
        let outputs = model.into_optimized().and_then(SimplePlan::new);
        let outputs = outputs.and_then(|plan| plan.run(values)).map_err(Refusal::Run)?;
        results.push(outputs.into_iter().map(TValue::into_tensor).collect());
    }
    Ok(results)
}

fn to_tensor(tensor: &TensorProto) -> TractResult<Tensor> {
    let shape: Vec<usize> = tensor.dims.iter().map(|dim| *dim as usize).collect();
    let raw = &tensor.raw_data;
    let dtype = match tensor.data_type {
        1 => f32::datum_type(),
        2 => u8::datum_type(),
        3 => i8::datum_type(),
        6 => i32::datum_type(),
        7 => i64::datum_type(),
        9 => bool::datum_type(),
        10 => f16::datum_type(),
        11 => f64::datum_type(),
        other => bail!("element type {other}"),
    };
    let mut out = Tensor::zero_dt(dtype, &shape)?;
    let mut bytes: Vec<u8> = raw.to_vec();
    bytes.extend(tensor.float_data.iter().flat_map(|x| x.to_le_bytes()));
    bytes.extend(tensor.int64_data.iter().flat_map(|x| x.to_le_bytes()));
    bytes.extend(tensor.double_data.iter().flat_map(|x| x.to_le_bytes()));
    let words = tensor.int32_data.iter();
    bytes.extend(words.flat_map(|x| x.to_le_bytes()[..dtype.size_of()].to_vec()));
    let mut plain = out.try_as_plain_ram_mut()?;
    ensure!(plain.as_bytes().len() == bytes.len(), "{} bytes", bytes.len());
    plain.as_bytes_mut().copy_from_slice(&bytes);
    Ok(out)
}

fn compare(found: &[Vec<Tensor>], expected: &[TensorProto]) -> Result<(), String> {
    for (fused, found) in found.iter().enumerate() {
        if found.len() != expected.len() {
            return Err(format!("{} outputs, not {}", found.len(), expected.len()));
        }
        for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
            let close = close(found, expected).map_err(|error| format!("{error:#}"))?;
            close.map_err(|difference| format!("output {index} (fused: {fused}): {difference}"))?;
        }
    }
    Ok(())
}

fn close(found: &Tensor, expected: &TensorProto) -> TractResult<Result<(), String>> {
    let expected = to_tensor(expected)?;
    if (found.datum_type(), found.shape()) != (expected.datum_type(), expected.shape()) {
        return Ok(Err(format!("{found:?}, not {expected:?}")));
    }
    let numbers = |tensor: &Tensor| {
        let tensor = tensor.cast_to::<f64>()?;
        TractResult::Ok(tensor.try_as_plain_ram()?.as_slice::<f64>()?.to_vec())
    };
    for (found, expected) in numbers(found)?.iter().zip(numbers(&expected)?) {
        let near = expected.is_finite()
            && (found - expected).abs() <= ABSOLUTE + RELATIVE * expected.abs();
        let both_nan = found.is_nan() && expected.is_nan();
        if !(near || both_nan || *found == expected) {
            return Ok(Err(format!("{found}, not {expected}")));
        }
    }
    Ok(Ok(()))
}
