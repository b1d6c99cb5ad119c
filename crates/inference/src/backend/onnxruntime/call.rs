//! One run of a session, from and into memory of ours: all that is unsafe about it.
//!
//! `ort`'s own `run` wants a session to itself. The library's may be called by any number of
//! threads at once, which its documentation promises and on which its own server is built.

use std::ffi::{CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use ort::AsPointer as _;
use ort::memory::MemoryInfo;
use ort::session::Session;
use ort::sys::{self, ONNXTensorElementDataType as OnnxType};

use crate::tensor::{Element, MOST_DIMENSIONS, Shape, Tensor};

/// A tensor as the library sees it.
pub(super) struct Value(NonNull<sys::OrtValue>);

/// Names of inputs or outputs, in the order of the graph.
pub(super) struct Names(Vec<CString>);

/// What a tensor of the library is.
pub(super) struct Described {
    pub(super) element: Element,
    pub(super) shape: Shape,
}

type Outcome<T> = Result<T, String>;

fn done(status: sys::OrtStatusPtr) -> Outcome<()> {
    // SAFETY: every status comes from a call just made, and is handed over once.
    unsafe { ort::Error::result_from_status(status) }.map_err(|error| error.message().to_owned())
}

impl Names {
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Outcome<Self> {
        let names = names.map(CString::new).collect::<Result<_, _>>();
        names.map(Self).map_err(|_| "a name contains a zero byte".to_owned())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn pointers(&self) -> Vec<*const c_char> {
        self.0.iter().map(|name| name.as_ptr()).collect()
    }
}

impl Value {
    /// A view of `tensor`, which must stay alive as long as the value.
    ///
    /// # Safety
    /// The caller keeps `tensor` until the value is dropped and uses the value only as an input,
    /// which the library does not write.
    pub(super) unsafe fn of_input(memory: &MemoryInfo, tensor: &Tensor) -> Outcome<Self> {
        let bytes = tensor.bytes();
        let data = bytes.as_ptr().cast_mut();
        // SAFETY: as promised by the caller; the length is that of the slice.
        unsafe { Self::over(memory, data, bytes.len(), tensor.element(), tensor.shape()) }
    }

    /// Memory for an output of this type and shape.
    ///
    /// # Safety
    /// The caller keeps `bytes` until the value is dropped, and does not touch it before.
    pub(super) unsafe fn of_output(
        memory: &MemoryInfo,
        bytes: &mut [u8],
        element: Element,
        shape: Shape,
    ) -> Outcome<Self> {
        // SAFETY: as promised by the caller; the length is that of the slice.
        unsafe { Self::over(memory, bytes.as_mut_ptr(), bytes.len(), element, shape) }
    }

    /// # Safety
    /// `data` is `length` bytes that outlive the value.
    unsafe fn over(
        memory: &MemoryInfo,
        data: *mut u8,
        length: usize,
        element: Element,
        shape: Shape,
    ) -> Outcome<Self> {
        if length != shape.volume() * element.size() || !data.addr().is_multiple_of(element.size())
        {
            return Err(format!("{length} bytes do not hold {shape} of {element}, aligned"));
        }
        let mut sizes = [0i64; MOST_DIMENSIONS];
        for (wide, size) in sizes.iter_mut().zip(shape.sizes()) {
            *wide = i64::from(*size);
        }
        let mut value = std::ptr::null_mut();
        // SAFETY: as many sizes are read as the shape has; the bytes are those that the sizes and
        // the type say, as checked above, and live long enough, as promised by the caller.
        done(unsafe {
            (ort::api().CreateTensorWithDataAsOrtValue)(
                memory.ptr(),
                data.cast(),
                length,
                sizes.as_ptr(),
                shape.sizes().len(),
                onnx_type(element),
                &mut value,
            )
        })?;
        Self::taken(value)
    }

    /// A copy of integers, in memory of the library. Sizes may be 0.
    pub(super) fn of_i64(sizes: &[u32], values: &[i64]) -> Outcome<Self> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        Self::copied(OnnxType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, sizes, (&bytes, 8))
    }

    /// A copy of numbers, in memory of the library. Sizes may be 0.
    pub(super) fn of_f32(sizes: &[u32], values: &[f32]) -> Outcome<Self> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        Self::copied(OnnxType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, sizes, (&bytes, 4))
    }

    /// A boolean, of shape `[1]`.
    pub(super) fn of_bool(value: bool) -> Outcome<Self> {
        Self::copied(OnnxType::ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, &[1], (&[value.into()], 1))
    }

    /// A tensor of `bytes`, elements of so many bytes each.
    fn copied(kind: OnnxType, sizes: &[u32], (bytes, size): (&[u8], usize)) -> Outcome<Self> {
        let expected = sizes
            .iter()
            .try_fold(size, |volume, size| volume.checked_mul(usize::try_from(*size).ok()?));
        if expected != Some(bytes.len()) {
            return Err(format!("{} bytes do not fill a tensor of {sizes:?}", bytes.len()));
        }
        let sizes: Vec<i64> = sizes.iter().map(|size| i64::from(*size)).collect();
        let (mut allocator, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the allocator is the library's own and lives as long as the library.
        done(unsafe { (ort::api().GetAllocatorWithDefaultOptions)(&mut allocator) })?;
        // SAFETY: as many sizes are read as there are.
        done(unsafe {
            (ort::api().CreateTensorAsOrtValue)(
                allocator,
                sizes.as_ptr(),
                sizes.len(),
                kind,
                &mut value,
            )
        })?;
        let value = Self::taken(value)?;
        if !bytes.is_empty() {
            let mut data = std::ptr::null_mut();
            // SAFETY: the value is alive and a tensor.
            done(unsafe { (ort::api().GetTensorMutableData)(value.0.as_ptr(), &mut data) })?;
            let data = NonNull::new(data.cast::<u8>()).ok_or("a tensor without data")?;
            // SAFETY: the tensor was made for as many bytes in the processor's memory, as checked above, and
            // nothing else refers to it yet.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.as_ptr(), bytes.len()) };
        }
        Ok(value)
    }

    fn taken(value: *mut sys::OrtValue) -> Outcome<Self> {
        NonNull::new(value).map(Self).ok_or_else(|| "a value is missing".to_owned())
    }

    /// Its type and shape, as far as we can take them.
    pub(super) fn describe(&self) -> Outcome<Described> {
        let mut is_tensor = 0;
        // SAFETY: the value is alive.
        done(unsafe { (ort::api().IsTensor)(self.0.as_ptr(), &mut is_tensor) })?;
        if is_tensor == 0 {
            return Err("an output is not a tensor".to_owned());
        }
        let mut info = std::ptr::null_mut();
        // SAFETY: the value is alive and a tensor; the information is released below, once.
        done(unsafe { (ort::api().GetTensorTypeAndShape)(self.0.as_ptr(), &mut info) })?;
        let described = Self::describe_info(info);
        // SAFETY: it was made above and is not used any more.
        unsafe { (ort::api().ReleaseTensorTypeAndShapeInfo)(info) };
        described
    }

    fn describe_info(info: *const sys::OrtTensorTypeAndShapeInfo) -> Outcome<Described> {
        // A newer library may know types that the enumeration lacks.
        let mut kind = 0i32;
        let mut rank = 0;
        let mut sizes = [0i64; MOST_DIMENSIONS];
        // SAFETY: the information is alive.
        done(unsafe { (ort::api().GetTensorElementType)(info, (&raw mut kind).cast()) })?;
        // SAFETY: the information is alive.
        done(unsafe { (ort::api().GetDimensionsCount)(info, &mut rank) })?;
        let Some(sizes) = sizes.get_mut(..rank) else {
            return Err(format!("an output of {rank} dimensions"));
        };
        // SAFETY: the information is alive, and as many sizes are written as there is room for.
        done(unsafe { (ort::api().GetDimensions)(info, sizes.as_mut_ptr(), sizes.len()) })?;
        let narrow = |size: &i64| u32::try_from(*size).ok();
        let narrowed: Option<Vec<u32>> = sizes.iter().map(narrow).collect();
        let narrowed = narrowed.ok_or_else(|| format!("an output of shape {sizes:?}"))?;
        let shape = Shape::new(&narrowed).map_err(|error| format!("an output is {error}"))?;
        let element = element(kind).ok_or_else(|| format!("an output of ONNX type {kind}"))?;
        Ok(Described { element, shape })
    }

    /// The bytes of a tensor that `described` describes.
    pub(super) fn bytes(&self, described: &Described) -> Outcome<&[u8]> {
        let mut data = std::ptr::null_mut();
        // SAFETY: the value is alive; it is a tensor, or it could not have been described.
        done(unsafe { (ort::api().GetTensorMutableData)(self.0.as_ptr(), &mut data) })?;
        let data = NonNull::new(data.cast::<u8>()).ok_or("an output without data")?;
        let length = described.shape.volume() * described.element.size();
        // SAFETY: outputs of a run lie in the processor's memory; the library says that they are
        // of this type and shape, so that they are so many bytes; they live as long as the value.
        Ok(unsafe { std::slice::from_raw_parts(data.as_ptr(), length) })
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: it is released once; memory that it views stays with its owner.
        unsafe { (ort::api().ReleaseValue)(self.0.as_ptr()) };
    }
}

/// Runs `session`. Outputs that are `None` are allocated by the library.
pub(super) fn run(
    session: &Session,
    inputs: (&Names, &[&Value]),
    outputs: (&Names, Vec<Option<Value>>),
) -> Outcome<Vec<Value>> {
    let (input_names, values) = (inputs.0.pointers(), inputs.1);
    let values: Vec<*const sys::OrtValue> =
        values.iter().map(|value| value.0.as_ptr().cast_const()).collect();
    let output_names = outputs.0.pointers();
    let mut results: Vec<*mut sys::OrtValue> = outputs
        .1
        .iter()
        .map(|value| value.as_ref().map_or(std::ptr::null_mut(), |value| value.0.as_ptr()))
        .collect();
    if values.len() != input_names.len() || results.len() != output_names.len() {
        return Err("not as many tensors as the graph has inputs and outputs".to_owned());
    }
    // SAFETY: the session and all values are alive; the lists are as long as they are said to be.
    // Run may be called by several threads at once and does not change the session.
    let status = unsafe {
        (ort::api().Run)(
            session.ptr().cast_mut(),
            std::ptr::null(),
            input_names.as_ptr(),
            values.as_ptr(),
            values.len(),
            output_names.as_ptr(),
            output_names.len(),
            results.as_mut_ptr(),
        )
    };
    let outcome = done(status);
    // Each result is owned once: by what was brought, or else by what the library made.
    let owned = outputs.1.into_iter().zip(results);
    let owned: Outcome<Vec<Value>> =
        owned.map(|(brought, made)| brought.map_or_else(|| Value::taken(made), Ok)).collect();
    outcome.and(owned)
}

/// What a run that ends later needs until then.
struct Later<F> {
    /// Written by the library, for the one output.
    output: *mut sys::OrtValue,
    /// The library reads the list and the name when it runs, not when it is asked to.
    names: Vec<*const c_char>,
    _name: Arc<Names>,
    _session: Arc<Session>,
    done: F,
}

/// Runs `session`, which takes nothing and gives one output, on a thread of the library, which
/// calls `done` there; not if this fails.
pub(super) fn run_later<F: FnOnce() + Send + 'static>(
    session: &Arc<Session>,
    name: &Arc<Names>,
    done: F,
) -> Outcome<()> {
    let names = name.pointers();
    if names.len() != 1 {
        return Err("not one output".to_owned());
    }
    let (_name, _session) = (Arc::clone(name), Arc::clone(session));
    let later = Later { output: std::ptr::null_mut(), names, _name, _session, done };
    let later = Box::into_raw(Box::new(later));
    // SAFETY: what `later` points to is released by the callback, or below if there will be none;
    // until then session, names and output, which lie in it, live and stay where they are.
    let status = unsafe {
        (ort::api().RunAsync)(
            session.ptr().cast_mut(),
            std::ptr::null(),
            std::ptr::null(),
            std::ptr::null(),
            0,
            (*later).names.as_ptr(),
            1,
            &raw mut (*later).output,
            Some(end::<F>),
            later.cast(),
        )
    };
    self::done(status).inspect_err(|_| {
        // SAFETY: the library refused and has not kept it.
        drop(unsafe { Box::from_raw(later) });
    })
}

/// # Safety
/// `later` is what [`run_later`] has made of a `Later<F>`, and is handed over.
unsafe extern "C" fn end<F: FnOnce()>(
    later: *mut c_void,
    _outputs: *mut *mut sys::OrtValue,
    _count: usize,
    status: sys::OrtStatusPtr,
) {
    // SAFETY: as promised by the caller.
    let later = unsafe { Box::from_raw(later.cast::<Later<F>>()) };
    let Later { output, done, .. } = *later;
    drop(NonNull::new(output).map(Value));
    if let Err(reason) = self::done(status) {
        tracing::debug!(reason, "a run failed");
    }
    // A panic must not reach the library.
    let _ = catch_unwind(AssertUnwindSafe(done));
}

const TYPES: [(Element, OnnxType); 7] = [
    (Element::F16, OnnxType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16),
    (Element::F32, OnnxType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT),
    (Element::F64, OnnxType::ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE),
    (Element::Bf16, OnnxType::ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16),
    (Element::U8, OnnxType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8),
    (Element::I32, OnnxType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32),
    (Element::I64, OnnxType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64),
];

fn onnx_type(element: Element) -> OnnxType {
    let found = TYPES.iter().find(|(known, _)| *known == element);
    found.map_or(OnnxType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, |(_, kind)| *kind)
}

fn element(kind: i32) -> Option<Element> {
    TYPES.iter().find(|(_, known)| *known as i32 == kind).map(|(element, _)| *element)
}
