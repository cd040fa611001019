//! Where networks run: on the processor, or, in a build with the feature `cuda`, on an NVIDIA GPU.
//!
//! A GPU needs a library of ONNX Runtime that was built for it, NVIDIA's CUDA and cuDNN, and the device itself. Where one of
//! these is missing the server says so in one line and computes on the processor: a till that is slow sells more than one
//! that does not start.

use ort::session::builder::SessionBuilder;

/// The builder of a session that runs where it is fastest here.
#[cfg(not(feature = "cuda"))]
pub(super) fn chosen(builder: SessionBuilder) -> SessionBuilder {
    builder
}

/// The builder of a session that runs where it is fastest here.
#[cfg(feature = "cuda")]
pub(super) fn chosen(builder: SessionBuilder) -> SessionBuilder {
    use std::sync::Once;

    // Sessions are opened one after the other, all with the same outcome.
    static TOLD: Once = Once::new();
    match builder.with_execution_providers([ort::ep::CUDA::default().build().error_on_failure()]) {
        Ok(builder) => {
            TOLD.call_once(|| tracing::info!("networks run on the GPU (CUDA)"));
            builder
        }
        Err(error) => {
            let reason = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            TOLD.call_once(|| tracing::warn!(%reason, "no GPU can be used; networks run on the processor"));
            error.recover()
        }
    }
}
