//! Restores a back-up into an empty data folder and an empty database.

use std::path::{Path, PathBuf};

use super::manifest::{BackedUpFile, BackupManifest, read_manifest};
use super::{
    BackupError, IMAGES, MODELS, POSTGRES_ARCHIVE, SQLITE_COPY, ShopData, TOKEN_KEY, files, last_numbers,
    postgres_programs,
};
use crate::atomic_file::parent_folder;
use crate::db::{Backend, Database, DatabaseError, number_series, running_servers, sqlite_file};

/// One to read what is there.
const CONNECTIONS: u32 = 1;

/// Verifies the back-up in `folder` and restores it. Nothing that exists is changed; the database comes last.
pub async fn restore(shop: &ShopData, folder: &Path) -> Result<BackupManifest, BackupError> {
    let manifest = read_manifest(folder)?;
    files::verify(folder, &manifest.files)?;
    let sqlite = sqlite_file(&shop.database_url)?;
    refuse_other_database(&manifest, sqlite.is_some())?;
    refuse_used_data(shop)?;
    let models = models_to_write(shop, &manifest, folder)?;
    match &sqlite {
        Some(file) => refuse_existing_file(file)?,
        None => refuse_used_postgres(shop).await?,
    }

    files::make_private_folder(&shop.data_dir)?;
    let is_data = |file: &&BackedUpFile| file.path == TOKEN_KEY || file.path.starts_with(&format!("{IMAGES}/"));
    for file in manifest.files.iter().filter(is_data) {
        files::copy_new(&folder.join(&file.path), &shop.data_dir.join(&file.path), &file.path)?;
    }
    for (from, to) in models {
        files::copy_new(&from, &to, "")?;
    }
    last_numbers::merge_into_file(&shop.data_dir, &manifest.last_numbers)?;
    files::sync_folders(&shop.data_dir)?;
    match &sqlite {
        Some(file) => restore_sqlite(folder, file)?,
        None => {
            let db = Database::connect_to_read(&shop.database_url, CONNECTIONS).await?;
            let restored = postgres_programs::restore(&db, &shop.database_url, &folder.join(POSTGRES_ARCHIVE)).await;
            db.close().await;
            restored?;
        }
    }
    check_numbers(shop, &manifest).await?;
    forget_servers(shop).await?;
    Ok(manifest)
}

fn refuse_other_database(manifest: &BackupManifest, is_sqlite: bool) -> Result<(), BackupError> {
    let wanted = if is_sqlite { Backend::Sqlite } else { Backend::Postgres };
    let has = if manifest.database == "sqlite" { Backend::Sqlite } else { Backend::Postgres };
    if wanted == has {
        return Ok(());
    }
    let name = |backend| match backend {
        Backend::Sqlite => "SQLite",
        Backend::Postgres => "PostgreSQL",
    };
    let (has, wanted) = (name(has), name(wanted));
    Err(BackupError::Refused(format!(
        "the back-up is of {has}, but TILLSIGHT_DATABASE_URL names {wanted}. Restore it into {has}"
    )))
}

/// The data folder may hold the last numbers of the lost shop, which the restore keeps.
fn refuse_used_data(shop: &ShopData) -> Result<(), BackupError> {
    let is_used = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name == IMAGES || name == TOKEN_KEY || (name.starts_with("index-") && name.ends_with(".snapshot"))
    };
    match files::read_folder(&shop.data_dir)?.into_iter().find(|path| is_used(path)) {
        None => Ok(()),
        Some(path) => Err(BackupError::Refused(format!(
            "{} is from another shop or an interrupted restore, and is not overwritten. Move the data folder's contents away, \
             or name another folder with TILLSIGHT_DATA_DIR",
            path.display()
        ))),
    }
}

fn refuse_existing_file(file: &Path) -> Result<(), BackupError> {
    for end in ["", "-wal", "-shm"] {
        let path = PathBuf::from(format!("{}{end}", file.display()));
        if path.exists() {
            return Err(BackupError::Refused(format!(
                "{} exists and is not overwritten. Stop the server and move the file away with its -wal and -shm",
                path.display()
            )));
        }
    }
    Ok(())
}

async fn refuse_used_postgres(shop: &ShopData) -> Result<(), BackupError> {
    let db = Database::connect_to_read(&shop.database_url, CONNECTIONS).await?;
    let is_empty = db.is_empty().await;
    db.close().await;
    if is_empty? {
        return Ok(());
    }
    Err(BackupError::Refused(
        "the database that TILLSIGHT_DATABASE_URL names has tables and is not overwritten. Create an empty one (createdb) and \
         name that"
            .to_owned(),
    ))
}

/// The models of the back-up that are not in the models folder yet, with their new paths.
fn models_to_write(
    shop: &ShopData,
    manifest: &BackupManifest,
    folder: &Path,
) -> Result<Vec<(PathBuf, PathBuf)>, BackupError> {
    let models_folder = parent_folder(&shop.model);
    let mut missing = Vec::new();
    for file in &manifest.files {
        let Some(name) = file.path.strip_prefix(&format!("{MODELS}/")) else { continue };
        let target = models_folder.join(name);
        if !target.exists() {
            missing.push((folder.join(&file.path), target));
        } else if files::describe(&target, &file.path)? != *file {
            return Err(BackupError::Refused(format!(
                "{} differs from the one in the back-up and is not overwritten. Move it away, or name a manifest in an empty \
                 folder with TILLSIGHT_MODEL",
                target.display()
            )));
        }
    }
    Ok(missing)
}

/// Under a temporary name first, so that an interrupted restore leaves no half database.
fn restore_sqlite(folder: &Path, file: &Path) -> Result<(), BackupError> {
    let parent = parent_folder(file);
    files::make_private_folder(parent)?;
    let temporary = PathBuf::from(format!("{}.part", file.display()));
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(BackupError::at(&temporary)(error)),
        Ok(()) | Err(_) => {}
    }
    files::copy_new(&folder.join(SQLITE_COPY), &temporary, SQLITE_COPY)?;
    std::fs::rename(&temporary, file).map_err(BackupError::at(file))?;
    files::sync_folder(parent)
}

/// The servers that ran when the back-up was made do not run on the restored database.
async fn forget_servers(shop: &ShopData) -> Result<(), BackupError> {
    let db = Database::open(&shop.database_url, CONNECTIONS).await?;
    let forgotten = async {
        let mut tx = db.begin().await?;
        running_servers::delete_all(&mut tx).await?;
        tx.commit().await
    };
    let forgotten = forgotten.await;
    db.close().await;
    match forgotten {
        // The back-up is of a version without that table.
        Err(DatabaseError::Missing(_)) => Ok(()),
        forgotten => Ok(forgotten?),
    }
}

/// The restored database must know the numbers that the manifest names.
async fn check_numbers(shop: &ShopData, manifest: &BackupManifest) -> Result<(), BackupError> {
    let db = Database::connect_to_read(&shop.database_url, CONNECTIONS).await?;
    let numbers = match db.read().await {
        Ok(mut reader) => number_series::list_last_numbers(&mut reader).await,
        Err(error) => Err(error),
    };
    db.close().await;
    if numbers? == manifest.last_numbers {
        return Ok(());
    }
    Err(BackupError::Refused(
        "the restored database has other last numbers than the manifest of the back-up. Do not start the server; try another \
         back-up"
            .to_owned(),
    ))
}
