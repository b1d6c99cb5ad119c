//! What no product can pass: instructions between registers that wait for nothing, and what each kernel's
//! instructions make of their speed.

use std::time::Duration;

use pilotlight_kernels::InstructionSet;

/// Billions of products in a second with weights of 4 bits, 8 bits and f32; nothing where it is not known.
pub(crate) fn products(set: InstructionSet, time: Duration) -> Option<[f64; 3]> {
    #[cfg(target_feature = "relaxed-simd")]
    return Some(wasm::products(set, time));
    #[cfg(target_arch = "x86_64")]
    return x86::products(set, time);
    #[cfg(not(any(target_feature = "relaxed-simd", target_arch = "x86_64")))]
    {
        let _ = (set, time);
        None
    }
}

/// More than enough for two ports and a latency of five cycles.
#[cfg(any(target_feature = "relaxed-simd", target_arch = "x86_64"))]
const CHAINS: usize = 12;
#[cfg(any(target_feature = "relaxed-simd", target_arch = "x86_64"))]
const TURNS: usize = 100_000;
#[cfg(any(target_feature = "relaxed-simd", target_arch = "x86_64"))]
const STEPS: usize = 16;

/// As WebAssembly is compiled for x86-64, where two ports multiply and three add.
#[cfg(target_feature = "relaxed-simd")]
mod wasm {
    use core::arch::wasm32::*;
    use std::hint::black_box;
    use std::time::Duration;

    use pilotlight_kernels::InstructionSet;

    use super::{CHAINS, STEPS, TURNS};
    use crate::best;

    pub(super) fn products(_set: InstructionSet, time: Duration) -> [f64; 3] {
        let dots = best(time, (CHAINS * TURNS * STEPS) as f64, chains);
        // A block's 128 products with 4 bits take 11 instructions of the two ports, and 8 of any; with
        // 8 bits 20 of the two, and 8; in f32, 32 of the two.
        [128.0 * dots * 1.5 / 19.0, 6.4 * dots, 4.0 * dots]
    }

    fn chains() {
        let b = black_box(i8x16_splat(5));
        let mut sums = [black_box(i8x16_splat(3)); CHAINS];
        for _ in 0..TURNS {
            for _ in 0..STEPS {
                sums = sums.map(|sum| i16x8_relaxed_dot_i8x16_i7x16(sum, b));
            }
        }
        black_box(sums);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;
    use std::time::Duration;

    use pilotlight_kernels::InstructionSet;

    use super::{CHAINS, STEPS, TURNS};
    use crate::best;

    /// A block is 32 inputs of a register's columns. Of its instructions, all but additions without VNNI take one
    /// of two ports.
    pub(super) fn products(set: InstructionSet, time: Duration) -> Option<[f64; 3]> {
        if !set.is_available() {
            return None;
        }
        let rate = |chains: unsafe fn()| {
            // SAFETY: the processor has the instruction set.
            best(time, (CHAINS * TURNS * STEPS) as f64, || unsafe { chains() })
        };
        match set {
            InstructionSet::Avx512 => {
                let dots = rate(dots_512);
                Some([512.0 / 11.0 * dots, 512.0 / 12.0 * dots, 16.0 * rate(sums_512)])
            }
            InstructionSet::AvxVnni => {
                let dots = rate(dots_256);
                Some([256.0 / 11.0 * dots, 256.0 / 12.0 * dots, 8.0 * rate(sums_256)])
            }
            InstructionSet::Avx2 => {
                let pairs = rate(pairs_256);
                // Eight additions of 19 and of 28 instructions take any of three ports.
                let [int4, int8] = [19.0, 28.0].map(|all| 256.0 * pairs * 1.5 / all);
                Some([int4, int8.min(256.0 * pairs / 20.0), 8.0 * rate(sums_256)])
            }
            _ => None,
        }
    }

    macro_rules! chains {
        ($name:ident, $features:literal, $zero:ident(), $sum:ident, $factor:ident => $next:expr) => {
            #[target_feature(enable = $features)]
            fn $name() {
                let $factor = black_box($zero());
                let mut sums = [black_box($zero()); CHAINS];
                for _ in 0..TURNS {
                    for _ in 0..STEPS {
                        for $sum in &mut sums {
                            *$sum = $next;
                        }
                    }
                }
                black_box(sums);
            }
        };
    }

    chains!(dots_512, "avx512f,avx512vnni", _mm512_setzero_si512(), sum, x => {
        _mm512_dpbusd_epi32(*sum, x, x)
    });
    chains!(sums_512, "avx512f", _mm512_setzero_ps(), sum, x => _mm512_fmadd_ps(x, x, *sum));
    chains!(dots_256, "avx2,avxvnni", _mm256_setzero_si256(), sum, x => {
        _mm256_dpbusd_avx_epi32(*sum, x, x)
    });
    chains!(pairs_256, "avx2", _mm256_setzero_si256(), sum, x => _mm256_maddubs_epi16(*sum, x));
    chains!(sums_256, "avx2,fma", _mm256_setzero_ps(), sum, x => _mm256_fmadd_ps(x, x, *sum));
}
