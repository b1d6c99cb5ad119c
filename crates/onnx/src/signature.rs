//! What a file declares, read without its weights.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use pilotlight_model::{GraphPort, GraphSignature};
use prost::Message as _;

use crate::error::OnnxError;
use crate::host_types::declared;
use crate::proto::{ModelProto, ValueInfoProto, dimension, type_proto};

/// No reader of protocol buffers takes more.
const LARGEST_FILE: u64 = i32::MAX as u64;
/// No declaration or name is longer.
const LONGEST_TEXT: u64 = 1 << 20;

/// Field numbers of `onnx.proto`.
const MODEL_GRAPH: u64 = 7;
const GRAPH_INITIALIZER: u64 = 5;
const GRAPH_INPUT: u64 = 11;
const GRAPH_OUTPUT: u64 = 12;
const TENSOR_NAME: u64 = 8;

/// Inputs and outputs that the graph of an ONNX file declares. Constants that are listed as inputs
/// are no inputs. Weights are skipped, not read.
///
/// # Errors
/// [`OnnxError`] if the file cannot be read, is too large or is no ONNX file.
pub fn signature(path: &Path) -> Result<GraphSignature, OnnxError> {
    let file = File::open(path).map_err(OnnxError::Read)?;
    let length = file.metadata().map_err(OnnxError::Read)?.len();
    if length > LARGEST_FILE {
        return Err(OnnxError::Graph(format!(
            "{length} bytes are more than an ONNX file may have"
        )));
    }
    let mut scan = Scan { file: BufReader::new(file), at: 0 };
    let mut found = Found::default();
    scan.fields(length, &mut |scan, field, end| match field {
        MODEL_GRAPH => {
            found.graph = true;
            found.read_graph(scan, end)
        }
        _ => Ok(()),
    })?;
    found.signature()
}

/// The same of a graph that has been read.
pub fn signature_of(model: &ModelProto) -> GraphSignature {
    let Some(graph) = &model.graph else { return GraphSignature::default() };
    let constants: BTreeSet<&str> = graph.initializer.iter().map(|t| &t.name[..]).collect();
    let inputs = graph.input.iter().filter(|input| !constants.contains(&input.name[..]));
    GraphSignature {
        inputs: inputs.map(port).collect(),
        outputs: graph.output.iter().map(port).collect(),
    }
}

#[derive(Default)]
struct Found {
    graph: bool,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
    constants: BTreeSet<String>,
}

impl Found {
    fn read_graph(&mut self, scan: &mut Scan, end: u64) -> Result<(), OnnxError> {
        scan.fields(end, &mut |scan, field, end| {
            match field {
                GRAPH_INPUT => self.inputs.push(scan.value(end)?),
                GRAPH_OUTPUT => self.outputs.push(scan.value(end)?),
                GRAPH_INITIALIZER => self.read_constant(scan, end)?,
                _ => {}
            }
            Ok(())
        })
    }

    fn read_constant(&mut self, scan: &mut Scan, end: u64) -> Result<(), OnnxError> {
        scan.fields(end, &mut |scan, field, end| {
            if field == TENSOR_NAME {
                let name = String::from_utf8(scan.bytes(end)?).map_err(|_| malformed())?;
                self.constants.insert(name);
            }
            Ok(())
        })
    }

    fn signature(self) -> Result<GraphSignature, OnnxError> {
        if !self.graph {
            return Err(OnnxError::Graph("the file holds no graph".into()));
        }
        let inputs = self.inputs.iter().filter(|input| !self.constants.contains(&input.name));
        let inputs = inputs.map(port).collect();
        Ok(GraphSignature { inputs, outputs: self.outputs.iter().map(port).collect() })
    }
}

fn port(value: &ValueInfoProto) -> GraphPort {
    let value_type = value.r#type.as_ref().and_then(|declared| declared.value.as_ref());
    let tensor = match value_type {
        Some(type_proto::Value::TensorType(tensor)) => Some(tensor),
        _ => None,
    };
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    let dims = shape.map(|shape| {
        let size = |dim: &Option<dimension::Value>| match dim {
            // Other numbers stand for unknown sizes.
            Some(dimension::Value::DimValue(size)) => u64::try_from(*size).ok().filter(|s| *s > 0),
            _ => None,
        };
        shape.dim.iter().map(|dim| size(&dim.value)).collect()
    });
    let of_tensor = tensor.map_or(0, |tensor| tensor.elem_type);
    let element = declared(value).unwrap_or(of_tensor);
    GraphPort { name: value.name.clone(), element, dims }
}

/// A file, read field by field.
struct Scan {
    file: BufReader<File>,
    at: u64,
}

/// What is done with a field of a message: its number, and where it ends.
type See<'a> = dyn FnMut(&mut Scan, u64, u64) -> Result<(), OnnxError> + 'a;

impl Scan {
    /// Shows the fields that have a length to `see`, up to `end`; what it leaves is skipped.
    fn fields(&mut self, end: u64, see: &mut See<'_>) -> Result<(), OnnxError> {
        while self.at < end {
            let key = self.varint()?;
            let length = match key & 7 {
                0 => {
                    self.varint()?;
                    continue;
                }
                1 => 8,
                2 => self.varint()?,
                5 => 4,
                _ => return Err(malformed()),
            };
            let field_end = self.at.checked_add(length).filter(|field_end| *field_end <= end);
            let field_end = field_end.ok_or_else(malformed)?;
            if key & 7 == 2 {
                see(self, key >> 3, field_end)?;
            }
            self.skip_to(field_end)?;
        }
        if self.at == end { Ok(()) } else { Err(malformed()) }
    }

    fn varint(&mut self) -> Result<u64, OnnxError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.file.read_exact(&mut byte).map_err(read_error)?;
            self.at += 1;
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        Err(malformed())
    }

    fn skip_to(&mut self, end: u64) -> Result<(), OnnxError> {
        let distance = i64::try_from(end - self.at).map_err(|_| malformed())?;
        self.file.seek_relative(distance).map_err(OnnxError::Read)?;
        self.at = end;
        Ok(())
    }

    /// The rest of a field.
    fn bytes(&mut self, end: u64) -> Result<Vec<u8>, OnnxError> {
        let length = end - self.at;
        if length > LONGEST_TEXT {
            return Err(malformed());
        }
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes).map_err(read_error)?;
        self.at = end;
        Ok(bytes)
    }

    fn value(&mut self, end: u64) -> Result<ValueInfoProto, OnnxError> {
        Ok(ValueInfoProto::decode(&self.bytes(end)?[..])?)
    }
}

fn malformed() -> OnnxError {
    OnnxError::Graph("not an ONNX file, or cut short".into())
}

fn read_error(error: io::Error) -> OnnxError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => malformed(),
        _ => OnnxError::Read(error),
    }
}
