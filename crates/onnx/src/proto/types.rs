use bytes::Bytes;
use prost::{Message, Oneof};

use super::StringStringEntryProto;

/// A value by name, with its declared type.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The declared type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
    /// Description.
    #[prost(string, tag = "3")]
    pub doc_string: String,
    /// Free-form annotations.
    #[prost(message, repeated, tag = "4")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

/// The type of a value.
#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    /// Which kind of value.
    #[prost(oneof = "type_proto::Value", tags = "1, 4, 5, 7, 8, 9")]
    pub value: Option<type_proto::Value>,
    /// What it stands for.
    #[prost(string, tag = "6")]
    pub denotation: String,
}

/// The kinds of [`TypeProto`].
pub mod type_proto {
    use super::{Bytes, Oneof, TensorType};

    /// A kind of value; all but tensors are not decoded.
    #[derive(Clone, PartialEq, Oneof)]
    pub enum Value {
        /// A dense tensor.
        #[prost(message, tag = "1")]
        TensorType(TensorType),
        /// A sequence.
        #[prost(bytes = "bytes", tag = "4")]
        SequenceType(Bytes),
        /// A map.
        #[prost(bytes = "bytes", tag = "5")]
        MapType(Bytes),
        /// Of somebody's own.
        #[prost(bytes = "bytes", tag = "7")]
        OpaqueType(Bytes),
        /// A sparse tensor.
        #[prost(bytes = "bytes", tag = "8")]
        SparseTensorType(Bytes),
        /// A value that may be absent.
        #[prost(bytes = "bytes", tag = "9")]
        OptionalType(Bytes),
    }
}

/// Element type and shape of a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    /// One of ONNX's `TensorProto.DataType`.
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    /// The shape; absent where even the rank is unknown.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// The shape of a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    /// Its dimensions; none for a scalar.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<tensor_shape::Dimension>,
}

/// What [`TensorShapeProto`] is made of.
pub mod tensor_shape {
    use super::{Message, dimension};

    /// One dimension.
    #[derive(Clone, PartialEq, Message)]
    pub struct Dimension {
        /// Its size, if anything is said of it.
        #[prost(oneof = "dimension::Value", tags = "1, 2")]
        pub value: Option<dimension::Value>,
        /// What it stands for.
        #[prost(string, tag = "3")]
        pub denotation: String,
    }
}

/// What is said of a [`tensor_shape::Dimension`].
pub mod dimension {
    use super::Oneof;

    /// A size.
    #[derive(Clone, PartialEq, Oneof)]
    pub enum Value {
        /// A known one.
        #[prost(int64, tag = "1")]
        DimValue(i64),
        /// The same wherever the name is.
        #[prost(string, tag = "2")]
        DimParam(String),
    }
}
