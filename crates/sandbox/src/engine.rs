//! Wasmtime's configuration.

use std::hash::{Hash as _, Hasher};
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

/// Digest of everything that machine code depends on: Wasmtime's version, its settings and
/// the processor's features.
pub fn compatibility(engine: &Engine) -> Digest {
    #[derive(Default)]
    struct Collect(Vec<u8>);
    impl Hasher for Collect {
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut collect = Collect::default();
    engine.precompile_compatibility_hash().hash(&mut collect);
    Digest::of(&collect.0)
}
