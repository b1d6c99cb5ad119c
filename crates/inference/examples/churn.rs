//! Loads, runs and unloads a graph many times: `churn MODEL.onnx [TIMES]` prints resident memory
//! on the way. It must not grow.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool for measuring, not for serving"
)]

use pilotlight_inference::{
    Backend as _, Buffers, Element, OnnxRuntime, OnnxRuntimeOptions, Precision, Tensor,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = std::fs::read(arguments.next().expect("a model")).unwrap();
    let times: u32 = arguments.next().map_or(1000, |text| text.parse().expect("a number"));
    let backend = OnnxRuntime::new(OnnxRuntimeOptions::default()).expect("ONNX Runtime");
    let buffers = Buffers::new(1 << 26);
    for time in 0..=times {
        if time.is_power_of_two() || time % 100 == 0 {
            println!("{time:>5} {:>8.1} MiB", resident() / 1024.0);
        }
        let model = backend.load("churn", file.clone(), Precision::F32.into()).unwrap();
        // A shape of its own each time.
        let sizes = [1, 8 + time % 64];
        let ids: Vec<u8> = (0..sizes[1]).flat_map(|id| i64::from(id % 2).to_le_bytes()).collect();
        let inputs = &model.signature().inputs;
        let tensor = |_| Tensor::copied(&buffers, Element::I64, &sizes, &ids).unwrap();
        model.run(&inputs.iter().map(tensor).collect::<Vec<_>>(), &buffers).unwrap();
    }
}

/// Resident memory in KiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0.0)
}
