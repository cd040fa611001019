//! Where networks run: on the processor, or, in a build with the feature `cuda`, on an NVIDIA GPU.
//!
//! A GPU needs a library of ONNX Runtime that was built for it, NVIDIA's CUDA and cuDNN, and the device itself. Where one of
//! these is missing the server says so in one line and computes on the processor: a till that is slow sells more than one
//! that does not start.

use ort::session::Session;
use ort::session::builder::SessionBuilder;

/// A session of the network in `bytes` that runs where it is fastest here. `builder` gives a builder for each try.
///
/// # Errors
/// ONNX Runtime's words.
#[cfg(not(feature = "cuda"))]
pub(super) fn session(builder: impl Fn() -> Result<SessionBuilder, String>, bytes: &[u8]) -> Result<Session, String> {
    on_the_processor(builder, bytes)
}

/// A session of the network in `bytes` that runs where it is fastest here. `builder` gives a builder for each try: a GPU may fail
/// when it is asked for and when it gets the network, for want of memory.
///
/// # Errors
/// ONNX Runtime's words, where the processor cannot run the network either.
#[cfg(feature = "cuda")]
pub(super) fn session(builder: impl Fn() -> Result<SessionBuilder, String>, bytes: &[u8]) -> Result<Session, String> {
    use std::sync::Once;

    // Sessions are opened one after the other, and mostly with the same outcome.
    static ON_GPU: Once = Once::new();
    static ON_PROCESSOR: Once = Once::new();
    let on_gpu = builder().and_then(|builder| {
        let cuda = [ort::ep::CUDA::default().build().error_on_failure()];
        let mut builder = builder.with_execution_providers(cuda).map_err(|error| error.to_string())?;
        builder.commit_from_memory(bytes).map_err(|error| error.to_string())
    });
    match on_gpu {
        Ok(session) => {
            ON_GPU.call_once(|| tracing::info!("networks run on the GPU (CUDA)"));
            Ok(session)
        }
        Err(reason) => {
            // A network that nothing can run says so itself.
            let session = on_the_processor(builder, bytes)?;
            let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
            ON_PROCESSOR.call_once(|| tracing::warn!(%reason, "no GPU can be used; networks run on the processor"));
            Ok(session)
        }
    }
}

fn on_the_processor(builder: impl Fn() -> Result<SessionBuilder, String>, bytes: &[u8]) -> Result<Session, String> {
    builder()?.commit_from_memory(bytes).map_err(|error| error.to_string())
}
