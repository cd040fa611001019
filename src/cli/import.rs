//! `tillsight import FILE|DIR`: products and photos into the catalogue, by a running server.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::import_settings::ImportSettingsOptions;
use super::{CliError, describe_database_error};
use crate::automation::pipelines::check_settings;
use crate::automation::{Automation, AutomationError, NewTask, TaskFiles, TaskView};
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::Database;
use crate::domain::{Caller, JobStatus, PageRequest, TaskId, TaskStatus, TaskType, TimeZone};
use crate::terminal::say;

const CONNECTIONS: u32 = 2;
const CHUNK_BYTES: usize = 1 << 20;
/// How often the progress is read.
const PERIOD: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct ImportOptions {
    /// A ZIP or a folder with products.csv or products.json and photos, or with one folder of photos for each product; a clip of one
    /// product; or a table, products.csv or products.json, with addresses of photos in the web.
    #[arg(value_name = "FILE|DIR")]
    source: PathBuf,
    /// For people. Default: the name of the source.
    #[arg(long)]
    title: Option<String>,
    #[command(flatten)]
    settings: ImportSettingsOptions,
}

pub(super) async fn run(options: ImportOptions, settings: Settings) -> Result<(), CliError> {
    let failed = |error: AutomationError| CliError::Task(error.to_string());
    let db = Database::open(&settings.database_url, CONNECTIONS)
        .await
        .map_err(|error| CliError::Task(describe_database_error(&error)))?;
    let time_zone =
        TimeZone::parse("time_zone", &settings.time_zone).map_err(|error| CliError::Task(error.to_string()))?;
    let automation =
        Automation::new(db.clone(), Clock::system(), TaskFiles::new(&settings.data_dir), time_zone.clone());
    let task = begin(&options, &automation, &time_zone).await?;
    say!("Import {} is queued; a running server does it. It goes on if this command is interrupted.", task);
    let view = watch(&automation, task).await.map_err(failed)?;
    let items = view.items;
    say!("{}: {} items enrolled, {} failed", view.status, items.completed, items.failed);
    let page = PageRequest { before: None, limit: 10_000 };
    for item in automation.list_items(task, Some(JobStatus::Failed), page).await.map_err(failed)?.data {
        let name = if item.item.is_empty() { "the import" } else { &item.item };
        say!("  {name}: {}", item.error.as_deref().unwrap_or("no reason"));
    }
    db.close().await;
    match view.status {
        TaskStatus::Completed => Ok(()),
        TaskStatus::Waiting | TaskStatus::Processing | TaskStatus::Failed | TaskStatus::Stopped => {
            Err(CliError::Task(format!("the import is {}; `tillsight task show {task}` tells more", view.status)))
        }
    }
}

async fn begin(options: &ImportOptions, automation: &Automation, time_zone: &TimeZone) -> Result<TaskId, CliError> {
    let failed = |error: AutomationError| CliError::Task(error.to_string());
    let settings = options.settings.for_source(&options.source, time_zone)?;
    let settings = check_settings(TaskType::Import, &settings).map_err(|error| CliError::Task(error.to_string()))?;
    let source = options.source.clone();
    let packed = tokio::task::spawn_blocking(move || open_source(&source)).await;
    let mut zip = packed
        .map_err(|error| CliError::Task(error.to_string()))?
        .map_err(|error| CliError::File(options.source.clone(), error))?;
    let name = options.source.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let title = options.title.clone().unwrap_or_else(|| format!("Import of {name}"));
    let mut upload = automation.begin_upload().await.map_err(failed)?;
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read =
            io::Read::read(&mut zip, &mut chunk).map_err(|error| CliError::File(options.source.clone(), error))?;
        if read == 0 {
            break;
        }
        chunk.truncate(read);
        upload.write(Bytes::from(chunk)).await.map_err(failed)?;
    }
    let id = upload.finish().await.map_err(failed)?;
    let task = NewTask { id, kind: TaskType::Import, title, settings };
    Ok(automation.create_task(&Caller::command_line(), task).await.map_err(failed)?.id)
}

/// The ZIP, or a new one of the folder.
fn open_source(source: &Path) -> io::Result<File> {
    if !source.is_dir() {
        return File::open(source);
    }
    let mut writer = ZipWriter::new(tempfile::tempfile()?);
    // Photos are compressed already.
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).large_file(true);
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        entries.sort_unstable();
        for path in entries {
            // Links are followed nowhere.
            let kind = std::fs::symlink_metadata(&path)?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(source).unwrap_or(&path).to_string_lossy().into_owned();
                writer.start_file(name, options).map_err(io::Error::other)?;
                io::copy(&mut BufReader::new(File::open(&path)?), &mut writer)?;
            }
        }
    }
    let mut file = writer.finish().map_err(io::Error::other)?;
    io::Seek::rewind(&mut file)?;
    Ok(file)
}

/// Shows the progress until no item is open.
async fn watch(automation: &Automation, task: TaskId) -> Result<TaskView, AutomationError> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} items, {msg}");
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    loop {
        let view = automation.find_task(task).await?;
        let items = view.items;
        let done = items.completed + items.failed;
        bar.set_length((done + items.waiting + items.processing).unsigned_abs());
        bar.set_position(done.unsigned_abs());
        bar.set_message(format!("{} failed", items.failed));
        if !matches!(view.status, TaskStatus::Waiting | TaskStatus::Processing) {
            bar.finish_and_clear();
            return Ok(view);
        }
        tokio::time::sleep(PERIOD).await;
    }
}
