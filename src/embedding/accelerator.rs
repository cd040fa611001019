//! Where networks run: on the processor, or, in a build with the feature `cuda`, on an NVIDIA GPU.
//!
//! A GPU needs an ONNX Runtime built for it, NVIDIA's CUDA and cuDNN, and the device. If one of these is missing, the server
//! logs one line and computes on the processor: a slow till sells more than one that does not start.

use ort::session::Session;
use ort::session::builder::SessionBuilder;

/// Opens a session of the network in `bytes`. `builder` gives a builder for each attempt.
///
/// # Errors
/// ONNX Runtime's message.
#[cfg(not(feature = "cuda"))]
pub(super) fn open_session(
    builder: impl Fn() -> Result<SessionBuilder, String>,
    bytes: &[u8],
) -> Result<Session, String> {
    open_cpu_session(builder, bytes)
}

/// Opens a session of the network in `bytes` on the GPU, or else on the processor. `builder` gives a builder for each attempt:
/// the GPU may fail when it is registered, and for want of memory when it gets the network.
///
/// # Errors
/// ONNX Runtime's message, if the processor cannot run the network either.
#[cfg(feature = "cuda")]
pub(super) fn open_session(
    builder: impl Fn() -> Result<SessionBuilder, String>,
    bytes: &[u8],
) -> Result<Session, String> {
    use std::sync::Once;

    // Every session usually has the same outcome: log it once.
    static LOG_GPU: Once = Once::new();
    static LOG_PROCESSOR: Once = Once::new();
    let gpu_session = builder().and_then(|builder| {
        let cuda = [ort::ep::CUDA::default().build().error_on_failure()];
        let mut builder = builder.with_execution_providers(cuda).map_err(|error| error.to_string())?;
        builder.commit_from_memory(bytes).map_err(|error| error.to_string())
    });
    match gpu_session {
        Ok(session) => {
            LOG_GPU.call_once(|| tracing::info!("networks run on the GPU (CUDA)"));
            Ok(session)
        }
        Err(reason) => {
            // A network that cannot run on the processor either returns its own error.
            let session = open_cpu_session(builder, bytes)?;
            let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
            LOG_PROCESSOR.call_once(|| tracing::warn!(%reason, "no GPU can be used; networks run on the processor"));
            Ok(session)
        }
    }
}

fn open_cpu_session(builder: impl Fn() -> Result<SessionBuilder, String>, bytes: &[u8]) -> Result<Session, String> {
    builder()?.commit_from_memory(bytes).map_err(|error| error.to_string())
}
