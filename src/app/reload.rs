//! SIGHUP: the certificate of HTTPS is read again. Without a handler, the signal would end the server at once.

use std::io::IsTerminal as _;

use tokio::signal::unix::{Signal as UnixSignal, SignalKind, signal};

use crate::background::Signal;

/// The signals that do not stop a server, listened to from now on.
#[derive(Debug)]
pub struct ReloadSignals {
    hangup: UnixSignal,
    user: [UnixSignal; 2],
    /// A server in a window of a terminal ends with the window.
    in_terminal: bool,
}

impl ReloadSignals {
    /// Call it first: until then, each of these signals ends the process.
    pub fn listen() -> std::io::Result<Self> {
        let user = [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?];
        Ok(Self { hangup: signal(SignalKind::hangup())?, user, in_terminal: std::io::stderr().is_terminal() })
    }

    /// Handles the signals until the terminal that the server was started in is closed.
    pub(super) async fn handle(mut self, certificate: Option<Signal>) {
        let [user_1, user_2] = &mut self.user;
        loop {
            let ignored = tokio::select! {
                _ = self.hangup.recv() => None,
                _ = user_1.recv() => Some("SIGUSR1"),
                _ = user_2.recv() => Some("SIGUSR2"),
            };
            if let Some(name) = ignored {
                tracing::info!("{name} is ignored. SIGTERM stops the server");
                continue;
            }
            // A terminal that was closed is none any more.
            if self.in_terminal && !std::io::stderr().is_terminal() {
                return;
            }
            match &certificate {
                Some(certificate) => {
                    certificate.raise();
                    tracing::info!("SIGHUP: the certificate is read again. Changed settings need a restart");
                }
                None => tracing::info!(
                    "SIGHUP is ignored: there is no certificate to read again. Changed settings need a restart"
                ),
            }
        }
    }
}
