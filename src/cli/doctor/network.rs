//! The address that the server listens on, and HTTPS, without which browsers give no camera.

use std::io::ErrorKind;
use std::net::TcpListener;

use super::check::Check;
use crate::app::{Https, check_https};
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::describe_io_error;

pub(super) fn check_address(settings: &Settings) -> Check {
    const NAME: &str = "address";
    let bind = settings.bind;
    let error = match TcpListener::bind(bind) {
        Ok(_) => return Check::good(NAME, format!("{bind} is free")),
        Err(error) => error,
    };
    let finding = format!("cannot listen on {bind}: {}", describe_io_error(&error));
    if error.kind() == ErrorKind::AddrInUse {
        let advice =
            "Right if the server runs. Else stop the other program (ss -ltnp names it) or change TILLSIGHT_BIND.";
        return Check::warning(NAME, format!("{bind} is in use"), advice);
    }
    let advice = if error.kind() == ErrorKind::PermissionDenied {
        "Ports below 1024 need a privilege: use one above, such as 8443, or AmbientCapabilities=CAP_NET_BIND_SERVICE."
    } else {
        "Set TILLSIGHT_BIND to an address of this machine, or to 0.0.0.0 for all."
    };
    Check::broken(NAME, finding, advice)
}

pub(super) fn check_cameras(settings: &Settings) -> Check {
    const NAME: &str = "https";
    let bind = settings.bind;
    match check_https(settings, Clock::system().now()) {
        Err(error) => {
            let advice = "Name a certificate and its key that belong together and are valid (tls_cert, tls_key).";
            Check::broken(NAME, error.to_string(), advice)
        }
        Ok(Https::EndsSoon(file)) => {
            let finding = format!("the certificate in {} ends within two weeks", file.display());
            Check::warning(NAME, finding, "Renew it; the server reads the file every hour, and at SIGHUP.")
        }
        Ok(Https::Valid(file)) => Check::good(NAME, format!("with the certificate in {}", file.display())),
        Ok(Https::SelfSigned) => Check::good(NAME, "with a certificate that the server makes; browsers warn once"),
        Ok(Https::Off) if bind.ip().is_loopback() && settings.trusted_proxies.is_empty() => {
            Check::good(NAME, format!("off; cameras of this machine alone work, at http://localhost:{}", bind.port()))
        }
        Ok(Https::Off) if !settings.trusted_proxies.is_empty() => {
            Check::good(NAME, "off; the proxies in trusted_proxies are to speak HTTPS and send X-Forwarded-Proto")
        }
        Ok(Https::Off) => {
            let finding = format!(
                "off, and {bind} is reached by other machines: their browsers give no camera and nobody can sign in"
            );
            Check::warning(
                NAME,
                finding,
                "Start with `tillsight serve --tls self-signed`, or name tls_cert and tls_key.",
            )
        }
    }
}
