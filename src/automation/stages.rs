//! Which stage follows which: the one place that says so.

use crate::domain::{Stage, TaskType};

/// The stages of a task, in order.
pub fn stages_of(kind: TaskType) -> &'static [Stage] {
    match kind {
        TaskType::Import => &[Stage::Schedule, Stage::Extract, Stage::Embed, Stage::Publish],
        TaskType::Cleanup | TaskType::Backup | TaskType::Report | TaskType::Integrity => &[Stage::Run],
    }
}

/// The stage after `stage`; `None` after the last one.
pub fn stage_after(stages: &[Stage], stage: Stage) -> Option<Stage> {
    let position = stages.iter().position(|known| *known == stage)?;
    stages.get(position + 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_is_followed_by_the_next_one_of_its_task() {
        let upload = stages_of(TaskType::Import);
        assert_eq!(stage_after(upload, Stage::Schedule), Some(Stage::Extract));
        assert_eq!(stage_after(upload, Stage::Embed), Some(Stage::Publish));
        assert_eq!(stage_after(upload, Stage::Publish), None);
        assert_eq!(stage_after(upload, Stage::Fetch), None, "not a stage of this task");
        assert_eq!(stage_after(stages_of(TaskType::Backup), Stage::Run), None);
    }
}
