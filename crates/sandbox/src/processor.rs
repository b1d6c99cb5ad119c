//! Processors, by the features that machine code needs.

use std::fmt;
use std::str::FromStr;

/// Name of the processor of this machine.
const NATIVE: &str = "native";

/// A feature of processors.
struct Feature {
    /// Name in Rust, and in machine code's list of features.
    name: &'static str,
    /// Cranelift's setting for it.
    #[cfg_attr(not(feature = "compiler"), allow(dead_code, reason = "nothing is compiled"))]
    setting: &'static str,
    /// The first of [`LEVELS`] that has it; their number if none has it.
    level: usize,
    /// Whether this machine's processor has it.
    is_there: fn() -> bool,
}

#[cfg(target_arch = "x86_64")]
macro_rules! is_detected {
    ($name:tt) => {
        std::is_x86_feature_detected!($name)
    };
}

#[cfg(target_arch = "aarch64")]
macro_rules! is_detected {
    ($name:tt) => {
        std::arch::is_aarch64_feature_detected!($name)
    };
}

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
macro_rules! feature {
    ($name:tt, $setting:literal, $level:literal) => {
        Feature { name: $name, setting: $setting, level: $level, is_there: || is_detected!($name) }
    };
}

/// Levels of the x86-64 psABI.
#[cfg(target_arch = "x86_64")]
const LEVELS: &[&str] = &["x86-64-v2", "x86-64-v3", "x86-64-v4"];
/// Versions of the Arm architecture.
#[cfg(target_arch = "aarch64")]
const LEVELS: &[&str] = &["armv8-a", "armv8.1-a"];
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
const LEVELS: &[&str] = &[];

/// All features that Wasmtime looks for before it runs machine code.
#[cfg(target_arch = "x86_64")]
static FEATURES: &[Feature] = &[
    feature!("cmpxchg16b", "has_cmpxchg16b", 0),
    feature!("popcnt", "has_popcnt", 0),
    feature!("sse3", "has_sse3", 0),
    feature!("ssse3", "has_ssse3", 0),
    feature!("sse4.1", "has_sse41", 0),
    feature!("sse4.2", "has_sse42", 0),
    feature!("avx", "has_avx", 1),
    feature!("avx2", "has_avx2", 1),
    feature!("bmi1", "has_bmi1", 1),
    feature!("bmi2", "has_bmi2", 1),
    feature!("fma", "has_fma", 1),
    feature!("lzcnt", "has_lzcnt", 1),
    feature!("avx512f", "has_avx512f", 2),
    feature!("avx512dq", "has_avx512dq", 2),
    feature!("avx512vl", "has_avx512vl", 2),
    feature!("avx512bitalg", "has_avx512bitalg", 3),
    feature!("avx512vbmi", "has_avx512vbmi", 3),
    feature!("avx512vnni", "has_avx512vnni", 3),
    feature!("avxvnni", "has_avx_vnni", 3),
];
#[cfg(target_arch = "aarch64")]
static FEATURES: &[Feature] = &[
    feature!("lse", "has_lse", 1),
    feature!("fp16", "has_fp16", 2),
    feature!("dotprod", "has_dotprod", 2),
    feature!("i8mm", "has_i8mm", 2),
    feature!("paca", "has_pauth", 2),
];
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
static FEATURES: &[Feature] = &[];

/// A processor of this machine's architecture: the features that machine code for it may use.
#[derive(Clone)]
pub struct Processor(Vec<&'static Feature>);

impl Processor {
    /// The processor of this machine.
    pub fn native() -> Self {
        Self(FEATURES.iter().filter(|feature| (feature.is_there)()).collect())
    }

    /// Names of its features.
    pub fn features(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|feature| feature.name)
    }

    /// Those of `features` that it lacks, or that are not known.
    pub fn missing<'a>(&self, features: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let is_missing = |name: &&str| !self.0.iter().any(|feature| feature.name == *name);
        features.into_iter().filter(is_missing).collect()
    }

    /// Lets Cranelift use its features.
    #[cfg(feature = "compiler")]
    #[allow(unsafe_code, reason = "Cranelift's settings")]
    pub(crate) fn configure(&self, config: &mut wasmtime::Config) {
        for feature in &self.0 {
            // SAFETY: the setting only adds instructions, and Wasmtime refuses the machine code on a
            // processor without them.
            unsafe { config.cranelift_flag_enable(feature.setting) };
        }
    }
}

impl FromStr for Processor {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == NATIVE {
            return Ok(Self::native());
        }
        let Some(level) = LEVELS.iter().position(|level| *level == name) else {
            let known: Vec<&str> = [NATIVE].iter().chain(LEVELS).copied().collect();
            return Err(format!("must be one of {}", known.join(", ")));
        };
        Ok(Self(FEATURES.iter().filter(|feature| feature.level <= level).collect()))
    }
}

impl fmt::Debug for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.features()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_lacks_none_of_its_own_features() {
        let native = Processor::native();
        assert!(native.missing(native.features()).is_empty());
        assert_eq!(native.missing(["no-such-feature"]), ["no-such-feature"]);
    }

    #[test]
    fn each_level_has_the_features_of_those_before_it() {
        let levels: Vec<Processor> = LEVELS.iter().map(|name| name.parse().unwrap()).collect();
        for pair in levels.windows(2) {
            assert!(pair[1].missing(pair[0].features()).is_empty(), "{pair:?}");
        }
        let error = "pentium".parse::<Processor>().unwrap_err();
        assert!(error.starts_with("must be one of native"), "{error}");
    }
}
