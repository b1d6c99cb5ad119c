//! What each instance owns: its WASI context, its resources and its limits.

use std::path::Path;
use std::sync::Arc;

use http_body_util::combinators::UnsyncBoxBody;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::config::Options;
use crate::error::{Error, Result};
use crate::guest_log::GuestLog;
use crate::meter::Meter;
use crate::wasi_nn::{HasNn, Nn, NnView};

/// Where guests look for a model.
pub(crate) const MODEL_PATH: &str = "/model";
/// Core instances, memories and tables of one component: the guest, and the adapters around it.
const PARTS: usize = 32;
/// The guest's function table has some 10,000 entries.
const TABLE_ELEMENTS: usize = 1 << 16;

/// A guest that holds more has lost count.
const RESOURCES: usize = 1 << 14;

/// State of one instance. It sees no file (but for a model folder, where one is given), no
/// environment, no arguments and no network.
pub(crate) struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutgoingRequests,
    nn: Nn,
    table: ResourceTable,
    limiter: Limiter,
    meter: Option<Arc<Meter>>,
}

/// What an instance may use.
pub(crate) struct Allowance {
    /// Linear memory, in bytes.
    pub(crate) memory: usize,
    /// Counts its processor time, where that has a limit.
    pub(crate) meter: Option<Arc<Meter>>,
}

/// Limits memory, and remembers whether more was asked for.
struct Limiter {
    limits: StoreLimits,
    refused: bool,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = self.limits.memory_growing(current, desired, maximum)?;
        self.refused |= !allowed;
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}

impl State {
    /// Whether more memory was asked for than may be had.
    pub(crate) fn was_refused_memory(&self) -> bool {
        self.limiter.refused
    }

    pub(crate) fn meter(&self) -> Option<&Arc<Meter>> {
        self.meter.as_ref()
    }
}

/// Refuses every outgoing request.
struct NoOutgoingRequests;

type OutgoingResponse = (
    http::Response<UnsyncBoxBody<bytes::Bytes, HttpError>>,
    Box<dyn Future<Output = std::result::Result<(), HttpError>> + Send>,
);

impl WasiHttpHooks for NoOutgoingRequests {
    fn send_request(
        &mut self,
        _request: http::Request<UnsyncBoxBody<bytes::Bytes, HttpError>>,
        _options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = std::result::Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = std::result::Result<OutgoingResponse, HttpError>> + Send> {
        Box::new(async { Err(HttpError::HttpRequestDenied) })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

impl HasNn for State {
    fn nn(&mut self) -> NnView<'_> {
        NnView { nn: &mut self.nn, table: &mut self.table }
    }
}

/// A store around `wasi` and `nn`, whose guest yields at each tick of the epoch, and ends at the
/// first after it has used up its processor time.
pub(crate) fn new_store(
    engine: &Engine,
    wasi: WasiCtx,
    nn: Nn,
    Allowance { memory, meter }: Allowance,
) -> Store<State> {
    let state = State {
        wasi,
        http: WasiHttpCtx::new(),
        hooks: NoOutgoingRequests,
        nn,
        table: small_table(),
        limiter: Limiter { limits: limits(memory), refused: false },
        meter,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.epoch_deadline_callback(|store| {
        if let Some(meter) = &store.data().meter {
            meter.check()?;
        }
        Ok(UpdateDeadline::Yield(1))
    });
    store.set_epoch_deadline(1);
    store
}

fn limits(memory: usize) -> StoreLimits {
    StoreLimitsBuilder::new()
        .memory_size(memory)
        .memories(PARTS)
        .instances(PARTS)
        .tables(PARTS)
        .table_elements(TABLE_ELEMENTS)
        .build()
}

/// Bodies, streams and tensors that an instance has in hand.
fn small_table() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(RESOURCES);
    table
}

/// The WASI context of an instance that serves.
pub(crate) fn serving_context(options: &Options) -> Result<WasiCtx> {
    let mut wasi = WasiCtxBuilder::new();
    let log = GuestLog::default();
    wasi.stdout(log.clone()).stderr(log);
    if let Some(model) = &options.model {
        preopen_model(&mut wasi, model)?;
    }
    Ok(wasi.build())
}

/// Mounts a model folder read-only.
pub(crate) fn preopen_model(wasi: &mut WasiCtxBuilder, model: &Path) -> Result<()> {
    wasi.preopened_dir(model, MODEL_PATH, FsPerms::ReadOnly).map(drop).map_err(|error| {
        Error::Component {
            name: model.display().to_string(),
            reason: format!("cannot be mounted: {error:#}"),
        }
    })
}
