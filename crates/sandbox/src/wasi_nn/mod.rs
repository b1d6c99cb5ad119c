//! `wasi:nn` for guests (`wit/wasi-nn.wit`). Guests are untrusted: it checks and limits names, counts and bytes before a
//! backend sees them; [`pilotlight_inference`] checks tensors.
//! Used by `store` and `component`. No other module knows this WIT; it does not know HTTP.

mod held;
mod pace;
mod refusal;
mod types;

use std::sync::Arc;
use std::time::{Duration, Instant};

use pilotlight_inference::{
    Error, Graph, GraphOptions, Graphs, MOST_DIMENSIONS, MOST_INPUTS, Package, Tensor,
};
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Linker, LinkerInstance, Resource, ResourceTable, ResourceType, WasmList,
};

use held::{Brought, Held, MOST_GRAPH_BYTES};
use pace::Pace;
use refusal::Refusal;
use types::{ErrorCode, ExecutionTarget, GraphEncoding, GuestError, GuestTensor, TensorType};

/// Bytes of tensors that an instance may keep on the host.
const MOST_TENSOR_BYTES: usize = 64 << 20;
/// Longest name of an input that is looked at.
const LONGEST_NAME: usize = 256;

/// What an instance may compute with.
#[derive(Default, Clone)]
pub struct Nn {
    graphs: Option<Arc<Graphs>>,
    /// How calls of graphs are queued that guests bring along; none: they may not.
    load: Option<GraphOptions>,
    /// Bytes of tensors that the instance keeps.
    kept: usize,
    brought: Brought,
    pace: Pace,
}

/// The parts of an instance's state that are used here.
pub(crate) struct NnView<'a> {
    pub(crate) nn: &'a mut Nn,
    pub(crate) table: &'a mut ResourceTable,
}

/// State that has these parts.
pub(crate) trait HasNn: Send + 'static {
    fn nn(&mut self) -> NnView<'_>;
}

impl Nn {
    /// Gives access to `graphs`, and to those that guests bring along if `load` says so.
    pub fn new(graphs: Arc<Graphs>, load: Option<GraphOptions>) -> Self {
        Self { graphs: Some(graphs), load, ..Self::default() }
    }

    /// The same for instances that compute once in a `period`, each time until the next one is due.
    #[must_use]
    pub fn with_period(self, period: Option<Duration>) -> Self {
        Self { pace: Pace::new(period), ..self }
    }

    fn graphs(&self) -> Result<&Arc<Graphs>, Refusal> {
        self.graphs.as_ref().ok_or_else(|| {
            Refusal::new(ErrorCode::NotFound, "graphs are not available on this host".to_owned())
        })
    }
}

type Answer<T> = wasmtime::Result<(Result<T, Resource<GuestError>>,)>;
type Answering<'a, T> = Box<dyn Future<Output = Answer<T>> + Send + 'a>;
type NamedTensor = (String, Resource<GuestTensor>);

/// Adds `wasi:nn@0.2.0-rc-2024-10-28`.
pub(crate) fn add_to_linker<T: HasNn>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    add_errors(&mut linker.instance("wasi:nn/errors@0.2.0-rc-2024-10-28")?)?;
    add_tensor(&mut linker.instance("wasi:nn/tensor@0.2.0-rc-2024-10-28")?)?;
    add_inference(&mut linker.instance("wasi:nn/inference@0.2.0-rc-2024-10-28")?)?;
    add_graph(&mut linker.instance("wasi:nn/graph@0.2.0-rc-2024-10-28")?)
}

/// Adds a resource kept in the table, which is dropped by deleting it; `dropped` is told.
fn add_resource<T: HasNn, R: Send + 'static>(
    instance: &mut LinkerInstance<'_, T>,
    name: &str,
    dropped: fn(&mut Nn, R),
) -> wasmtime::Result<()> {
    let ty = ResourceType::host::<R>();
    instance.resource(name, ty, move |mut store: StoreContextMut<'_, T>, rep| {
        let view = store.data_mut().nn();
        dropped(view.nn, view.table.delete(Resource::<R>::new_own(rep))?);
        Ok(())
    })
}

fn add_errors<T: HasNn>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    add_resource::<T, GuestError>(instance, "error", |_, _| {})?;
    instance.func_wrap(
        "[method]error.code",
        |mut store: StoreContextMut<'_, T>, (error,): (Resource<GuestError>,)| {
            Ok((store.data_mut().nn().table.get(&error)?.code,))
        },
    )?;
    instance.func_wrap(
        "[method]error.data",
        |mut store: StoreContextMut<'_, T>, (error,): (Resource<GuestError>,)| {
            Ok((store.data_mut().nn().table.get(&error)?.data.clone(),))
        },
    )
}

fn add_tensor<T: HasNn>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    instance.resource(
        "tensor",
        ResourceType::host::<GuestTensor>(),
        |mut store: StoreContextMut<'_, T>, rep| {
            store.data_mut().nn().take(Resource::new_own(rep))?;
            Ok(())
        },
    )?;
    instance.func_wrap(
        "[constructor]tensor",
        |mut store: StoreContextMut<'_, T>,
         (sizes, ty, data): (WasmList<u32>, TensorType, WasmList<u8>)| {
            let graphs = store.data_mut().nn().nn.graphs.clone();
            let room = MOST_TENSOR_BYTES.saturating_sub(store.data_mut().nn().nn.kept);
            // The guest's memory is read here, and nowhere else: one copy.
            let (sizes, bytes) = (sizes.as_le_slice(&store), data.as_le_slice(&store));
            let tensor = copied(graphs.as_deref(), room, ty, sizes, bytes);
            Ok((store.data_mut().nn().keep(GuestTensor { ty, tensor })?,))
        },
    )?;
    instance.func_wrap(
        "[method]tensor.dimensions",
        |mut store: StoreContextMut<'_, T>, (tensor,): (Resource<GuestTensor>,)| {
            Ok((store.data_mut().nn().table.get(&tensor)?.sizes(),))
        },
    )?;
    instance.func_wrap(
        "[method]tensor.ty",
        |mut store: StoreContextMut<'_, T>, (tensor,): (Resource<GuestTensor>,)| {
            Ok((store.data_mut().nn().table.get(&tensor)?.ty,))
        },
    )?;
    instance.func_wrap(
        "[method]tensor.data",
        |mut store: StoreContextMut<'_, T>, (tensor,): (Resource<GuestTensor>,)| {
            // Copied once, from where the backend wrote it into the guest's memory.
            Ok((store.data_mut().nn().table.get(&tensor)?.data(),))
        },
    )
}

/// The tensor that a guest describes. The constructor cannot refuse: what is wrong with it is
/// told when it is used.
fn copied(
    graphs: Option<&Graphs>,
    room: usize,
    ty: TensorType,
    sizes: &[u32],
    bytes: &[u8],
) -> Result<Tensor, Error> {
    let graphs = graphs
        .ok_or_else(|| Error::Unavailable("graphs are not available on this host".to_owned()))?;
    if sizes.len() > MOST_DIMENSIONS {
        let message = format!("a tensor of {} dimensions; at most {MOST_DIMENSIONS}", sizes.len());
        return Err(Error::InvalidInput(message));
    }
    if bytes.len() > room {
        let most = MOST_TENSOR_BYTES;
        return Err(Error::TooLarge(format!("tensors of more than {most} bytes in one instance")));
    }
    Tensor::copied(graphs.buffers(), ty.into(), sizes, bytes)
}

fn add_inference<T: HasNn>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    add_resource::<T, Context>(instance, "graph-execution-context", |nn, context| {
        nn.brought.release(context.0);
    })?;
    instance.func_wrap_async(
        "[method]graph-execution-context.compute",
        |mut store: StoreContextMut<'_, T>,
         (context, inputs): (Resource<Context>, Vec<NamedTensor>)|
         -> Answering<'_, Vec<NamedTensor>> {
            // The guest waits, and its instance with it, but no thread does.
            Box::new(async move {
                let taken = store.data_mut().nn().inputs(&context, inputs)?;
                let outputs = match taken {
                    Ok((graph, inputs)) => {
                        let due = store.data_mut().nn().nn.pace.due(Instant::now());
                        graph.compute_by(due, inputs).await.map_err(Refusal::from)
                    }
                    Err(refusal) => Err(refusal),
                };
                store.data_mut().nn().outputs(outputs)
            })
        },
    )
}

/// A graph that a guest may compute; there is nothing else to a context.
struct Context(Held);
/// A graph that a guest has loaded.
struct GuestGraph(Held);

fn add_graph<T: HasNn>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    add_resource::<T, GuestGraph>(instance, "graph", |nn, graph| nn.brought.release(graph.0))?;
    instance.func_wrap(
        "[method]graph.init-execution-context",
        |mut store: StoreContextMut<'_, T>, (graph,): (Resource<GuestGraph>,)| {
            let view = store.data_mut().nn();
            let context = Context(view.table.get(&graph)?.0.clone());
            let context: Result<_, Resource<GuestError>> = Ok(view.table.push(context)?);
            Ok((context,))
        },
    )?;
    instance.func_wrap(
        "load-by-name",
        |mut store: StoreContextMut<'_, T>, (name,): (String,)| {
            let mut view = store.data_mut().nn();
            let graph = view.nn.graphs().and_then(|graphs| Ok(graphs.get(&name)?));
            view.answer_graph(graph.map(Held::named))
        },
    )?;
    instance.func_wrap_async(
        "load",
        |mut store: StoreContextMut<'_, T>,
         (parts, encoding, target): (Vec<WasmList<u8>>, GraphEncoding, ExecutionTarget)|
         -> Answering<'_, Resource<GuestGraph>> {
            Box::new(async move {
                let lengths: Vec<usize> = parts.iter().map(WasmList::len).collect();
                let allowed = store.data_mut().nn().nn.check_load(&lengths, encoding, target);
                let graph = match allowed {
                    Ok((graphs, options)) => {
                        let file = parts.first().map(|part| part.as_le_slice(&store).to_vec());
                        load(graphs, file.unwrap_or_default(), options).await
                    }
                    Err(refusal) => Err(refusal),
                };
                let bytes = lengths.iter().sum::<usize>();
                let mut view = store.data_mut().nn();
                let held = graph.map(|graph| view.nn.brought.hold(graph, bytes));
                view.answer_graph(held)
            })
        },
    )
}

/// Loads off the thread that drives the guest.
async fn load(graphs: Arc<Graphs>, file: Vec<u8>, options: GraphOptions) -> Result<Graph, Refusal> {
    if Package::is(&file) {
        let message = "a package of graphs is not supported; only ONNX is".to_owned();
        return Err(Refusal::new(ErrorCode::InvalidEncoding, message));
    }
    let load = move || graphs.load_unnamed("a guest's graph", file, options);
    let loaded = tokio::task::spawn_blocking(load).await;
    let broken =
        |_| Refusal::new(ErrorCode::Unknown, "an internal error ended the loading".to_owned());
    Ok(loaded.map_err(broken)??)
}

impl Nn {
    fn check_load(
        &self,
        parts: &[usize],
        encoding: GraphEncoding,
        target: ExecutionTarget,
    ) -> Result<(Arc<Graphs>, GraphOptions), Refusal> {
        let Some(options) = self.load else {
            let message = "guests may not load their own graphs; use load-by-name, or allow it \
                with --allow-guest-graphs";
            return Err(Refusal::new(ErrorCode::Security, message.to_owned()));
        };
        if !matches!(encoding, GraphEncoding::Onnx | GraphEncoding::Autodetect) {
            let message = format!("{encoding:?} is not supported; only ONNX is");
            return Err(Refusal::new(ErrorCode::InvalidEncoding, message));
        }
        if matches!(target, ExecutionTarget::Tpu) {
            let message = "the execution target TPU is not supported".to_owned();
            return Err(Refusal::new(ErrorCode::UnsupportedOperation, message));
        }
        match parts {
            [bytes] if self.brought.has_room_for(*bytes) => {
                Ok((Arc::clone(self.graphs()?), options))
            }
            [bytes] => {
                let most = MOST_GRAPH_BYTES;
                let message = format!("{bytes} bytes; graphs of an instance have at most {most}");
                Err(Refusal::new(ErrorCode::TooLarge, message))
            }
            parts => {
                let message = format!("{} parts; an ONNX graph is one", parts.len());
                Err(Refusal::new(ErrorCode::InvalidArgument, message))
            }
        }
    }
}

type Prepared = Result<(Graph, Vec<(String, Tensor)>), Refusal>;

impl NnView<'_> {
    /// Keeps a tensor for the guest.
    fn keep(&mut self, tensor: GuestTensor) -> wasmtime::Result<Resource<GuestTensor>> {
        let bytes = tensor.bytes();
        let resource = self.table.push(tensor)?;
        self.nn.kept += bytes;
        Ok(resource)
    }

    /// Takes a tensor from the guest.
    fn take(&mut self, tensor: Resource<GuestTensor>) -> wasmtime::Result<GuestTensor> {
        let tensor = self.table.delete(tensor)?;
        self.nn.kept = self.nn.kept.saturating_sub(tensor.bytes());
        Ok(tensor)
    }

    /// Takes the inputs of a computation; all of them, whatever is wrong with one.
    fn inputs(
        &mut self,
        context: &Resource<Context>,
        inputs: Vec<NamedTensor>,
    ) -> wasmtime::Result<Prepared> {
        let graph = self.table.get(context)?.0.graph.clone();
        let count = inputs.len();
        let mut taken = Vec::with_capacity(count.min(MOST_INPUTS));
        let mut refusal = None;
        for (name, tensor) in inputs {
            let tensor = self.take(tensor)?.tensor;
            match tensor {
                _ if refusal.is_some() => {}
                _ if name.len() > LONGEST_NAME || count > MOST_INPUTS => {
                    let message = format!("{count} inputs, or a name of {} bytes", name.len());
                    refusal = Some(Refusal::new(ErrorCode::TooLarge, message));
                }
                Ok(tensor) => taken.push((name, tensor)),
                Err(error) => {
                    let Refusal(GuestError { code, data }) = error.into();
                    refusal = Some(Refusal::new(code, format!("input {name}: {data}")));
                }
            }
        }
        Ok(match refusal {
            None => Ok((graph, taken)),
            Some(refusal) => Err(refusal),
        })
    }

    /// Gives outputs to the guest.
    fn outputs(
        &mut self,
        outputs: Result<Vec<(String, Tensor)>, Refusal>,
    ) -> Answer<Vec<NamedTensor>> {
        let outputs = outputs.and_then(|outputs| {
            let bytes: usize = outputs.iter().map(|(_, tensor)| tensor.bytes().len()).sum();
            if self.nn.kept.saturating_add(bytes) > MOST_TENSOR_BYTES {
                let message = format!("outputs of {bytes} bytes; at most {MOST_TENSOR_BYTES}");
                return Err(Refusal::new(ErrorCode::TooLarge, message));
            }
            Ok(outputs)
        });
        let outputs = match outputs {
            Ok(outputs) => outputs,
            Err(refusal) => return self.refuse(refusal),
        };
        let keep = |(name, tensor): (String, Tensor)| {
            let ty = tensor.element().into();
            Ok((name, self.keep(GuestTensor { ty, tensor: Ok(tensor) })?))
        };
        let kept = outputs.into_iter().map(keep).collect::<wasmtime::Result<_>>()?;
        Ok((Ok(kept),))
    }

    fn answer_graph(&mut self, graph: Result<Held, Refusal>) -> Answer<Resource<GuestGraph>> {
        match graph {
            Ok(graph) => Ok((Ok(self.table.push(GuestGraph(graph))?),)),
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn refuse<T>(&mut self, Refusal(error): Refusal) -> Answer<T> {
        tracing::debug!(code = ?error.code, data = %error.data, "wasi:nn");
        Ok((Err(self.table.push(error)?),))
    }
}
