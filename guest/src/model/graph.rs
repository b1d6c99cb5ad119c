//! The graph of a model folder, where it is computed.

use pilotlight_model::ModelFolder;
#[cfg(feature = "tract")]
use pilotlight_onnx::{OnnxError, Pieces};

use super::LoadError;
use crate::engine::{Encoder, Engine, EngineError, HostGraph, Padding, Placement, Precision};
#[cfg(feature = "tract")]
use crate::engine::{Lowered, TractEngine};

/// The graph of a model that reads texts, and the rows of its embedding where they are known.
pub(super) fn encoder(
    folder: &ModelFolder,
    (columns, first_position): (Option<usize>, i64),
    longest: usize,
    placement: Placement,
) -> Result<(Encoder, Option<usize>), LoadError> {
    let padding =
        |pad_to_multiple_of, fixed| Padding { pad_to_multiple_of, longest, fixed, first_position };
    let (engine, padding, (rows, any_lengths), vocabulary) = match placement {
        Placement::Guest(precision) => {
            let (engine, length, vocabulary) = in_guest(folder, columns, precision)?;
            (engine, padding(1, length), (1, false), vocabulary)
        }
        Placement::Host(graph) => {
            let HostGraph { pad_to_multiple_of, length, rows, vocabulary, any_lengths, .. } = graph;
            let padding = padding(pad_to_multiple_of, length);
            (on_host(graph)?, padding, (rows, any_lengths), vocabulary)
        }
    };
    let encoder = Encoder::new(engine, padding, (rows, vocabulary));
    let encoder = encoder.map_err(engine_error(folder))?.of_any_lengths(any_lengths);
    Ok((encoder, vocabulary))
}

fn engine_error(folder: &ModelFolder) -> impl Fn(EngineError) -> LoadError {
    |error| LoadError::Engine { file: folder.manifest().onnx_file.clone(), error }
}

/// An engine, the only number of tokens that it reads, and the rows of its embedding.
type InGuest = (Box<dyn Engine>, Option<usize>, Option<usize>);

#[cfg(feature = "tract")]
fn in_guest(
    folder: &ModelFolder,
    columns: Option<usize>,
    precision: Precision,
) -> Result<InGuest, LoadError> {
    let model = decode(folder)?;
    let lowered = TractEngine::encoder(model, (folder.manifest(), columns), precision);
    let Lowered { engine, length, vocabulary } = lowered.map_err(graph_error(folder))?;
    Ok((Box::new(engine), length, vocabulary))
}

/// The graph beside that of a speech model, which tells voice activity.
pub(super) fn voice_graph(placement: &Placement) -> Result<Box<dyn Engine>, LoadError> {
    let Placement::Host(graph) = placement else {
        let reason = "the sandbox does not compute speech; use --compute host with ONNX Runtime";
        return Err(LoadError::Variant(reason));
    };
    match &graph.beside[..] {
        [voice] => on_host(voice.clone()),
        _ => Err(LoadError::Variant("the host has no graph for voice activity")),
    }
}

#[cfg(feature = "tract")]
pub(super) fn any_graph(
    folder: &ModelFolder,
    placement: Placement,
) -> Result<Box<dyn Engine>, LoadError> {
    match placement {
        Placement::Host(graph) => on_host(graph),
        Placement::Guest(_) => {
            let engine = TractEngine::graph(decode(folder)?).map_err(graph_error(folder))?;
            Ok(Box::new(engine))
        }
    }
}

#[cfg(feature = "tract")]
fn decode(folder: &ModelFolder) -> Result<pilotlight_onnx::proto::ModelProto, LoadError> {
    let pieces = folder.read_in_pieces(&folder.manifest().onnx_file)?;
    let mut beside = |name: &str| folder.read_beside_graph(name).map_err(|error| error.to_string());
    let decoded = pilotlight_onnx::decode_with(pieces.into_iter().collect::<Pieces>(), &mut beside);
    decoded.map(|(model, _)| model).map_err(graph_error(folder))
}

#[cfg(feature = "tract")]
fn graph_error(folder: &ModelFolder) -> impl Fn(OnnxError) -> LoadError {
    |error| LoadError::Graph { file: folder.manifest().onnx_file.clone(), error }
}

#[cfg(not(feature = "tract"))]
const NO_GRAPH: &str = "this guest computes on the host and was given no graph";

#[cfg(not(feature = "tract"))]
fn in_guest(
    _folder: &ModelFolder,
    _columns: Option<usize>,
    _precision: Precision,
) -> Result<InGuest, LoadError> {
    Err(LoadError::Variant(NO_GRAPH))
}

#[cfg(not(feature = "tract"))]
pub(super) fn any_graph(
    _folder: &ModelFolder,
    placement: Placement,
) -> Result<Box<dyn Engine>, LoadError> {
    match placement {
        Placement::Host(graph) => on_host(graph),
        Placement::Guest(_) => Err(LoadError::Variant(NO_GRAPH)),
    }
}

#[cfg(all(feature = "wasi-nn", target_family = "wasm"))]
fn on_host(graph: HostGraph) -> Result<Box<dyn Engine>, LoadError> {
    Ok(Box::new(crate::engine::NnEngine::new(graph)))
}

#[cfg(not(all(feature = "wasi-nn", target_family = "wasm")))]
fn on_host(_graph: HostGraph) -> Result<Box<dyn Engine>, LoadError> {
    Err(LoadError::Variant("this guest computes in the sandbox and needs no graph"))
}
