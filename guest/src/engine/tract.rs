use pilotlight_model::{InputRole, Manifest};
use pilotlight_onnx::proto::ModelProto;
use pilotlight_onnx::{OnnxError, Wanted};
use tract_core::internal::{
    Arc, DatumType, DimLike as _, IntoTValue as _, TractError, TractResult, TypedFact, TypedModel,
    TypedOp, bail,
};
use tract_core::plan::SimplePlan;
use tract_core::prelude::Tensor as TractTensor;

use super::{Element, Engine, EngineError, NamedTensor, Port, Precision, Tensor};

type Plan = Arc<SimplePlan<TypedFact, Box<dyn TypedOp>>>;

/// Inference by tract inside this process.
pub struct TractEngine {
    plan: Plan,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

/// A graph that has been lowered, and what is known of it.
pub struct Lowered {
    /// What computes it.
    pub engine: TractEngine,
    /// The only number of tokens that it reads.
    pub length: Option<usize>,
    /// Rows of the smallest table that token ids look up, where that could be told.
    pub vocabulary: Option<usize>,
}

impl TractEngine {
    /// Checks and optimizes a graph that reads the tokens of one sequence. Of a classifier `columns` says
    /// how many labels it has, if that is known.
    ///
    /// # Errors
    /// [`OnnxError`] naming the node or tensor.
    pub fn encoder(
        model: ModelProto,
        (manifest, columns): (&Manifest, Option<usize>),
        precision: Precision,
    ) -> Result<Lowered, OnnxError> {
        let wanted = Wanted::of(manifest, columns);
        let graph = pilotlight_onnx::lower_encoder(model, &wanted, precision.into())?;
        let inputs = graph.inputs.iter().map(|name| Port {
            name: name.clone(),
            element: Element::I64,
            dims: match InputRole::of(name) {
                Some(InputRole::Length) => vec![None],
                _ => vec![None, None],
            },
        });
        let inputs = inputs.collect();
        let outputs = graph.outputs.into_iter().map(|output| output.name).collect();
        let (length, vocabulary) = (graph.length, graph.vocabulary);
        let engine = Self::new(graph.model, inputs, outputs)?;
        Ok(Lowered { engine, length, vocabulary })
    }

    /// Checks and optimizes any graph.
    ///
    /// # Errors
    /// [`OnnxError`] naming the node or tensor.
    pub fn graph(model: ModelProto) -> Result<Self, OnnxError> {
        let graph = pilotlight_onnx::import(model)?;
        let inputs = graph.inputs.iter().map(port).collect::<Result<_, _>>()?;
        let names = graph.outputs.iter().map(|output| output.name.clone()).collect();
        Self::new(graph.model, inputs, names)
    }

    fn new(
        mut model: TypedModel,
        inputs: Vec<Port>,
        outputs: Vec<String>,
    ) -> Result<Self, OnnxError> {
        let refuse = |error: TractError| OnnxError::Optimize(format!("{error:#}"));
        let outputs = outputs.into_iter().enumerate().map(|(index, name)| {
            let fact = model.output_fact(index).map_err(refuse)?;
            let element = element(fact.datum_type).ok_or_else(|| {
                OnnxError::Graph(format!("output {name} is of type {:?}", fact.datum_type))
            })?;
            let dims = fact.shape.iter().map(|dim| dim.to_usize().ok()).collect();
            Ok(Port { name, element, dims })
        });
        let outputs = outputs.collect::<Result<_, OnnxError>>()?;
        model.declutter().map_err(refuse)?;
        model.optimize().map_err(refuse)?;
        let plan = SimplePlan::new(model).map_err(refuse)?;
        Ok(Self { plan, inputs, outputs })
    }
}

impl From<Precision> for pilotlight_onnx::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Int8 => Self::Int8,
            Precision::Int4 => Self::Int4,
        }
    }
}

fn port(port: &pilotlight_onnx::Port) -> Result<Port, OnnxError> {
    let element = Element::of_onnx(port.element).ok_or_else(|| {
        OnnxError::Graph(format!("{} is of an unsupported type {}", port.name, port.element))
    })?;
    let dims = port.dims.iter().map(|dim| match dim {
        pilotlight_onnx::Dim::Fixed(size) => usize::try_from(*size).ok(),
        _ => None,
    });
    Ok(Port { name: port.name.clone(), element, dims: dims.collect() })
}

const TYPES: [(Element, DatumType); 9] = [
    (Element::F16, DatumType::F16),
    (Element::F32, DatumType::F32),
    (Element::F64, DatumType::F64),
    (Element::Bool, DatumType::Bool),
    (Element::U8, DatumType::U8),
    (Element::I8, DatumType::I8),
    (Element::I16, DatumType::I16),
    (Element::I32, DatumType::I32),
    (Element::I64, DatumType::I64),
];

fn element(dtype: DatumType) -> Option<Element> {
    TYPES.iter().find(|(_, known)| *known == dtype).map(|(element, _)| *element)
}

fn datum_type(element: Element) -> Option<DatumType> {
    TYPES.iter().find(|(known, _)| *known == element).map(|(_, dtype)| *dtype)
}

impl Engine for TractEngine {
    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<NamedTensor>, EngineError> {
        self.compute(inputs).map_err(|error| EngineError::Failed(format!("{error:#}")))
    }

    fn place(&self) -> &'static str {
        "guest"
    }
}

impl TractEngine {
    fn compute(&self, inputs: Vec<Tensor>) -> TractResult<Vec<NamedTensor>> {
        let inputs = inputs.into_iter().map(|tensor| Ok(to_tract(&tensor)?.into_tvalue()));
        let outputs = self.plan.run(inputs.collect::<TractResult<_>>()?)?;
        let outputs = outputs.iter().zip(&self.outputs);
        outputs.map(|(value, port)| Ok((port.name.clone(), from_tract(value)?))).collect()
    }
}

fn to_tract(tensor: &Tensor) -> TractResult<TractTensor> {
    let Some(dtype) = datum_type(tensor.element) else {
        bail!("an input is of type {:?}", tensor.element)
    };
    let mut value = TractTensor::zero_dt(dtype, &tensor.shape)?;
    let mut plain = value.try_as_plain_ram_mut()?;
    let bytes = plain.as_bytes_mut();
    // Any other byte would be no `bool`.
    let is_bool = tensor.element == Element::Bool;
    if bytes.len() != tensor.bytes.len() || is_bool && tensor.bytes.iter().any(|byte| *byte > 1) {
        bail!("{} bytes for {:?} of {:?}", tensor.bytes.len(), tensor.shape, tensor.element)
    }
    bytes.copy_from_slice(&tensor.bytes);
    Ok(value)
}

fn from_tract(value: &TractTensor) -> TractResult<Tensor> {
    let Some(element) = element(value.datum_type()) else {
        bail!("an output is of type {:?}", value.datum_type())
    };
    let bytes = value.try_as_plain_ram()?.as_bytes().to_vec();
    if bytes.len() != value.len() * element.bytes() {
        bail!("an output of {:?} has {} bytes", value.shape(), bytes.len())
    }
    Ok(Tensor { element, shape: value.shape().to_vec(), bytes })
}
