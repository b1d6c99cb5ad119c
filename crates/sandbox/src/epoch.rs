//! The clock that interrupts guests. It stands still while none runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;

use pilotlight_inference::scheduling::prefer_latency;
use wasmtime::{Engine, EngineWeak};

use crate::error::{Error, Result};

/// How often guests yield to other tasks.
const TICK: Duration = Duration::from_millis(4);
/// It goes on for so many ticks after the last guest has run, so that waking it is part of no
/// request where there are any at all.
const LINGER: u32 = 500;

/// Advances the epoch of an engine while guests run. Clones share it; it ends with the last.
#[derive(Clone)]
pub struct EpochTicker(Arc<Owner>);

struct Owner {
    shared: Arc<Shared>,
    thread: Thread,
}

struct Shared {
    running: AtomicUsize,
    ended: AtomicBool,
}

/// A guest runs, until this is dropped.
pub struct Running(Arc<Owner>);

impl EpochTicker {
    /// A clock for `engine`.
    ///
    /// # Errors
    /// [`Error::Io`] without a thread for it.
    pub fn start(engine: &Engine) -> Result<Self> {
        Self::lingering(engine, LINGER)
    }

    fn lingering(engine: &Engine, linger: u32) -> Result<Self> {
        let shared =
            Arc::new(Shared { running: AtomicUsize::new(0), ended: AtomicBool::new(false) });
        let (engine, watched) = (engine.weak(), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("epoch".into())
            .spawn(move || tick(&engine, &watched, linger))
            .map_err(Error::io("the epoch thread"))?;
        Ok(Self(Arc::new(Owner { shared, thread: thread.thread().clone() })))
    }

    /// Has it go for as long as what is returned lives.
    pub fn run(&self) -> Running {
        if self.0.shared.running.fetch_add(1, Ordering::SeqCst) == 0 {
            self.0.thread.unpark();
        }
        Running(Arc::clone(&self.0))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.shared.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn tick(engine: &EngineWeak, shared: &Shared, linger: u32) {
    prefer_latency();
    let mut rested = 0;
    while !shared.ended.load(Ordering::SeqCst) {
        rested = if shared.running.load(Ordering::SeqCst) == 0 { rested + 1 } else { 0 };
        if rested > linger {
            // Who comes between the look and this has left a token that ends it at once.
            std::thread::park();
            rested = 0;
            continue;
        }
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
        std::thread::sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::{Config, Instance, Module, Store};

    use super::*;

    const ENDLESS: &str = "(module (func (export \"run\") (loop (br 0))))";

    /// Whether an endless guest is interrupted.
    fn interrupts(engine: &Engine, clock: &EpochTicker) -> bool {
        let mut store = Store::new(engine, ());
        store.set_epoch_deadline(1);
        let module = Module::new(engine, wat::parse_str(ENDLESS).unwrap()).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
        let _running = clock.run();
        run.call(&mut store, ()).is_err()
    }

    #[test]
    fn it_goes_whenever_a_guest_runs() {
        let engine = Engine::new(Config::new().epoch_interruption(true)).unwrap();
        for linger in [0, 1, LINGER] {
            let clock = EpochTicker::lingering(&engine, linger).unwrap();
            assert!((0..3).all(|_| interrupts(&engine, &clock)), "{linger}");
        }
    }
}
