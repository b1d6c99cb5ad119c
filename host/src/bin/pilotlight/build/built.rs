//! What was built, and what decides about its precision.

use anyhow::Context as _;
use pilotlight::{AccuracyCheck, Agreement, BundleManifest, Precision};
use pilotlight_model::ModelFolder;
use pilotlight_onnx::{Pieces, contains_operator, decode_with};

/// What was built.
pub(super) struct Built {
    pub(super) component: Vec<u8>,
    /// Agreement of its answers with those of f32, if it was measured.
    pub(super) agreement: Option<Agreement>,
    /// The graph that the host computes for it.
    pub(super) graph: Option<Vec<u8>>,
}

impl Built {
    pub(super) fn in_guest(component: Vec<u8>, agreement: Option<Agreement>) -> Self {
        Self { component, agreement, graph: None }
    }

    pub(super) fn on_host(
        (component, graph): (Vec<u8>, Vec<u8>),
        agreement: Option<Agreement>,
    ) -> Self {
        Self { component, agreement, graph: Some(graph) }
    }
}

/// Precisions below f32 that an encoder can be computed in, the smallest first.
pub(super) fn in_integers(folder: &ModelFolder) -> anyhow::Result<Vec<Precision>> {
    Ok(match has_weights_of_4_bits(folder)? {
        true => vec![Precision::Int4, Precision::Int8],
        // Four bits would be eight under another name.
        false => vec![Precision::Int8],
    })
}

fn has_weights_of_4_bits(folder: &ModelFolder) -> anyhow::Result<bool> {
    let file = &folder.manifest().onnx_file;
    let path = folder.path().join(file);
    let model = folder.read_in_pieces(file)?.into_iter().collect::<Pieces>();
    let mut beside = |name: &str| folder.read_beside_graph(name).map_err(|error| error.to_string());
    let decoded = decode_with(model, &mut beside);
    let (model, _) = decoded.with_context(|| path.display().to_string())?;
    Ok(contains_operator(&model, "MatMulNBits"))
}

/// How the answers of a component are compared with those in another precision.
pub(super) fn accuracy_check(component: &[u8]) -> anyhow::Result<AccuracyCheck> {
    let check = BundleManifest::of(component)?.and_then(|manifest| manifest.accuracy_check);
    check.context("the component's manifest has no accuracy check")
}
