//! The key that signs access tokens: from the settings, or created once and stored in the data folder.
//!
//! Servers that share a database must share the key, so a chain sets `TILLSIGHT_TOKEN_SECRET` on all of them; the file is
//! for a single server. The file is written under a temporary name and linked into place, so that two servers that start
//! at once agree on one key, and a server killed half-way leaves none.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest, Sha256};

use super::AuthError;
use super::secrets::random_bytes;
use crate::config::Settings;

/// In the data folder.
const FILE_NAME: &str = "token.key";
/// Bytes of a new key: the output of HMAC-SHA-256, since more adds no strength.
const KEY_BYTES: usize = 32;

#[derive(Clone)]
pub(super) struct TokenKey(SecretSlice<u8>);

impl TokenKey {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// Takes the key from the settings or the file, or creates the file with a new one.
    pub(super) fn load(settings: &Settings) -> Result<Self, AuthError> {
        match &settings.token_secret {
            Some(secret) => Ok(Self::new(secret.expose_secret().as_bytes().to_vec())),
            None => load_or_create(&settings.data_dir).map(Self::new),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// A keyed hash of `kind` and `name`. Without the key nobody can test names against it.
    pub(super) fn fingerprint(&self, kind: &str, name: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for part in [self.bytes(), kind.as_bytes(), name.as_bytes()] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

fn load_or_create(folder: &Path) -> Result<Vec<u8>, AuthError> {
    let path = folder.join(FILE_NAME);
    let failed = |reason: String| AuthError::KeyFile { path: path.clone(), reason };
    if let Some(key) = read_key(&path).map_err(failed)? {
        return Ok(key);
    }
    write_new_key(folder, &path).map_err(|error| failed(format!("cannot be written: {error}")))?;
    read_key(&path).map_err(failed)?.ok_or_else(|| failed("vanished while it was written".to_owned()))
}

/// The key in the file; `None` without a file. The error says why the file cannot be used.
fn read_key(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let remedy = "remove it, and the next start creates a new one (everybody must sign in again)";
    let key = hex::decode(text.trim()).map_err(|error| format!("is not hexadecimal ({error}); {remedy}"))?;
    if key.len() < KEY_BYTES {
        return Err(format!("holds {} bytes but needs at least {KEY_BYTES}; {remedy}", key.len()));
    }
    let mode = std::fs::metadata(path).map(|meta| meta.permissions().mode()).unwrap_or_default();
    if mode & 0o077 != 0 {
        tracing::warn!(
            file.path = %path.display(),
            "other users of this machine can read the token key; run chmod 600 on it"
        );
    }
    Ok(Some(key))
}

fn write_new_key(folder: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let key = random_bytes::<KEY_BYTES>().map_err(std::io::Error::other)?;
    let temporary =
        folder.join(format!("{FILE_NAME}.{}", hex::encode(random_bytes::<8>().map_err(std::io::Error::other)?)));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file
        .write_all(format!("{}\n", hex::encode(key)).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&temporary, path));
    std::fs::remove_file(&temporary)?;
    match written {
        // Another server was faster; its key is used.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path) -> Settings {
        Settings::from_toml(&format!("data_dir = \"{}\"", folder.display())).unwrap()
    }

    #[test]
    fn a_key_is_created_once_and_readable_only_by_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("data");
        let first = TokenKey::load(&settings(&inner)).unwrap();
        let again = TokenKey::load(&settings(&inner)).unwrap();
        assert_eq!(first.bytes(), again.bytes());
        assert_eq!(first.bytes().len(), KEY_BYTES);
        let mode = std::fs::metadata(inner.join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&inner).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn concurrent_starts_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| load_or_create(folder.path()).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_short_or_unreadable_key_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, "abcd").unwrap();
        let short = load_or_create(folder.path()).unwrap_err().to_string();
        assert!(short.contains("2 bytes") && short.contains(FILE_NAME), "{short}");
        std::fs::write(&path, "not hexadecimal").unwrap();
        assert!(load_or_create(folder.path()).unwrap_err().to_string().contains("hexadecimal"));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(load_or_create(folder.path()).unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn fingerprints_differ_by_kind_name_and_key() {
        let key = TokenKey::new(vec![1; 32]);
        assert_ne!(key.fingerprint("account", "x"), key.fingerprint("address", "x"));
        assert_ne!(key.fingerprint("a", "bc"), key.fingerprint("ab", "c"));
        assert_ne!(key.fingerprint("a", "b"), TokenKey::new(vec![2; 32]).fingerprint("a", "b"));
    }
}
