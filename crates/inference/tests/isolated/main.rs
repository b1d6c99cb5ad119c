//! A backend in a process of its own, which is this program again: `child` below.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::executor::block_on;
#[cfg(feature = "onnxruntime")]
use pilotlight_inference::OnnxRuntimeOptions;
use pilotlight_inference::isolated::{Engine, Isolated, IsolatedOptions, work};
use pilotlight_inference::{
    Backend, Batching, Buffers, Device, Element, Error, GraphOptions, Graphs, Model, NativeOptions,
    Precision, ProcessState, RunError, Tensor,
};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

mod lifetime;

use pilotlight_testing::graphs::{doubling, external};
#[cfg(feature = "onnxruntime")]
use pilotlight_testing::skipped;

/// Anything here takes less.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
#[ignore = "the child of the other tests"]
fn child() {
    let known = |name: &str| name.starts_with("CUDA_") || name.ends_with("_PATH");
    assert!(std::env::vars().all(|(name, _)| known(&name)), "{:?}", std::env::vars());
    work().unwrap();
}

/// This program, as what `entry` does.
fn program(entry: &str) -> IsolatedOptions {
    let arguments = [entry, "--exact", "--ignored", "--nocapture"].map(OsString::from);
    IsolatedOptions::new(arguments)
}

fn tract() -> Engine {
    Engine::Tract(Device::Cpu)
}

fn isolated() -> Isolated {
    Isolated::start(tract(), program("child")).unwrap()
}

fn floats(buffers: &Buffers, sizes: &[u32], values: &[f32]) -> Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::copied(buffers, Element::F32, sizes, &bytes).unwrap()
}

fn doubled(model: &dyn Model, width: u32) -> Result<(), RunError> {
    let buffers = Buffers::new(1 << 20);
    let values: Vec<f32> = (0..width).map(|value| value as f32).collect();
    let outputs = model.run(&[floats(&buffers, &[1, width], &values)], &buffers)?;
    let expected: Vec<u8> = values.iter().flat_map(|value| (value * 2.0).to_le_bytes()).collect();
    assert_eq!(outputs.len(), 1);
    assert_eq!((outputs[0].shape().sizes(), outputs[0].element()), (&[1, width][..], Element::F32));
    assert!(outputs[0].bytes() == expected, "other values");
    Ok(())
}

fn pid(backend: &dyn Backend) -> Option<Pid> {
    Pid::from_raw(backend.process().unwrap().id?.cast_signed())
}

/// Waits until a process computes that is not `former`.
fn successor(backend: &dyn Backend, former: Pid) -> Pid {
    let start = Instant::now();
    loop {
        match pid(backend) {
            Some(now) if now != former => return now,
            _ => assert!(start.elapsed() < PATIENCE, "{:?}", backend.process()),
        }
        std::thread::yield_now();
    }
}

fn kill(backend: &dyn Backend, signal: Signal) -> Pid {
    let killed = pid(backend).unwrap();
    kill_process(killed, signal).unwrap();
    killed
}

/// The engines there are here; in CI all of them.
fn engines() -> Vec<Engine> {
    #[cfg(feature = "onnxruntime")]
    {
        let options = OnnxRuntimeOptions { threads: 2, ..OnnxRuntimeOptions::default() };
        let onnxruntime = Engine::OnnxRuntime(options);
        match onnxruntime.clone().open() {
            Ok(_) => return vec![tract(), native(), onnxruntime],
            Err(error) if std::env::var_os("PILOTLIGHT_REQUIRE_ORT").is_none() => {
                skipped(&error);
            }
            Err(error) => panic!("{error}"),
        }
    }
    vec![tract(), native()]
}

fn native() -> Engine {
    Engine::Native(NativeOptions::default())
}

fn as_floats(tensor: &Tensor) -> Vec<f32> {
    assert_eq!(tensor.element(), Element::F32);
    let (values, _) = tensor.bytes().as_chunks();
    values.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

/// Rows of token ids for the default model.
fn tokens(model: &dyn Model, buffers: &Buffers, (rows, length): (u32, u32)) -> Vec<Tensor> {
    let ids = |fill: &dyn Fn(i64) -> i64| {
        let ids = (0..i64::from(rows * length)).flat_map(|id| fill(id).to_le_bytes());
        let bytes: Vec<u8> = ids.collect();
        Tensor::copied(buffers, Element::I64, &[rows, length], &bytes).unwrap()
    };
    let input = |name: &str| match name {
        "input_ids" => ids(&|id| 5 + id * 7919 % 15_000),
        "attention_mask" => ids(&|_| 1),
        _ => ids(&|_| 0),
    };
    model.signature().inputs.iter().map(|port| input(&port.name)).collect()
}

#[test]
fn a_process_of_its_own_gives_the_same_answers() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/pii-ner/model.onnx");
    let file = std::fs::read(file).unwrap();
    for engine in engines() {
        let there = Isolated::start(engine.clone(), program("child")).unwrap();
        let here = engine.open().unwrap();
        assert_eq!(here.name(), there.name());
        assert_eq!(here.process(), None);
        let (here, there) = (
            here.load("ner", file.clone(), Precision::F32.into()).unwrap(),
            there.load("ner", file.clone(), Precision::F32.into()).unwrap(),
        );
        assert_eq!((here.signature(), here.engine()), (there.signature(), there.engine()));
        let together = (here.batching() != Batching::Alone, there.batching() != Batching::Alone);
        assert_eq!(together.0, together.1);
        let buffers = Buffers::new(1 << 20);
        for sizes in [(1, 1), (1, 43), (3, 7), (8, 128)] {
            let inputs = tokens(&*here, &buffers, sizes);
            let run = |model: &dyn Model| model.run(&inputs, &buffers).unwrap();
            let (here, there) = (run(&*here), run(&*there));
            assert_eq!((here.len(), here[0].shape()), (there.len(), there[0].shape()));
            for (here, there) in as_floats(&here[0]).iter().zip(as_floats(&there[0])) {
                assert!((here - there).abs() <= 1e-4, "{here} and {there}");
            }
        }
    }
}

#[test]
fn tensors_of_any_size_go_through_and_their_memory_is_used_again() {
    let backend = isolated();
    let model = backend.load("g", doubling(), Precision::F32.into()).unwrap();
    for width in [1, 2, 20_000, 3, 17_000_000, 5] {
        doubled(&*model, width).unwrap();
    }
    let buffers = Buffers::new(1 << 20);
    let run = || {
        let input = floats(&buffers, &[4, 256], &[0.5; 1024]);
        model.run(&[input], &buffers).map(drop).unwrap();
    };
    run();
    let allocated = buffers.status().allocated;
    (0..100).for_each(|_| run());
    assert_eq!(buffers.status().allocated, allocated);
}

#[test]
fn what_the_engine_refuses_is_told_and_hurts_nobody() {
    let backend = isolated();
    for (file, part) in [(b"garbage".to_vec(), "ONNX"), (external("secret.bin"), "another file")] {
        match backend.load("tiny", file, Precision::F32.into()).map(drop) {
            Err(Error::InvalidGraph { graph, reason }) => {
                assert!(graph == "tiny" && reason.contains(part), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    let model = backend.load("g", doubling(), Precision::F32.into()).unwrap();
    let buffers = Buffers::new(1 << 20);
    // Two inputs for one: nothing that a queue would let through.
    let two = [floats(&buffers, &[1, 1], &[1.0]), floats(&buffers, &[1, 1], &[1.0])];
    assert!(model.run(&two, &buffers).is_err());
    let gpu = Isolated::start(Engine::Tract(Device::Gpu), program("child")).map(drop).unwrap_err();
    assert!(gpu.to_string().contains("tract supports only the device cpu"), "{gpu}");
}

#[test]
fn a_program_that_is_no_child_is_refused_when_the_backend_starts() {
    for (program, arguments) in [
        ("/nowhere/pilotlight", vec![]),
        ("/bin/true", vec![]),
        ("/bin/sh", vec!["-c", "printf 'what is this' >&0; exec cat <&0"]),
        ("/bin/sh", vec!["-c", "kill -SEGV $$"]),
    ] {
        let mut options = IsolatedOptions::new(arguments.into_iter().map(OsString::from));
        options.program = program.into();
        match Isolated::start(tract(), options) {
            Err(Error::Unavailable(reason)) => {
                assert!(reason.contains("cannot be started"), "{reason}")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn work_is_for_nobody_who_calls_it_by_hand() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--ignored", "--nocapture"]).env_clear();
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("only for the server"), "{said}");
}

/// Says that it is over, even if a test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Calls from several threads, each of which is answered, before, while and after `disturb` does
/// something; tells how many were told to come again.
fn call_while(model: &dyn Model, disturb: impl FnOnce()) -> u64 {
    let (computed, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let done = AtomicBool::new(false);
    let call = |caller: u32| {
        let mut call = 0;
        while !done.load(Ordering::Relaxed) {
            call += 1;
            match doubled(model, 1 + (caller * 7919 + call) % 5000) {
                Ok(()) => computed.fetch_add(1, Ordering::Relaxed),
                Err(RunError::Restarting { retry_after }) => {
                    assert!(retry_after >= Duration::from_secs(1));
                    std::thread::yield_now();
                    refused.fetch_add(1, Ordering::Relaxed)
                }
                Err(other) => panic!("{other}"),
            };
        }
    };
    std::thread::scope(|scope| {
        let over = Over(&done);
        let callers: Vec<_> = (0..4).map(|caller| scope.spawn(move || call(caller))).collect();
        let some_more = || {
            let (enough, start) = (computed.load(Ordering::Relaxed) + 20, Instant::now());
            while computed.load(Ordering::Relaxed) < enough {
                assert!(start.elapsed() < PATIENCE, "nothing is computed");
                std::thread::yield_now();
            }
        };
        some_more();
        disturb();
        some_more();
        drop(over);
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    });
    refused.into_inner()
}

#[test]
fn a_child_that_is_killed_in_the_middle_costs_no_call_its_answer_and_no_later_call() {
    for signal in [Signal::KILL, Signal::ABORT, Signal::ILL, Signal::SEGV] {
        let backend = isolated();
        let model = backend.load("g", doubling(), Precision::F32.into()).unwrap();
        let other = backend.load("other", doubling(), Precision::F32.into()).unwrap();
        let refused = call_while(&*model, || {
            let killed = kill(&backend, signal);
            // Rust's own handler of SIGSEGV takes the first one, and itself away.
            while pid(&backend) == Some(killed) {
                let _ = kill_process(killed, signal);
                std::thread::yield_now();
            }
            successor(&backend, killed);
        });
        assert!(refused > 0, "the child was killed while nobody called");
        doubled(&*other, 3).unwrap();
        let status = backend.process().unwrap();
        assert_eq!((status.state, status.restarts), (ProcessState::Running, 1));
    }
}

#[test]
fn where_memory_runs_out_the_child_is_ended_first() {
    let backend = isolated();
    let child = backend.process().unwrap().id.unwrap();
    let adjusted = std::fs::read_to_string(format!("/proc/{child}/oom_score_adj")).unwrap();
    assert_eq!(adjusted.trim(), "1000");
}

#[test]
fn calls_of_a_queue_are_told_that_the_process_restarts() {
    let mut options = program("child");
    options.limit = Duration::from_secs(2);
    let graphs = Graphs::new(Box::new(Isolated::start(tract(), options).unwrap()), 2).unwrap();
    let graph = graphs.load("g", doubling(), GraphOptions::default()).unwrap();
    let call = || {
        let input = floats(graphs.buffers(), &[1, 2], &[1.0, 2.0]);
        block_on(graph.compute(vec![("x".to_owned(), input)])).map(drop)
    };
    call().unwrap();
    let status = graph.status().process.unwrap();
    assert_eq!((status.state, status.restarts), (ProcessState::Running, 0));
    // It hangs: whoever waits is answered when its time is over.
    let hung = kill(graphs.backend(), Signal::STOP);
    // Until then a thread of it may still answer.
    let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(hung), stopped).unwrap().unwrap();
    match call().unwrap_err() {
        Error::Restarting { graph, .. } => assert_eq!(graph, "g"),
        other => panic!("{other:?}"),
    }
    successor(graphs.backend(), hung);
    call().unwrap();
    let status = graph.status();
    assert_eq!((status.failed, status.process.unwrap().restarts), (1, 1));
    let said = serde_json::to_value(&status).unwrap();
    assert_eq!(said["process"]["state"], "running");
}

#[test]
fn while_no_process_can_be_started_calls_fail_at_once_and_later_ones_work_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("child");
    let become_link_to = |program: &Path| {
        let beside = folder.path().join("beside");
        symlink(program, &beside).unwrap();
        std::fs::rename(&beside, &file).unwrap();
    };
    let good = std::env::current_exe().unwrap();
    become_link_to(&good);
    let mut options = program("child");
    options.program = file.clone();
    let backend = Isolated::start(tract(), options).unwrap();
    let model = backend.load("g", doubling(), Precision::F32.into()).unwrap();
    become_link_to(Path::new("/bin/false"));
    let killed = kill(&backend, Signal::KILL);
    let start = Instant::now();
    while backend.process().unwrap().restarts < 3 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    assert!(matches!(doubled(&*model, 2), Err(RunError::Restarting { .. })));
    assert!(matches!(
        backend.load("h", doubling(), Precision::F32.into()).map(drop),
        Err(Error::Restarting { .. })
    ));
    let status = backend.process().unwrap();
    assert_eq!((status.state, status.id), (ProcessState::Restarting, None));
    become_link_to(&good);
    successor(&backend, killed);
    doubled(&*model, 2).unwrap();
}

#[test]
fn a_graph_that_nobody_holds_is_loaded_by_no_successor() {
    let backend = isolated();
    let kept = backend.load("kept", doubling(), Precision::F32.into()).unwrap();
    (0..50).for_each(|_| drop(backend.load("dropped", doubling(), Precision::F32.into()).unwrap()));
    let killed = kill(&backend, Signal::KILL);
    successor(&backend, killed);
    doubled(&*kept, 2).unwrap();
}
