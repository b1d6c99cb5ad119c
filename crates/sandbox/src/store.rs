//! What each instance owns: its WASI context, its resources and its limits.

use std::path::Path;
use std::sync::Arc;

use http_body_util::combinators::UnsyncBoxBody;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::cpu_time::CpuMeter;
use crate::error::{Error, Result};
use crate::guest_clocks;
use crate::guest_log::GuestLog;
use crate::memory_limiter::MemoryLimiter;
use crate::options::InstanceOptions;
use crate::wasi_nn::{HasNn, Nn, NnView};

/// Where guests look for a model.
pub(crate) const MODEL_PATH: &str = "/model";
/// A guest that holds more has lost count. With [`FIELDS`] it also bounds what a guest can have the
/// host keep for it.
const RESOURCES: usize = 1 << 13;
/// Bytes of one set of header fields or trailers in the host's memory, as Wasmtime counts them.
const FIELDS: usize = 64 << 10;
/// Bytes of a body that the host copies out of a guest at once, however many the guest writes at
/// once (GHSA-x84v-gj2h-g759).
const CHUNK: usize = 64 << 10;

/// State of one instance. It sees no file (but for a model folder, where one is given), no
/// environment, no arguments and no network.
pub struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutgoingRequests,
    nn: Nn,
    table: ResourceTable,
    limiter: MemoryLimiter,
    meter: Arc<CpuMeter>,
}

/// What an instance may use.
pub struct Allowance {
    /// Linear memory, in bytes, of all its parts together.
    pub memory: usize,
    /// Of these, what memories start with beyond the minimum that their module says.
    pub memory_beyond_minimum: usize,
    /// Meters its processor time.
    pub meter: Arc<CpuMeter>,
}

impl State {
    /// Whether more memory was asked for than may be had.
    pub fn was_refused_memory(&self) -> bool {
        self.limiter.has_refused_memory()
    }

    pub(crate) fn meter(&self) -> &Arc<CpuMeter> {
        &self.meter
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

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
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
pub fn new_store(
    engine: &Engine,
    wasi: WasiCtx,
    nn: Nn,
    Allowance { memory, memory_beyond_minimum, meter }: Allowance,
) -> Store<State> {
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(FIELDS);
    let state = State {
        wasi,
        http,
        hooks: NoOutgoingRequests,
        nn,
        table: small_table(),
        limiter: MemoryLimiter::new(memory, memory_beyond_minimum),
        meter,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.epoch_deadline_callback(|store| {
        store.data().meter.cut_short()?;
        Ok(UpdateDeadline::Yield(1))
    });
    store.set_epoch_deadline(1);
    store
}

/// Bodies, streams and tensors that an instance has in hand.
fn small_table() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(RESOURCES);
    table
}

/// The WASI context of an instance that serves.
pub fn serving_context(options: &InstanceOptions) -> Result<WasiCtx> {
    let mut wasi = WasiCtxBuilder::new();
    let log = GuestLog::default();
    wasi.stdout(log.clone()).stderr(log);
    if !options.fine_clocks {
        guest_clocks::coarsen(&mut wasi);
    }
    if let Some(model) = &options.model {
        preopen_model(&mut wasi, model)?;
    }
    Ok(wasi.build())
}

/// Mounts a model folder read-only.
pub fn preopen_model(wasi: &mut WasiCtxBuilder, model: &Path) -> Result<()> {
    wasi.preopened_dir(model, MODEL_PATH, FsPerms::ReadOnly).map(drop).map_err(|error| {
        Error::Component {
            name: model.display().to_string(),
            reason: format!("cannot be mounted: {error:#}"),
        }
    })
}
