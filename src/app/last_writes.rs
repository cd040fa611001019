//! What a server writes when it has stopped serving.

use super::running_servers::Registration;
use crate::auth::Auth;
use crate::automation::Automation;
use crate::backup::LastNumbers;
use crate::models::ModelSwitches;
use crate::performance::Performance;
use crate::recognition::RecognitionService;

/// Writes what would be lost or late otherwise.
pub(super) async fn write_last_rows(
    (last_numbers, performance): (&LastNumbers, &Performance),
    auth: &Auth,
    recognition: &RecognitionService,
    (models, automation, registration): (&ModelSwitches, &Automation, &Registration),
) {
    let warn = |what: &str, error: &dyn std::fmt::Display| tracing::warn!(%error, "{what} could not be written");
    if let Err(error) = last_numbers.remember().await {
        warn("the last receipt numbers in the data folder", &error);
    }
    if let Err(error) = performance.flush().await {
        warn("the last order statistics", &error);
    }
    if let Err(error) = auth.write_last_seen().await {
        warn("when people and kiosks were last seen", &error);
    }
    if let Err(error) = recognition.write_counts().await {
        warn("the last counts of verdicts", &error);
    }
    if let Err(error) = models.release_lease().await {
        tracing::warn!(%error, "the lease of the model switch could not be released; it expires in half a minute");
    }
    if let Err(error) = automation.release_leases().await {
        tracing::warn!(%error, "the jobs of tasks could not be given back; other servers take them in half a minute");
    }
    if let Err(error) = registration.remove().await {
        warn("that this server has stopped", &error);
    }
}
