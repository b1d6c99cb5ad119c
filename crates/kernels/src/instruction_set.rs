//! Instruction sets of the processor that runs.

use std::fmt;
use std::str::FromStr;

#[cfg(target_arch = "aarch64")]
use crate::aarch64::{Dotprod, I8mm, Plain};
#[cfg(not(target_family = "wasm"))]
use crate::scalar::Scalar;
#[cfg(target_family = "wasm")]
use crate::wasm::WebAssembly;
#[cfg(target_arch = "x86_64")]
use crate::x86::{Avx2, Avx512, AvxVnni};

/// Instructions for products and functions. All of them but WebAssembly give the same bits, on
/// processors with fused multiply-add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum InstructionSet {
    /// WebAssembly SIMD as far as the build has it.
    #[cfg(target_family = "wasm")]
    WebAssembly,
    /// Code without vectors, which any processor runs: the reference.
    #[cfg(not(target_family = "wasm"))]
    Scalar,
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX2 with FMA and AVX-VNNI.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX-512 F, BW, DQ, VL and VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// NEON, which every AArch64 processor has.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// NEON with dot products of bytes (`dotprod`).
    #[cfg(target_arch = "aarch64")]
    NeonDotprod,
    /// NEON with matrix products of bytes (`i8mm`).
    #[cfg(target_arch = "aarch64")]
    NeonI8mm,
}

impl InstructionSet {
    /// All that the build has code for, from the slowest to the fastest.
    pub const ALL: &'static [Self] = &[
        #[cfg(target_family = "wasm")]
        Self::WebAssembly,
        #[cfg(not(target_family = "wasm"))]
        Self::Scalar,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::AvxVnni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
        #[cfg(target_arch = "aarch64")]
        Self::Neon,
        #[cfg(target_arch = "aarch64")]
        Self::NeonDotprod,
        #[cfg(target_arch = "aarch64")]
        Self::NeonI8mm,
    ];

    /// The fastest one that this processor has.
    pub fn available() -> Self {
        let all = Self::ALL.iter().rev();
        all.copied().find(|set| set.is_available()).unwrap_or(Self::ALL[0])
    }

    /// The fastest one that this processor has and that is not faster than `most`.
    pub fn with_at_most(most: Self) -> Self {
        let all = Self::ALL.iter().rev();
        all.copied().find(|set| *set <= most && set.is_available()).unwrap_or(Self::ALL[0])
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        self.proof().is_some()
    }

    /// What proves it, if this processor has it.
    fn proof(self) -> Option<Proof> {
        match self {
            #[cfg(target_family = "wasm")]
            Self::WebAssembly => Some(Proof::WebAssembly(WebAssembly)),
            #[cfg(not(target_family = "wasm"))]
            Self::Scalar => Some(Proof::Scalar(Scalar::detect())),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::detect().map(Proof::Avx2),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => AvxVnni::detect().map(Proof::AvxVnni),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::detect().map(Proof::Avx512),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Plain::detect().map(Proof::Neon),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDotprod => Dotprod::detect().map(Proof::NeonDotprod),
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm => I8mm::detect().map(Proof::NeonI8mm),
        }
    }

    /// The same, with scalar code if the processor does not have it.
    pub(crate) fn proof_or_scalar(self) -> Proof {
        #[cfg(target_family = "wasm")]
        return Proof::WebAssembly(WebAssembly);
        #[cfg(not(target_family = "wasm"))]
        self.proof().unwrap_or_else(|| Proof::Scalar(Scalar::detect()))
    }

    /// Itself, or the slowest one if this processor does not have it.
    pub(crate) fn or_scalar(self) -> Self {
        if self.is_available() { self } else { Self::ALL[0] }
    }

    /// Its name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_family = "wasm")]
            Self::WebAssembly => "webassembly",
            #[cfg(not(target_family = "wasm"))]
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx-512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            #[cfg(target_arch = "aarch64")]
            Self::NeonDotprod => "neon-dotprod",
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm => "neon-i8mm",
        }
    }
}

impl FromStr for InstructionSet {
    type Err = String;

    /// The set of a [name](Self::name).
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|set| set.name() == text);
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|set| set.name()).collect();
            format!("{text} is not one of {}", names.join(", "))
        })
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An instruction set that the processor has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof {
    #[cfg(target_family = "wasm")]
    WebAssembly(WebAssembly),
    #[cfg(not(target_family = "wasm"))]
    Scalar(Scalar),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(AvxVnni),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Plain),
    #[cfg(target_arch = "aarch64")]
    NeonDotprod(Dotprod),
    #[cfg(target_arch = "aarch64")]
    NeonI8mm(I8mm),
}

/// Evaluates an expression with `$simd` as what proves an instruction set.
macro_rules! dispatch {
    ($set:expr, $simd:ident => $body:expr) => {
        match $set.proof_or_scalar() {
            #[cfg(target_family = "wasm")]
            crate::instruction_set::Proof::WebAssembly($simd) => $body,
            #[cfg(not(target_family = "wasm"))]
            crate::instruction_set::Proof::Scalar($simd) => $body,
            #[cfg(target_arch = "x86_64")]
            crate::instruction_set::Proof::Avx2($simd) => $body,
            #[cfg(target_arch = "x86_64")]
            crate::instruction_set::Proof::AvxVnni($simd) => $body,
            #[cfg(target_arch = "x86_64")]
            crate::instruction_set::Proof::Avx512($simd) => $body,
            #[cfg(target_arch = "aarch64")]
            crate::instruction_set::Proof::Neon($simd) => $body,
            #[cfg(target_arch = "aarch64")]
            crate::instruction_set::Proof::NeonDotprod($simd) => $body,
            #[cfg(target_arch = "aarch64")]
            crate::instruction_set::Proof::NeonI8mm($simd) => $body,
        }
    };
}

pub(crate) use dispatch;
