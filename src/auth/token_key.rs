//! The key that signs access tokens: given in the settings, or made once and kept in the data folder.
//!
//! Servers that share a database must share the key, so a chain sets `TILLSIGHT_TOKEN_SECRET` on all of them; the file is
//! for a shop with one server. The file is written under another name and linked into place, so that two servers that
//! start at once agree on one key and a kill half way leaves none.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest, Sha256};

use super::AuthError;
use super::secrets::random;
use crate::config::Settings;

/// Name of the file in the data folder.
const FILE: &str = "token.key";
/// Bytes of a key that is made here: the block that HMAC-SHA-256 gives, more adds nothing.
const KEY_BYTES: usize = 32;

/// The key of this server.
#[derive(Clone)]
pub(super) struct TokenKey(SecretSlice<u8>);

impl TokenKey {
    /// A key of these bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// The key from the settings, from the file, or a new one that is written there.
    pub(super) fn load(settings: &Settings) -> Result<Self, AuthError> {
        match &settings.token_secret {
            Some(secret) => Ok(Self::new(secret.expose_secret().as_bytes().to_vec())),
            None => from_folder(&settings.data_dir).map(Self::new),
        }
    }

    /// The bytes themselves.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// A keyed hash for `kind` and `name`: who does not have the key cannot try names against it.
    pub(super) fn fingerprint(&self, kind: &str, name: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for part in [self.bytes(), kind.as_bytes(), name.as_bytes()] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

fn from_folder(folder: &Path) -> Result<Vec<u8>, AuthError> {
    let path = folder.join(FILE);
    let failed = |reason: String| AuthError::KeyFile { path: path.clone(), reason };
    if let Some(key) = read(&path).map_err(failed)? {
        return Ok(key);
    }
    write_new(folder, &path).map_err(|error| failed(format!("cannot be written: {error}")))?;
    read(&path).map_err(failed)?.ok_or_else(|| failed("vanished while it was written".to_owned()))
}

/// The key in the file, nothing where there is no file, the reason where it cannot be used.
fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let remedy = "remove it to have a new one made (everybody signs in again)";
    let key = hex::decode(text.trim()).map_err(|error| format!("is not hexadecimal ({error}); {remedy}"))?;
    if key.len() < KEY_BYTES {
        return Err(format!("holds {} bytes, at least {KEY_BYTES} are needed; {remedy}", key.len()));
    }
    let mode = std::fs::metadata(path).map(|meta| meta.permissions().mode()).unwrap_or_default();
    if mode & 0o077 != 0 {
        tracing::warn!(
            file.path = %path.display(),
            "the token key can be read by other accounts of this machine; chmod 600 it"
        );
    }
    Ok(Some(key))
}

fn write_new(folder: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let fresh = random::<KEY_BYTES>().map_err(std::io::Error::other)?;
    let temporary = folder.join(format!("{FILE}.{}", hex::encode(random::<8>().map_err(std::io::Error::other)?)));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file
        .write_all(format!("{}\n", hex::encode(fresh)).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&temporary, path));
    std::fs::remove_file(&temporary)?;
    match written {
        // Another server was faster: its key counts.
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
    fn made_once_kept_for_its_owner_alone_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("data");
        let first = TokenKey::load(&settings(&inner)).unwrap();
        let again = TokenKey::load(&settings(&inner)).unwrap();
        assert_eq!(first.bytes(), again.bytes());
        assert_eq!(first.bytes().len(), KEY_BYTES);
        let mode = std::fs::metadata(inner.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&inner).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn starts_at_once_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| from_folder(folder.path()).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_file_that_is_short_or_unreadable_ends_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, "abcd").unwrap();
        let short = from_folder(folder.path()).unwrap_err().to_string();
        assert!(short.contains("2 bytes") && short.contains(FILE), "{short}");
        std::fs::write(&path, "not hexadecimal").unwrap();
        assert!(from_folder(folder.path()).unwrap_err().to_string().contains("hexadecimal"));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(from_folder(folder.path()).unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn fingerprints_tell_kinds_names_and_keys_apart() {
        let key = TokenKey::new(vec![1; 32]);
        assert_ne!(key.fingerprint("account", "x"), key.fingerprint("address", "x"));
        assert_ne!(key.fingerprint("a", "bc"), key.fingerprint("ab", "c"));
        assert_ne!(key.fingerprint("a", "b"), TokenKey::new(vec![2; 32]).fingerprint("a", "b"));
    }
}
