use bytes::Bytes;
use tract_core::internal::*;

use crate::error::OnnxError;
use crate::proto::{AttributeProto, GraphProto, NodeProto, TensorProto, is_onnx};

/// How errors call a node.
impl NodeProto {
    /// Its name, or else that of its first output.
    pub(crate) fn label(&self) -> &str {
        if self.name.is_empty() { self.output.first().map_or("", |name| name) } else { &self.name }
    }

    /// The operator, with its domain unless it is ONNX's own.
    pub(crate) fn operator(&self) -> String {
        if is_onnx(&self.domain) {
            self.op_type.clone()
        } else {
            format!("{}.{}", self.domain, self.op_type)
        }
    }

    pub(crate) fn refuse(&self, reason: impl Into<String>) -> OnnxError {
        OnnxError::Node {
            node: self.label().into(),
            operator: self.op_type.clone(),
            reason: reason.into(),
        }
    }
}

/// Attributes of a node by name, with ONNX's defaults supplied by the caller.
impl NodeProto {
    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(crate) fn int(&self, name: &str) -> TractResult<i64> {
        let attribute = self.attribute(name);
        attribute.map(|a| a.i).with_context(|| format!("attribute {name} is missing"))
    }

    pub(crate) fn int_or(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.i)
    }

    pub(crate) fn size(&self, name: &str) -> TractResult<usize> {
        let value = self.int(name)?;
        usize::try_from(value).ok().with_context(|| format!("attribute {name} is {value}"))
    }

    pub(crate) fn float_or(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |a| a.f)
    }

    pub(crate) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| &a.ints[..])
    }

    pub(crate) fn string(&self, name: &str) -> Option<&[u8]> {
        self.attribute(name).map(|a| &a.s[..])
    }

    pub(crate) fn strings(&self, name: &str) -> Option<&[Bytes]> {
        self.attribute(name).map(|a| &a.strings[..])
    }

    pub(crate) fn floats(&self, name: &str) -> Option<&[f32]> {
        self.attribute(name).map(|a| &a.floats[..])
    }

    pub(crate) fn tensor(&self, name: &str) -> Option<&TensorProto> {
        self.attribute(name).and_then(|a| a.t.as_ref())
    }

    pub(crate) fn graph(&self, name: &str) -> Option<&GraphProto> {
        self.attribute(name).and_then(|a| a.g.as_ref())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }
}
