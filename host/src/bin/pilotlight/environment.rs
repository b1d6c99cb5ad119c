//! Environment variables for libraries that are loaded later.

/// ONNX Runtime's official builds report to their maker from 1.29 on: what models they load, how they
/// run, and an identifier that they keep in the home folder. Their own switch comes too late, when
/// the first report is on its way.
const REPORTS: &str = "ORT_DISABLE_TELEMETRY";

/// Forbids that, unless whoever started the process has decided. Nothing else may run yet.
pub(crate) fn forbid_reports() {
    if std::env::var_os(REPORTS).is_none() {
        // SAFETY: `main` does this before anything else, when there is no other thread that could
        // read the environment meanwhile.
        unsafe { std::env::set_var(REPORTS, "1") };
    }
}
