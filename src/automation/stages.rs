//! Which stage follows which: the one place that says so.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::{MediaMode, Stage, TaskType};

/// The stages of a task, in order. Those of an import depend on where its photos come from.
pub fn stages_of(kind: TaskType, settings: &Value) -> &'static [Stage] {
    match (kind, media_mode_of(settings)) {
        (TaskType::Import, MediaMode::Upload | MediaMode::Video) => {
            &[Stage::Schedule, Stage::Extract, Stage::Embed, Stage::Publish]
        }
        (TaskType::Import, MediaMode::Crawl) => &[Stage::Schedule, Stage::Fetch, Stage::Embed, Stage::Publish],
        (TaskType::Cleanup | TaskType::Backup | TaskType::Report | TaskType::Integrity, _) => &[Stage::Run],
    }
}

/// The media mode in the settings of a task, which were checked when it was created.
fn media_mode_of(settings: &Value) -> MediaMode {
    settings.get("media_mode").and_then(|mode| MediaMode::deserialize(mode).ok()).unwrap_or_default()
}

/// The stage after `stage`; `None` after the last one.
pub fn stage_after(stages: &[Stage], stage: Stage) -> Option<Stage> {
    let position = stages.iter().position(|known| *known == stage)?;
    stages.get(position + 1).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_stage_is_followed_by_the_next_one_of_its_task() {
        let upload = stages_of(TaskType::Import, &Value::Null);
        assert_eq!(stage_after(upload, Stage::Schedule), Some(Stage::Extract));
        assert_eq!(stage_after(upload, Stage::Embed), Some(Stage::Publish));
        assert_eq!(stage_after(upload, Stage::Publish), None);
        assert_eq!(stage_after(upload, Stage::Fetch), None, "not a stage of this task");
        assert_eq!(stage_after(stages_of(TaskType::Backup, &Value::Null), Stage::Run), None);
        let crawl = stages_of(TaskType::Import, &json!({"media_mode": "crawl"}));
        assert_eq!(stage_after(crawl, Stage::Schedule), Some(Stage::Fetch));
        assert_eq!(stage_after(crawl, Stage::Fetch), Some(Stage::Embed));
    }
}
