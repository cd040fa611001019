//! The certificate of HTTPS: from files that the settings name, or made here and kept in the data folder.
//!
//! Both are read anew while the server runs, so that a renewed certificate counts without a restart. One that cannot be used
//! ends the start with one line, and later leaves the old one in use.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::StartError;
use crate::atomic_file::{self, IfExists};
use crate::clock::Clock;
use crate::config::{Settings, TlsMode};
use crate::domain::Timestamp;

/// The file with a certificate that was made here, and its key.
const FILE_NAME: &str = "self-signed.pem";
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Browsers refuse certificates that are valid for longer than 398 days.
const VALID_S: i64 = 397 * 86_400;
/// A certificate is replaced this long before it ends.
const RENEW_S: i64 = 30 * 86_400;
/// A certificate of somebody else that ends within this time should have been renewed: Let's Encrypt renews at 30 days.
const ENDS_SOON_S: i64 = 14 * 86_400;

/// Where the certificate comes from.
#[derive(Debug, Clone)]
enum Source {
    Files { certificate: PathBuf, key: PathBuf },
    SelfSigned { file: PathBuf, bind: IpAddr },
}

/// The certificate of this server; cheap to clone.
#[derive(Clone)]
pub(super) struct Certificate {
    source: Source,
    clock: Clock,
    current: Arc<CurrentCertificate>,
}

/// The certificate in use. The lock guards the reference only; a handshake takes a copy of it.
#[derive(Debug)]
struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("HTTPS: {0}")]
pub struct CertificateError(String);

impl Certificate {
    /// `None` if the settings want plain HTTP.
    pub(super) fn open(settings: &Settings, clock: &Clock) -> Result<Option<Self>, StartError> {
        let source = match (&settings.tls_cert, &settings.tls_key, settings.tls) {
            (Some(certificate), Some(key), _) => Source::Files { certificate: certificate.clone(), key: key.clone() },
            (_, _, Some(TlsMode::SelfSigned)) => {
                Source::SelfSigned { file: settings.data_dir.join(FILE_NAME), bind: settings.bind.ip() }
            }
            (_, _, None) => return Ok(None),
        };
        let current = RwLock::new(Arc::new(source.load(clock.now())?));
        Ok(Some(Self { source, clock: clock.clone(), current: Arc::new(CurrentCertificate(current)) }))
    }

    pub(super) fn is_self_signed(&self) -> bool {
        matches!(self.source, Source::SelfSigned { .. })
    }

    /// Takes a certificate that was replaced in its file, or makes the next one.
    pub(super) fn renew(&self) -> Result<(), CertificateError> {
        let fresh = Arc::new(self.source.load(self.clock.now())?);
        let mut current = self.current.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if current.cert != fresh.cert {
            *current = fresh;
            tracing::info!("HTTPS uses a new certificate");
        }
        Ok(())
    }

    pub(super) fn server_config(&self) -> Result<rustls::ServerConfig, CertificateError> {
        let builder = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| CertificateError(error.to_string()))?;
        Ok(builder.with_no_client_auth().with_cert_resolver(self.current.clone()))
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone())
    }
}

impl Source {
    fn load(&self, now: Timestamp) -> Result<CertifiedKey, CertificateError> {
        match self {
            Self::Files { certificate, key } => read_pair(certificate, key),
            Self::SelfSigned { file, bind } => {
                let names = host_names(*bind);
                if !SelfSigned::read(file).is_some_and(|kept| kept.fits(&names, now)) {
                    SelfSigned::make(file, names, now)?;
                }
                read_pair(file, file)
            }
        }
    }
}

/// How browsers reach a server with these settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Https {
    /// Plain HTTP.
    Off,
    /// With the certificate that the server makes.
    SelfSigned,
    /// With the certificate in this file, which is valid now.
    Valid(PathBuf),
    /// As before, but it ends within the time in which it should be renewed.
    EndsSoon(PathBuf),
}

/// Looks at the certificate that the settings name, and makes none.
///
/// # Errors
/// The files cannot be used, or the certificate is not valid now.
pub fn check_https(settings: &Settings, now: Timestamp) -> Result<Https, CertificateError> {
    let (Some(certificate), Some(key)) = (&settings.tls_cert, &settings.tls_key) else {
        return Ok(if settings.tls.is_some() { Https::SelfSigned } else { Https::Off });
    };
    let pair = read_pair(certificate, key)?;
    let leaf = pair.cert.first().ok_or_else(|| CertificateError("there is no certificate".to_owned()))?;
    if !is_valid_at(leaf, now)? {
        return Err(CertificateError(format!(
            "the certificate in {} has ended or has not begun at {now}",
            certificate.display()
        )));
    }
    let is_valid_later = is_valid_at(leaf, now.plus_seconds(ENDS_SOON_S))?;
    Ok(if is_valid_later { Https::Valid(certificate.clone()) } else { Https::EndsSoon(certificate.clone()) })
}

/// Whether `certificate` has begun and not ended. Who signed it and for which name does not matter here.
fn is_valid_at(certificate: &CertificateDer, moment: Timestamp) -> Result<bool, CertificateError> {
    let failed = |error: &dyn std::fmt::Display| CertificateError(error.to_string());
    let mut roots = rustls::RootCertStore::empty();
    // Verifying needs some authority; the certificate stands for its own.
    roots.add(certificate.clone().into_owned()).map_err(|error| failed(&error))?;
    let provider = Arc::new(default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = verifier.build().map_err(|error| failed(&error))?;
    let name = ServerName::try_from("localhost").map_err(|error| failed(&error))?;
    let seconds = Duration::from_secs(u64::try_from(moment.seconds()).unwrap_or_default());
    // The time is looked at before the signature and the name.
    let verified = verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::since_unix_epoch(seconds));
    use rustls::CertificateError as Refusal;
    let is_about_time = matches!(
        verified,
        Err(rustls::Error::InvalidCertificate(
            Refusal::Expired
                | Refusal::ExpiredContext { .. }
                | Refusal::NotValidYet
                | Refusal::NotValidYetContext { .. }
        ))
    );
    Ok(!is_about_time)
}

fn read_pair(certificate: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let fails = |path: &Path, reason: String| CertificateError(format!("the file {} {reason}", path.display()));
    let read = |path: &Path| {
        atomic_file::read_limited(path, FILE_BYTES_MAX).map_err(|error| fails(path, format!("cannot be read: {error}")))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(certificate)?).collect();
    let chain = chain.map_err(|error| fails(certificate, format!("is not PEM: {error}")))?;
    if chain.is_empty() {
        return Err(fails(certificate, "holds no certificate (PEM, \"BEGIN CERTIFICATE\")".to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|_| fails(key, "holds no private key (PEM, \"BEGIN PRIVATE KEY\")".to_owned()))?;
    CertifiedKey::from_der(chain, secret, &default_provider()).map_err(|error| {
        fails(certificate, format!("and the key in {} cannot be used together: {error}", key.display()))
    })
}

/// A certificate that was made here: the first two lines of its file say for whom and until when.
struct SelfSigned {
    names: BTreeSet<String>,
    ends_at: Timestamp,
}

impl SelfSigned {
    /// `None` if there is none, or its head cannot be read: then a new one is made.
    fn read(file: &Path) -> Option<Self> {
        let text = String::from_utf8(atomic_file::read_limited(file, FILE_BYTES_MAX).ok()?).ok()?;
        let mut lines = text.lines();
        let names = lines.next()?.strip_prefix("names: ")?.split(' ').map(str::to_owned).collect();
        let seconds: i64 = lines.next()?.strip_prefix("ends_at: ")?.parse().ok()?;
        Some(Self { names, ends_at: Timestamp::from_micros(seconds.checked_mul(1_000_000)?) })
    }

    fn fits(&self, names: &BTreeSet<String>, now: Timestamp) -> bool {
        names.is_subset(&self.names) && now.plus_seconds(RENEW_S) < self.ends_at
    }

    fn make(file: &Path, names: BTreeSet<String>, now: Timestamp) -> Result<(), CertificateError> {
        let fails = |error: &dyn std::fmt::Display| {
            CertificateError(format!("the certificate {} cannot be made: {error}", file.display()))
        };
        let moment =
            |seconds: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let ends_at = now.plus_seconds(VALID_S);
        let list = names.iter().cloned().collect::<Vec<_>>();
        let mut params = CertificateParams::new(list.clone()).map_err(|error| fails(&error))?;
        // A day back, since the clock of a kiosk may be late.
        params.not_before = moment(now.seconds() - 86_400);
        params.not_after = moment(ends_at.seconds());
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "tillsight");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().map_err(|error| fails(&error))?;
        let certificate = params.self_signed(&key).map_err(|error| fails(&error))?;
        let text = format!(
            "names: {}\nends_at: {}\n{}{}",
            list.join(" "),
            ends_at.seconds(),
            certificate.pem(),
            key.serialize_pem()
        );
        let private = Permissions::from_mode(0o600);
        atomic_file::write(file, text.as_bytes(), private, IfExists::Replace).map_err(|error| fails(&error))
    }
}

/// The names and addresses under which a browser may reach this server.
fn host_names(bind: IpAddr) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_ascii_lowercase();
    let is_name = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    if is_name && !names.contains(&host) {
        if !host.contains('.') {
            names.insert(format!("{host}.local"));
        }
        names.insert(host);
    }
    match bind.is_unspecified() {
        true => names.extend(network_addresses().into_iter().map(|address| address.to_string())),
        false => drop(names.insert(bind.to_string())),
    }
    names
}

/// The addresses of this machine in its networks.
pub(super) fn network_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|interface| interface.ip());
    // A link-local address of IPv6 needs a zone, which a browser cannot write.
    let is_reachable = |address: &IpAddr| match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    };
    interfaces.filter(is_reachable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn settings(overlay: &str) -> Settings {
        Settings::from_toml(overlay).unwrap()
    }

    #[test]
    fn a_certificate_is_made_once_and_renewed_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&format!("tls = \"self-signed\"\ndata_dir = \"{}\"", folder.path().display()));
        let clock = Clock::fixed(NOW);
        let certificate = Certificate::open(&settings, &clock).unwrap().unwrap();
        let file = folder.path().join(FILE_NAME);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let first = std::fs::read(&file).unwrap();
        Certificate::open(&settings, &clock).unwrap().unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), first);
        clock.advance(VALID_S - RENEW_S);
        certificate.renew().unwrap();
        assert_ne!(std::fs::read(&file).unwrap(), first);
        assert!(String::from_utf8(first).unwrap().starts_with("names: 127.0.0.1 ::1 "));
        certificate.server_config().unwrap();
    }

    #[test]
    fn a_certificate_that_ended_or_ends_soon_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pair.pem");
        SelfSigned::make(&file, ["localhost".to_owned()].into(), NOW).unwrap();
        let named = format!("tls_cert = \"{0}\"\ntls_key = \"{0}\"", file.display());
        let check = |seconds: i64| check_https(&settings(&named), NOW.plus_seconds(seconds));
        assert_eq!(check(0).unwrap(), Https::Valid(file.clone()));
        assert_eq!(check(VALID_S - 86_400).unwrap(), Https::EndsSoon(file.clone()));
        assert!(check(VALID_S + 86_400).unwrap_err().to_string().contains("has ended"));
        assert!(check(-3 * 86_400).unwrap_err().to_string().contains("has not begun"));
        assert_eq!(check_https(&settings(""), NOW).unwrap(), Https::Off);
        assert_eq!(check_https(&settings("tls = \"self-signed\""), NOW).unwrap(), Https::SelfSigned);
    }

    #[test]
    fn a_new_name_needs_a_new_certificate() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let kept = SelfSigned { names: names(&["localhost", "192.0.2.7"]), ends_at: NOW.plus_seconds(VALID_S) };
        assert!(kept.fits(&names(&["localhost"]), NOW));
        assert!(!kept.fits(&names(&["localhost", "192.0.2.8"]), NOW));
        assert!(!kept.fits(&names(&["localhost"]), NOW.plus_seconds(VALID_S - RENEW_S)));
    }

    #[test]
    fn files_that_cannot_be_used_are_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let refuse = || read_pair(&certificate, &key).unwrap_err().to_string();
        assert!(refuse().contains("cert.pem cannot be read"), "{}", refuse());
        std::fs::write(&certificate, "nothing").unwrap();
        assert!(refuse().contains("cert.pem holds no certificate"), "{}", refuse());
        SelfSigned::make(&certificate, ["localhost".to_owned()].into(), NOW).unwrap();
        std::fs::write(&key, "nothing").unwrap();
        assert!(refuse().contains("key.pem holds no private key"), "{}", refuse());
        SelfSigned::make(&key, ["localhost".to_owned()].into(), NOW).unwrap();
        assert!(refuse().contains("cannot be used together"), "{}", refuse());
    }
}
