//! Wasmtime's configuration, and the clock that interrupts guests.

use std::hash::{Hash as _, Hasher};
use std::time::Duration;

use pilotlight_model::Digest;
use wasmtime::{Config, Engine, EngineWeak, PoolingAllocationConfig};

use crate::config::Options;
use crate::error::{Error, Result};

/// How often guests yield to other tasks.
const TICK: Duration = Duration::from_millis(10);
/// Core instances, tables and fibers of one component: the guest, and the adapters around it.
const PARTS: u32 = 8;
/// Each takes 4 GiB of address space, of which there are 128 TiB; adapters share the guest's.
const MEMORIES: u32 = 2;
/// Each takes two of the 65,530 mappings that Linux allows a process.
const STACKS: u32 = 2;
/// The guest's function table has some 10,000 entries.
const TABLE_ELEMENTS: usize = 1 << 16;
const COMPONENT_BYTES: usize = 4 << 20;

/// The engine that serves: pooled instances over copy-on-write memory images.
pub(crate) fn serving(options: &Options) -> Result<Engine> {
    let count = options.max_instances;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count)
        .total_core_instances(count * PARTS)
        .total_memories(count * MEMORIES)
        .total_tables(count * PARTS)
        .total_stacks(count * STACKS)
        .max_core_instances_per_component(PARTS * 4)
        .max_tables_per_component(PARTS * 4)
        .max_component_instance_size(COMPONENT_BYTES)
        .max_core_instance_size(COMPONENT_BYTES)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(options.memory_limit);
    let mut config = common();
    config.allocation_strategy(pool);
    // A snapshot holds the whole model: without this its image would be copied, not mapped.
    config.memory_guaranteed_dense_image_size(u64::MAX);
    start(&config)
}

/// The engine that takes snapshots: the same bytes on every machine.
pub(crate) fn building() -> Result<Engine> {
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
    let engine = Engine::new(config).map_err(Error::runtime("configuring Wasmtime"))?;
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("epoch".into())
        .spawn(move || tick(&weak))
        .map_err(Error::io("the epoch thread"))?;
    Ok(engine)
}

/// Advances the epoch for as long as the engine lives.
fn tick(engine: &EngineWeak) {
    while let Some(engine) = engine.upgrade() {
        engine.increment_epoch();
        drop(engine);
        std::thread::sleep(TICK);
    }
}

/// Digest of everything that machine code depends on: Wasmtime's version, its settings and
/// the processor's features.
pub(crate) fn compatibility(engine: &Engine) -> Digest {
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
