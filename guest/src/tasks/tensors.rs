//! The graph's own inputs and outputs, in the shapes of the Open Inference Protocol, version 2.

use std::fmt;

use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Number;

use crate::api::ApiError;
use crate::engine::{Element, Engine, EngineError, Port, Tensor};
use crate::model::Timings;

/// Most elements of all inputs.
const MOST_ELEMENTS: usize = 1 << 26;

/// A request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Repeated in the answer.
    #[serde(default)]
    pub id: Option<String>,
    /// A tensor for each input of the graph.
    pub inputs: Vec<Input>,
    /// The outputs that are wanted; all unless given.
    #[serde(default)]
    pub outputs: Option<Vec<Wanted>>,
    #[serde(default)]
    #[allow(dead_code, reason = "accepted and ignored")]
    parameters: Option<IgnoredAny>,
}

/// A tensor of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The input's name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// The type of its elements, such as `FP32`.
    pub datatype: String,
    /// Its elements, row-major, flat or nested.
    pub data: Flat,
    #[serde(default)]
    #[allow(dead_code, reason = "accepted and ignored")]
    parameters: Option<IgnoredAny>,
}

/// An output that is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    #[serde(default)]
    #[allow(dead_code, reason = "accepted and ignored")]
    parameters: Option<IgnoredAny>,
}

/// An answer.
#[derive(Debug, Serialize)]
pub struct Response {
    /// That of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The outputs.
    pub outputs: Vec<Computed>,
}

/// A tensor of an answer.
#[derive(Debug, Serialize)]
pub struct Computed {
    /// The output's name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// The type of its elements.
    pub datatype: &'static str,
    /// Its elements, row-major, flat.
    #[serde(rename = "data")]
    pub tensor: Data,
}

/// Answers a request.
///
/// # Errors
/// [`ApiError`].
pub fn answer(
    engine: &dyn Engine,
    request: Request,
    timings: &mut Timings,
) -> Result<Response, ApiError> {
    check_names(engine, &request)?;
    let mut room = MOST_ELEMENTS;
    let inputs = engine.inputs().iter().map(|port| {
        let input = request.inputs.iter().find(|input| input.name == port.name);
        let input = input.ok_or_else(|| missing(engine, &port.name))?;
        input.tensor(port, &mut room)
    });
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    let outputs = timings.infer(|| engine.run(inputs)).map_err(|error| match error {
        // What fits no declaration can still fail within: a shape that the graph cannot take.
        EngineError::Failed(reason) => ApiError::Invalid(format!("inference failed: {reason}")),
        error => ApiError::from(error),
    })?;
    let wanted = |name: &str| {
        let listed = request.outputs.as_ref();
        listed.is_none_or(|outputs| outputs.iter().any(|output| output.name == name))
    };
    let outputs = outputs.into_iter().filter(|(name, _)| wanted(name));
    let outputs = outputs.map(|(name, tensor)| Computed {
        name,
        shape: tensor.shape.clone(),
        datatype: tensor.element.name(),
        tensor: Data(tensor),
    });
    Ok(Response { id: request.id, outputs: outputs.collect() })
}

/// Refuses names that the graph does not have, and names that come twice.
fn check_names(engine: &dyn Engine, request: &Request) -> Result<(), ApiError> {
    let known = |ports: &[Port], name: &str| ports.iter().any(|port| port.name == name);
    for (place, Input { name, .. }) in request.inputs.iter().enumerate() {
        let twice = request.inputs[..place].iter().any(|input| input.name == *name);
        if twice || !known(engine.inputs(), name) {
            let what = if twice { "comes twice" } else { "is none of the graph's" };
            let names = names(engine.inputs());
            return Err(ApiError::Invalid(format!("input {name} {what}; the inputs are {names}")));
        }
    }
    let outputs = request.outputs.iter().flatten();
    match outputs.into_iter().find(|output| !known(engine.outputs(), &output.name)) {
        Some(Wanted { name, .. }) => {
            let names = names(engine.outputs());
            Err(ApiError::Invalid(format!("there is no output {name}; the outputs are {names}")))
        }
        None => Ok(()),
    }
}

fn missing(engine: &dyn Engine, name: &str) -> ApiError {
    let names = names(engine.inputs());
    ApiError::Invalid(format!("input {name} is missing; the inputs are {names}"))
}

fn names(ports: &[Port]) -> String {
    ports.iter().map(|port| &port.name[..]).collect::<Vec<_>>().join(", ")
}

impl Input {
    /// The tensor, if it is what `port` takes; `room` is left for the elements of the others.
    fn tensor(&self, port: &Port, room: &mut usize) -> Result<Tensor, ApiError> {
        let Self { name, shape, datatype, data: Flat(data), .. } = self;
        let refuse = |reason: String| ApiError::Invalid(format!("input {name} {reason}"));
        let element = port.element;
        if Element::of_name(datatype) != Some(element) {
            return Err(refuse(format!("is of {datatype}; the graph takes {}", element.name())));
        }
        let fits = shape.len() == port.dims.len()
            && shape.iter().zip(&port.dims).all(|(size, dim)| dim.is_none_or(|dim| dim == *size));
        if !fits {
            let dims = port.dims.iter().map(|dim| dim.map_or("any".into(), |dim| dim.to_string()));
            let dims = dims.collect::<Vec<String>>().join(", ");
            return Err(refuse(format!("has shape {shape:?}; the graph takes [{dims}]")));
        }
        let volume = Tensor::volume(shape).filter(|volume| *volume <= *room);
        let volume = volume.ok_or_else(|| refuse("has too many elements".to_owned()))?;
        *room -= volume;
        if volume != data.len() {
            let count = data.len();
            return Err(refuse(format!("has {count} elements, but its shape has {volume}")));
        }
        let bytes = bytes(element, data)
            .ok_or_else(|| refuse(format!("has an element that is not of {}", element.name())))?;
        Ok(Tensor { element, shape: shape.clone(), bytes })
    }
}

/// Numbers as the bytes of their type; `None` if one does not fit. 16-bit floats are not written in
/// JSON.
fn bytes(element: Element, data: &[Number]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(data.len() * element.bytes());
    for number in data {
        match element {
            Element::F32 => bytes.extend((number.as_f64()? as f32).to_le_bytes()),
            Element::F64 => bytes.extend(number.as_f64()?.to_le_bytes()),
            Element::Bool => bytes.push(u8::from(number.as_u64()? != 0)),
            Element::U8 => bytes.push(u8::try_from(number.as_u64()?).ok()?),
            Element::I8 => bytes.extend(i8::try_from(number.as_i64()?).ok()?.to_le_bytes()),
            Element::I16 => bytes.extend(i16::try_from(number.as_i64()?).ok()?.to_le_bytes()),
            Element::I32 => bytes.extend(i32::try_from(number.as_i64()?).ok()?.to_le_bytes()),
            Element::I64 => bytes.extend(number.as_i64()?.to_le_bytes()),
            Element::F16 => return None,
        }
    }
    Some(bytes)
}

/// Numbers out of lists in lists, in their order; true is 1 and false is 0.
#[derive(Debug, Default)]
pub struct Flat(pub Vec<Number>);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut flat = Self::default();
        from.deserialize_any(Collect(&mut flat.0))?;
        Ok(flat)
    }
}

struct Collect<'a>(&'a mut Vec<Number>);

impl<'de> de::DeserializeSeed<'de> for Collect<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Collect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.visit_u64(u64::from(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.0.push(value.into());
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.0.push(value.into());
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a finite number"))?;
        self.0.push(number);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Collect(self.0))?.is_some() {}
        Ok(())
    }
}

/// The elements of a tensor as a flat list of numbers; those that JSON does not have are null.
#[derive(Debug)]
pub struct Data(Tensor);

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Tensor { element, bytes, .. } = &self.0;
        let number = |bytes: &[u8]| {
            let mut wide = [0; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            let bits = u64::from_le_bytes(wide);
            match element {
                Element::F32 => JsonNumber::F32(f32::from_bits(bits as u32)),
                Element::F64 => JsonNumber::F64(f64::from_bits(bits)),
                Element::F16 => JsonNumber::F32(half(bits as u16)),
                Element::Bool => JsonNumber::Bool(bits != 0),
                Element::U8 => JsonNumber::Integer(bits as i64),
                Element::I8 => JsonNumber::Integer(i64::from(bits as i8)),
                Element::I16 => JsonNumber::Integer(i64::from(bits as i16)),
                Element::I32 => JsonNumber::Integer(i64::from(bits as i32)),
                Element::I64 => JsonNumber::Integer(bits as i64),
            }
        };
        to.collect_seq(bytes.chunks_exact(element.bytes()).map(number))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonNumber {
    F32(f32),
    F64(f64),
    Integer(i64),
    Bool(bool),
}

/// The value of a 16-bit float (IEEE 754, binary16).
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023) / 1024.0);
    sign * match exponent {
        0 => fraction * 2f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1.0 + fraction) * 2f32.powi(exponent - 15),
    }
}
