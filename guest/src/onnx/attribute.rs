use tract_core::internal::*;

use super::proto::{AttributeProto, NodeProto, TensorProto};

/// Attributes of a node by name, with ONNX's defaults supplied by the caller.
impl NodeProto {
    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn int(&self, name: &str) -> TractResult<i64> {
        let attribute = self.attribute(name);
        attribute.map(|a| a.i).with_context(|| format!("attribute {name} is missing"))
    }

    pub(super) fn int_or(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.i)
    }

    pub(super) fn size(&self, name: &str) -> TractResult<usize> {
        let value = self.int(name)?;
        usize::try_from(value).ok().with_context(|| format!("attribute {name} is {value}"))
    }

    pub(super) fn float_or(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |a| a.f)
    }

    pub(super) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| &a.ints[..])
    }

    pub(super) fn string(&self, name: &str) -> Option<&[u8]> {
        self.attribute(name).map(|a| &a.s[..])
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&TensorProto> {
        self.attribute(name).and_then(|a| a.t.as_ref())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }
}
