//! The reliability of the learned confidence as tables for a terminal.

use super::tables::{align, counted, percent, plain_table};
use crate::evaluation::{ConfidenceFigures, ModelFigures};

/// The table of a model's query photos, below the report; without a confidence, the reason.
pub(super) fn reliability(model: &ModelFigures) -> String {
    let Some(figures) = &model.confidence else {
        return format!(
            "\n\n{}: no confidence can be learned from these enrolled photos;\n20 photos of 5 products with two photos or more are \
             needed",
            model.model
        );
    };
    format!("\n\n{}: {}", model.model, bins(figures, "query photos"))
}

/// The bins of `figures`, whose answers are to `queries`.
pub(super) fn bins(figures: &ConfidenceFigures, queries: &str) -> String {
    let header = ["confidence", "answers", "mean", "right"].map(str::to_owned);
    let mut table = plain_table(header.to_vec(), 1);
    let share = |share: Option<f64>| share.map_or("–".to_owned(), percent);
    for bin in &figures.bins {
        let range = format!("{:.1}–{:.1}", bin.from, bin.to);
        table.add_row(align(vec![range, bin.answers.to_string(), share(bin.said), share(bin.correct)], 1));
    }
    format!(
        "confidence learned from {} of {}\nanswers to {queries}: {} known, {} unknown\n\n{}\n\n{}\n{LEGEND}",
        counted(figures.learned_from_photos, "photo"),
        counted(figures.learned_from_products, "product"),
        figures.known_answers,
        figures.unknown_answers,
        table.trim_fmt(),
        verdicts(figures),
    )
}

fn verdicts(figures: &ConfidenceFigures) -> String {
    let gap = figures.largest_gap.map_or("no bin has 30 answers".to_owned(), |gap| format!("largest gap {gap:.2}"));
    format!(
        "{gap}; asked below {} and unknown below {}: billed right {}, billed wrong {}, asked {}, unknown {}",
        figures.ask_below,
        figures.unknown_below,
        percent(figures.billed_right),
        percent(figures.billed_wrong),
        percent(figures.asked),
        percent(figures.unknown)
    )
}

const LEGEND: &str = "Mean: of the confidence. Gap: between mean and right, in bins with 30 answers or more. Unknown: without their product\nin \
                      the gallery; weighted to one in four, as the confidence assumes.";
