use bytes::Bytes;
use tract_core::internal::*;

use crate::element::{datum_type, element};
use crate::error::OnnxError;
use crate::proto::TensorProto;
use crate::shape::check_volume;

const EXTERNAL: i32 = 1;

impl TensorProto {
    /// The message for a tensor.
    pub(crate) fn of(name: &str, tensor: &Tensor) -> TractResult<Self> {
        let dtype = tensor.datum_type();
        let data_type = element(dtype).with_context(|| format!("{dtype:?} is not supported"))?;
        Ok(Self {
            name: name.into(),
            dims: tensor.shape().iter().map(|dim| *dim as i64).collect(),
            data_type,
            raw_data: Bytes::copy_from_slice(tensor.try_as_plain_ram()?.as_bytes()),
            ..Self::default()
        })
    }

    /// The elements as a tensor, once type, shape and data have been found to agree.
    pub(crate) fn to_tensor(&self) -> Result<Tensor, OnnxError> {
        if self.data_location == EXTERNAL || !self.external_data.is_empty() {
            return Err(OnnxError::ExternalData(self.name.clone()));
        }
        self.convert().map_err(|error| OnnxError::Tensor {
            name: self.name.clone(),
            reason: format!("{error:#}"),
        })
    }

    fn convert(&self) -> TractResult<Tensor> {
        match datum_type(self.data_type) {
            Some(DatumType::F32) => self.read(&self.float_data, |x| *x),
            Some(DatumType::U8) => self.read(&self.int32_data, |x| *x as u8),
            Some(DatumType::I8) => self.read(&self.int32_data, |x| *x as i8),
            Some(DatumType::I16) => self.read(&self.int32_data, |x| *x as i16),
            Some(DatumType::I32) => self.read(&self.int32_data, |x| *x),
            Some(DatumType::I64) => self.read(&self.int64_data, |x| *x),
            Some(DatumType::Bool) => self.read_bool(),
            Some(DatumType::F16) => self.read(&self.int32_data, |x| f16::from_bits(*x as u16)),
            Some(DatumType::F64) => self.read(&self.double_data, |x| *x),
            _ => bail!("element type {} is not supported", self.data_type),
        }
    }

    fn read<T: Datum + Copy, E>(
        &self,
        typed: &[E],
        convert: impl Fn(&E) -> T,
    ) -> TractResult<Tensor> {
        let shape = self.shape(T::datum_type())?;
        let volume: usize = shape.iter().product();
        if self.raw_data.is_empty() {
            ensure!(typed.len() == volume, "{} elements for shape {shape:?}", typed.len());
            let elements: Vec<T> = typed.iter().map(convert).collect();
            return Tensor::from_shape(&shape, &elements);
        }
        let expected = volume * T::datum_type().size_of();
        let found = self.raw_data.len();
        ensure!(found == expected, "{found} bytes for shape {shape:?}, expected {expected}");
        let mut tensor = Tensor::zero_dt(T::datum_type(), &shape)?;
        tensor.try_as_plain_ram_mut()?.as_bytes_mut().copy_from_slice(&self.raw_data);
        Ok(tensor)
    }

    fn read_bool(&self) -> TractResult<Tensor> {
        let shape = self.shape(bool::datum_type())?;
        let elements: Vec<bool> = if self.raw_data.is_empty() {
            self.int32_data.iter().map(|x| *x != 0).collect()
        } else {
            self.raw_data.iter().map(|x| *x != 0).collect()
        };
        let volume: usize = shape.iter().product();
        ensure!(elements.len() == volume, "{} elements for shape {shape:?}", elements.len());
        Tensor::from_shape(&shape, &elements)
    }

    fn shape(&self, dtype: DatumType) -> TractResult<Vec<usize>> {
        let dims: Vec<TDim> = self.dims.iter().map(|dim| dim.to_dim()).collect();
        check_volume(&dims, dtype)?;
        Ok(self.dims.iter().map(|dim| *dim as usize).collect())
    }
}
