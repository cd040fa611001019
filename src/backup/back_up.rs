//! Writes a back-up while servers run.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::manifest::{self, BackedUpFile, BackupManifest};
use super::{
    BackupError, IMAGES, MODELS, POSTGRES_ARCHIVE, SQLITE_COPY, ShopData, TOKEN_KEY, files, last_numbers,
    postgres_programs,
};
use crate::atomic_file::parent_folder;
use crate::clock::Clock;
use crate::db::blobs::ContentHash;
use crate::db::{Backend, Database, Reader, export_snapshot, number_series, product_images};
use crate::domain::GivenNumbers;

/// One for the copy, one for the numbers, one that asks whether PostgreSQL still answers.
const CONNECTIONS: u32 = 3;
/// An ONNX manifest has some kilobytes.
const MODEL_MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// What was copied of a database.
struct CopiedDatabase {
    kind: &'static str,
    file: BackedUpFile,
    last_numbers: GivenNumbers,
    /// The photos that the copy names.
    photos: Vec<ContentHash>,
}

/// Writes a back-up to `folder`, which must not exist or be empty. Returns its manifest, which also names photos that are
/// missing: a shop that lost one still needs a back-up of the rest.
pub async fn back_up(shop: &ShopData, clock: &Clock, folder: &Path) -> Result<BackupManifest, BackupError> {
    refuse_used_folder(folder)?;
    refuse_missing_data(&shop.data_dir)?;
    let parent = parent_folder(folder);
    files::make_private_folder(parent)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let temporary = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".part")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(BackupError::at(parent))?;
    let target = temporary.path();

    let db = Database::connect_to_read(&shop.database_url, CONNECTIONS).await?;
    let copied = copy_database(shop, &db, target).await;
    db.close().await;
    let CopiedDatabase { kind, file, last_numbers, photos } = copied?;
    let mut copied = vec![file];
    copied.extend(copy_data(shop, target)?);
    files::verify(target, &copied)?;
    // Before the folder gets its name: nothing that can fail comes after that.
    last_numbers::merge_into_file(&shop.data_dir, &last_numbers)?;

    let missing_photos = find_missing(&photos, &copied);
    let manifest = BackupManifest::new(clock.now(), kind, last_numbers, copied, missing_photos);
    write_manifest(target, &manifest)?;
    files::sync_folders(target)?;
    // Renaming replaces an empty folder, and fails if it is no longer empty.
    let written = temporary.keep();
    if let Err(error) = std::fs::rename(&written, folder) {
        // What was written is complete, but it has not the name that was asked for.
        std::fs::remove_dir_all(&written).map_err(BackupError::at(&written))?;
        return Err(BackupError::at(folder)(error));
    }
    files::sync_folder(parent)?;
    Ok(manifest)
}

/// Without the data folder, a back-up would have a database without its photos and key, and look complete.
fn refuse_missing_data(data_dir: &Path) -> Result<(), BackupError> {
    if data_dir.is_dir() {
        return Ok(());
    }
    Err(BackupError::Refused(format!(
        "the data folder {} does not exist. Name the one of the server with TILLSIGHT_DATA_DIR",
        data_dir.display()
    )))
}

/// The paths in a back-up of the photos that the database names and that were not there.
fn find_missing(photos: &[ContentHash], copied: &[BackedUpFile]) -> Vec<String> {
    let copied: BTreeSet<&str> = copied.iter().map(|file| file.path.as_str()).collect();
    let paths = photos.iter().map(|photo| {
        let name = photo.to_string();
        let (folder, file) = name.split_at(2);
        format!("{IMAGES}/{folder}/{file}")
    });
    paths.filter(|path| !copied.contains(path.as_str())).collect()
}

fn refuse_used_folder(folder: &Path) -> Result<(), BackupError> {
    match std::fs::symlink_metadata(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(BackupError::at(folder)(error)),
        Ok(metadata) if metadata.is_dir() && files::read_folder(folder)?.is_empty() => Ok(()),
        Ok(_) => Err(BackupError::Refused(format!(
            "{} exists and is not an empty folder. Name a folder that does not exist yet, for example with the date",
            folder.display()
        ))),
    }
}

/// Copies the database and checks the copy.
async fn copy_database(shop: &ShopData, db: &Database, target: &Path) -> Result<CopiedDatabase, BackupError> {
    match db.backend() {
        Backend::Sqlite => {
            let path = target.join(SQLITE_COPY);
            db.write_sqlite_copy(&path).await?;
            let copy = Database::connect_to_read(&format!("sqlite://{}", path.display()).into(), 1).await?;
            let damage = copy.find_damage().await?;
            let numbers = read_summary(&mut copy.read().await?).await;
            copy.close().await;
            if let Some(damage) = damage {
                return Err(BackupError::Refused(format!("the database is damaged, and so is its copy: {damage}")));
            }
            sync_file(&path)?;
            let (last_numbers, photos) = numbers?;
            let file = files::describe(&path, SQLITE_COPY)?;
            Ok(CopiedDatabase { kind: "sqlite", file, last_numbers, photos })
        }
        Backend::Postgres => {
            let path = target.join(POSTGRES_ARCHIVE);
            let mut snapshot = db.snapshot().await?;
            let (last_numbers, photos) = read_summary(&mut snapshot).await?;
            let name = export_snapshot(&mut snapshot).await?;
            postgres_programs::dump(db, &shop.database_url, &name, &path).await?;
            drop(snapshot);
            postgres_programs::check_archive(&path).await?;
            // The archive holds the hashes of passwords.
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(BackupError::at(&path))?;
            sync_file(&path)?;
            let file = files::describe(&path, POSTGRES_ARCHIVE)?;
            Ok(CopiedDatabase { kind: "postgres", file, last_numbers, photos })
        }
    }
}

/// The last numbers and the photos that the database names.
async fn read_summary(reader: &mut Reader) -> Result<(GivenNumbers, Vec<ContentHash>), BackupError> {
    let numbers = number_series::list_last_numbers(reader).await?;
    Ok((numbers, product_images::list_content_hashes(reader).await?))
}

fn sync_file(path: &Path) -> Result<(), BackupError> {
    std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(BackupError::at(path))
}

/// Copies photos, the token key and the models.
fn copy_data(shop: &ShopData, target: &Path) -> Result<Vec<BackedUpFile>, BackupError> {
    let mut copied = Vec::new();
    for folder in files::read_folder(&shop.data_dir.join(IMAGES))?.into_iter().filter(|folder| folder.is_dir()) {
        let prefix = file_name(&folder);
        for photo in files::read_folder(&folder)? {
            let rest = file_name(&photo);
            // Beside the photos, only temporary files of uploads, which begin with a dot.
            if rest.starts_with('.') || !photo.is_file() {
                continue;
            }
            let name = format!("{IMAGES}/{prefix}/{rest}");
            let file = files::copy_new(&photo, &target.join(&name), &name)?;
            if file.sha256 != format!("{prefix}{rest}") {
                return Err(BackupError::Refused(format!(
                    "photo {} is damaged: its content does not match the SHA-256 in its name. Put it back from an older \
                     back-up, or remove it and upload the photo again",
                    photo.display()
                )));
            }
            copied.push(file);
        }
    }
    let key = shop.data_dir.join(TOKEN_KEY);
    if key.is_file() {
        copied.push(files::copy_new(&key, &target.join(TOKEN_KEY), TOKEN_KEY)?);
    }
    for model in list_models(&shop.model)? {
        let name = format!("{MODELS}/{}", file_name(&model));
        if !target.join(&name).exists() {
            copied.push(files::copy_new(&model, &target.join(&name), &name)?);
        }
    }
    Ok(copied)
}

/// The manifests beside the configured one, and the networks that they name.
fn list_models(configured: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let folder = parent_folder(configured);
    let mut models = Vec::new();
    for path in files::read_folder(folder)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "json"))
    {
        let Ok(text) = crate::atomic_file::read_limited(&path, MODEL_MANIFEST_BYTES_MAX) else { continue };
        let parsed: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
        let network = parsed.as_ref().and_then(|manifest| manifest.get("file")?.as_str());
        // A manifest names a file beside it.
        let network = network.filter(|name| !name.contains('/')).map(|name| folder.join(name));
        if let Some(network) = network.filter(|network| network.is_file()) {
            models.extend([path, network]);
        }
    }
    Ok(models)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn write_manifest(folder: &Path, manifest: &BackupManifest) -> Result<(), BackupError> {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(manifest::FILE_NAME);
    let text = serde_json::to_vec_pretty(manifest)
        .map_err(|error| BackupError::Refused(format!("the manifest cannot be written as JSON: {error}")))?;
    let permissions = std::fs::Permissions::from_mode(0o600);
    crate::atomic_file::write(&path, &text, permissions, crate::atomic_file::IfExists::Keep)
        .map_err(BackupError::at(&path))
}
