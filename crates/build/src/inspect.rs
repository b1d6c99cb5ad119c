//! What a component is made of.

use std::collections::BTreeMap;

use pilotlight_bundle::{Bundle, VerifyingKey};
use pilotlight_model::Digest;
use serde::Serialize;
use wasmparser::{DataKind, DataSectionReader, Operator, Parser, Payload, Validator, WasmFeatures};

use crate::error::{Error, Result};
use crate::manifest::BundleManifest;

/// Content of a component, as far as it is known without running it.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Size of the file in bytes.
    pub bytes: usize,
    /// Bytes of code in all its modules.
    pub code_bytes: usize,
    /// Bytes of initial memory in all its modules.
    pub data_bytes: usize,
    /// Bytes from the first to the last of them, memory by memory. Wasmtime maps a memory that is
    /// at least half full of them, or no longer than 16 MiB, and copies any other for each
    /// instance.
    pub data_span: u64,
    /// Functions in all its modules.
    pub functions: u32,
    /// Imports.
    pub imports: Vec<String>,
    /// Exports.
    pub exports: Vec<String>,
    /// Digest and signatures that match the content.
    pub seal: Option<Seal>,
    /// Manifest; only in components that Pilotlight pre-initialized.
    pub manifest: Option<BundleManifest>,
}

/// A seal that fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Seal {
    /// The digest in it, which is what signatures are of.
    pub sha256: Digest,
    /// Signatures, the oldest first.
    pub signatures: Vec<SealSignature>,
}

/// A signature of a seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SealSignature {
    /// Identifier of the key that the signature names.
    pub key: String,
    /// Whether that key made it; nobody knows without the key.
    pub valid: Option<bool>,
}

/// Validates and inspects a component, called `name` in errors; signatures that name one of `keys`
/// are checked with it.
///
/// # Errors
/// [`Error::Component`] if it is not one, or not what was sealed.
pub fn inspect(name: &str, component: &[u8], keys: &[VerifyingKey]) -> Result<Inspection> {
    let refuse = |reason: String| Error::Component { name: name.to_owned(), reason };
    if !Parser::is_component(component) {
        return Err(refuse("is not a WebAssembly component".to_owned()));
    }
    let features = WasmFeatures::default() | WasmFeatures::CM_ASYNC;
    Validator::new_with_features(features)
        .validate_all(component)
        .map_err(|error| refuse(format!("is not valid: {error}")))?;
    let bundle = Bundle::read(component).map_err(|error| refuse(error.to_string()))?;
    let mut inspection = Inspection {
        sha256: Digest::of(component),
        bytes: component.len(),
        code_bytes: 0,
        data_bytes: 0,
        data_span: 0,
        functions: 0,
        imports: Vec::new(),
        exports: Vec::new(),
        manifest: bundle.as_ref().and_then(BundleManifest::of_bundle),
        seal: bundle.map(|bundle| Seal::of(&bundle, keys)),
    };
    let mut names = Names::default();
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| refuse(error.to_string()))?;
        inspection.add(payload, &mut names).map_err(|error| refuse(error.to_string()))?;
    }
    inspection.imports = names.imports.into_keys().collect();
    inspection.exports = names.exports.into_keys().collect();
    Ok(inspection)
}

impl Seal {
    fn of(bundle: &Bundle<'_>, keys: &[VerifyingKey]) -> Self {
        let signature = |signature: &pilotlight_bundle::Signature| {
            let named = keys.iter().find(|key| key.id() == signature.key());
            let valid = named.map(|key| bundle.is_signed_by(key));
            SealSignature { key: signature.key().to_string(), valid }
        };
        let signatures = bundle.signatures().iter().map(signature).collect();
        Self { sha256: bundle.digest(), signatures }
    }
}

/// Imports and exports of the outermost component, sorted.
#[derive(Default)]
struct Names {
    depth: usize,
    imports: BTreeMap<String, ()>,
    exports: BTreeMap<String, ()>,
}

impl Inspection {
    fn add(&mut self, payload: Payload<'_>, names: &mut Names) -> wasmparser::Result<()> {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => names.depth += 1,
            Payload::End(_) => names.depth = names.depth.saturating_sub(1),
            Payload::CodeSectionStart { count, size, .. } => {
                self.functions += count;
                self.code_bytes += size as usize;
            }
            Payload::DataSection(section) => {
                let range = section.range();
                self.data_bytes += range.end - range.start;
                self.data_span += span(section)?;
            }
            Payload::ComponentImportSection(section) if names.depth == 0 => {
                for import in section {
                    names.imports.insert(import?.name.name.to_owned(), ());
                }
            }
            Payload::ComponentExportSection(section) if names.depth == 0 => {
                for export in section {
                    names.exports.insert(export?.name.name.to_owned(), ());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Bytes from the first to the last that constant active segments write.
fn span(segments: DataSectionReader<'_>) -> wasmparser::Result<u64> {
    let (mut first, mut last) = (u64::MAX, 0);
    for segment in segments {
        let segment = segment?;
        let DataKind::Active { offset_expr, .. } = segment.kind else { continue };
        let start = match offset_expr.get_operators_reader().read()? {
            Operator::I32Const { value } => u64::from(value.cast_unsigned()),
            Operator::I64Const { value } => value.cast_unsigned(),
            _ => continue,
        };
        first = first.min(start);
        last = last.max(start.saturating_add(segment.data.len() as u64));
    }
    Ok(last.saturating_sub(first))
}
