//! What each instance owns: its WASI context, its resources and its limits.

use std::path::Path;

use http_body_util::combinators::UnsyncBoxBody;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::config::Options;
use crate::error::{Error, Result};
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
    limits: StoreLimits,
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

/// A store around `wasi` and `nn` with a memory limit, whose guest yields at each tick of the
/// epoch.
pub(crate) fn new_store(
    engine: &Engine,
    wasi: WasiCtx,
    nn: Nn,
    memory_limit: usize,
) -> Store<State> {
    let state = State {
        wasi,
        http: WasiHttpCtx::new(),
        hooks: NoOutgoingRequests,
        nn,
        table: small_table(),
        limits: StoreLimitsBuilder::new()
            .memory_size(memory_limit)
            .memories(PARTS)
            .instances(PARTS)
            .tables(PARTS)
            .table_elements(TABLE_ELEMENTS)
            .build(),
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limits);
    store.epoch_deadline_async_yield_and_update(1);
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
pub(crate) fn serving_context(options: &Options) -> Result<WasiCtx> {
    let mut wasi = WasiCtxBuilder::new();
    // What a guest prints is a panic message at most.
    wasi.inherit_stderr();
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
