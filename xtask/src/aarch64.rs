//! Tests for AArch64, on emulated processors.

use crate::cargo::execute;
use crate::peers::aarch64::toolchain;

/// Processors of the emulator, and the fastest instruction set that kernels have for each.
const PROCESSORS: [(&str, &str); 3] =
    [("max", "neon-i8mm"), ("neoverse-n1", "neon-dotprod"), ("cortex-a53", "neon")];

/// The kernels' tests, which compare each instruction set with scalar code.
pub(crate) fn test() -> anyhow::Result<()> {
    let Some(toolchain) = toolchain()? else { return Ok(()) };
    let arguments = ["test", "--locked", "--release", "--tests", "--package", "pilotlight-kernels"];
    for (processor, instructions) in PROCESSORS {
        let mut command = toolchain.cargo(&arguments, processor);
        execute(command.env("PILOTLIGHT_REQUIRE_CPU", instructions))?;
    }
    Ok(())
}
