//! Compilation of components, where this build has a compiler.

#[cfg(not(feature = "compiler"))]
mod absent;
#[cfg(feature = "compiler")]
mod cranelift;

#[cfg(not(feature = "compiler"))]
pub(crate) use absent::compile;
#[cfg(feature = "compiler")]
pub(crate) use cranelift::compile;
