//! A component, linked, of which instances can be made.
//!
//! Instances are driven by us ([`crate::instance`], [`crate::pool`]) and not by Wasmtime's
//! `ProxyHandler`, which queues requests, reuses instances and starts workers without bound.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi_http::handler::ProxyPre;
use wasmtime_wasi_http::{p2, p3};

use crate::cpu_time::CpuMeter;
use crate::epoch::EpochTicker;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::memory::MemorySlots;
use crate::options::InstanceOptions;
use crate::store::{Allowance, State, new_store, serving_context};
use crate::wasi_nn::{self, Nn};

const NO_GRAPHS: &str =
    "computes on the host through wasi:nn, but no graph is loaded; load one with --graph NAME=FILE";

/// A component, linked and ready to be instantiated.
#[derive(Clone)]
pub struct LinkedComponent(Arc<Inner>);

struct Inner {
    engine: Engine,
    clock: EpochTicker,
    pre: ProxyPre<State>,
    options: InstanceOptions,
    memories: Arc<MemorySlots>,
    nn: Nn,
}

/// Adds all of WASI 0.2 and 0.3 that a guest may import, and `wasi:nn`.
pub fn add_wasi(linker: &mut Linker<State>) -> Result<()> {
    let add = |linker: &mut Linker<State>| {
        wasmtime_wasi::p2::add_to_linker_async(linker)?;
        wasmtime_wasi::p3::add_to_linker(linker)?;
        p2::add_only_http_to_linker_async(linker)?;
        p3::add_to_linker(linker)?;
        wasi_nn::add_to_linker(linker)
    };
    add(linker).map_err(Error::runtime("linking WASI"))
}

fn imports_nn(component: &Component) -> bool {
    let ty = component.component_type();
    ty.imports(component.engine()).any(|(name, _)| name.starts_with("wasi:nn/"))
}

impl LinkedComponent {
    /// Links `component`, which is called `name` in errors, and whose engine's memories are
    /// `memories`.
    pub fn new(
        component: &Component,
        name: &str,
        memories: &Arc<MemorySlots>,
        options: &InstanceOptions,
    ) -> Result<Self> {
        let refuse = |reason: String| Error::Component { name: name.to_owned(), reason };
        let engine = component.engine().clone();
        let mut linker = Linker::new(&engine);
        add_wasi(&mut linker)?;
        let nn = match &options.graphs {
            Some(graphs) => {
                Nn::new(Arc::clone(graphs), options.guest_graphs.then_some(options.graph))
                    .with_period(options.period)
            }
            None if imports_nn(component) => return Err(refuse(NO_GRAPHS.to_owned())),
            None => Nn::default(),
        };
        let pre = linker
            .instantiate_pre(component)
            .map_err(|error| refuse(format!("cannot be linked: {error:#}")))?;
        let pre = match p3::bindings::ServicePre::new(pre.clone()) {
            Ok(service) => ProxyPre::P3(service),
            Err(_) => ProxyPre::P2(p2::bindings::ProxyPre::new(pre).map_err(|_| {
                refuse(
                    "exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2"
                        .to_owned(),
                )
            })?),
        };
        let clock = EpochTicker::start(&engine)?;
        let (options, memories) = (options.clone(), Arc::clone(memories));
        Ok(Self(Arc::new(Inner { engine, clock, pre, options, memories, nn })))
    }

    /// Makes an instance that has never run.
    pub async fn instantiate(&self) -> wasmtime::Result<Instance> {
        let Inner { engine, clock, pre, options, memories, nn } = &*self.0;
        let start = Instant::now();
        let _running = clock.run();
        let wasi = serving_context(options)?;
        let meter = CpuMeter::new(options.cpu_time);
        let memory_beyond_minimum = memories.beyond_minimum();
        let allowance = Allowance { memory: options.memory_limit, memory_beyond_minimum, meter };
        let mut store = new_store(engine, wasi, nn.clone(), allowance);
        let proxy = pre.instantiate_async(&mut store).await?;
        Ok(Instance::new(store, proxy, clock.clone(), start.elapsed()))
    }
}
