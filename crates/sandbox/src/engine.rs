//! Wasmtime's configuration.

use std::sync::Arc;

use pilotlight_model::Digest;
use wasmtime::{Config, Engine};

use crate::error::{Error, Result};
use crate::memory::{Creator, MemorySlots, Stacks};

/// The engine that serves, with the memory that its instances live in.
pub fn serving(memories: &Arc<MemorySlots>) -> Result<Engine> {
    let mut config = common();
    config
        // The images of `memories` take the place of Wasmtime's.
        .memory_init_cow(false)
        .with_host_memory(Arc::new(Creator(Arc::clone(memories))))
        .with_host_stack(Arc::new(Stacks::new()));
    start(&config)
}

/// The engine that takes snapshots: the same bytes on every machine.
pub fn building() -> Result<Engine> {
    let mut config = common();
    config.relaxed_simd_deterministic(true);
    start(&config)
}

fn common() -> Config {
    let mut config = Config::new();
    config.wasm_component_model_async(true).epoch_interruption(true).native_unwind_info(false);
    config
}

fn start(config: &Config) -> Result<Engine> {
    Engine::new(config).map_err(Error::runtime("configuring Wasmtime"))
}

/// Digest of what machine code depends on: Wasmtime's version and the processor. The settings are
/// always those of this file: whoever changes them changes the names of what was compiled, too.
/// Wasmtime itself refuses code that does not fit when it is mapped.
pub fn compatibility() -> Digest {
    let processor = processor_features();
    let parts = [wasmtime_environ::VERSION, std::env::consts::ARCH, &processor];
    Digest::of_parts(parts.map(str::as_bytes))
}

/// The features of the first processor, as the kernel names them; nothing where it does not.
fn processor_features() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let is_features = |line: &&str| line.starts_with("flags") || line.starts_with("Features");
    text.lines().find(is_features).unwrap_or_default().to_owned()
}
