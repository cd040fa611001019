//! The figures of frames as tables for a terminal.

use super::confidence_tables;
use super::tables::{align, counted, percent, plain_table};
use crate::evaluation::{ComposedFrameFigures, ComposedFrameRow, ModelFigures, RealFrameFigures, RealFrameReport};

/// The table of a model's composed frames, below the report; `None` if there are none.
pub(super) fn composed_frames(model: &ModelFigures) -> Option<String> {
    let figures = model.frames.as_ref()?;
    let header = [
        "height",
        "place",
        "background",
        "things",
        "frames",
        "found",
        "extra regions",
        "whole frame",
        "auto regions",
        "true region",
    ];
    let mut table = plain_table(header.map(str::to_owned).to_vec(), 3);
    for row in &figures.rows {
        table.add_row(align(composed_frame_cells(row), 3));
    }
    let confidence = figures.confidence.as_ref();
    let confidence = confidence.map_or(String::new(), |figures| {
        format!("\n\n{}: {}", model.model, confidence_tables::bins(figures, "the regions of these frames"))
    });
    let table = table.trim_fmt();
    Some(format!("\n\n{}: {}\n\n{table}\n\n{COMPOSED_LEGEND}{confidence}", model.model, describe(figures)))
}

fn composed_frame_cells(row: &ComposedFrameRow) -> Vec<String> {
    let things = match row.things_per_frame {
        [fewest, most] if fewest == most => fewest.to_string(),
        [fewest, most] => format!("{fewest}–{most}"),
    };
    vec![
        format!("{} %", row.height_percent),
        row.placement.as_str().to_owned(),
        format!("{}{}", row.background.as_str(), if row.empty_view { ", empty view" } else { "" }),
        things,
        row.frames.to_string(),
        percent(row.found),
        format!("{:.2}", row.extra_regions),
        row.top_1_whole.map_or("–".to_owned(), percent),
        percent(row.top_1_auto),
        percent(row.top_1_true_region),
    ]
}

fn describe(figures: &ComposedFrameFigures) -> String {
    let boxed = match figures.photos_with_box {
        0 => String::new(),
        photos => format!(", {photos} by a given box"),
    };
    let mut text = format!(
        "frames of {} × {} pixels, composed of {} ({} cut out{boxed}, the others pasted whole)\nthe photos themselves: top-1 {}",
        figures.width,
        figures.height,
        counted(figures.photos, "photo"),
        figures.photos_with_region,
        percent(figures.tight_top_1)
    );
    if figures.unusable_photos > 0 {
        text += &format!("\nphotos that cannot be used: {}", figures.unusable_photos);
    }
    text
}

const COMPOSED_LEGEND: &str = "Found: share of the things with a region at an overlap (IoU) of at least 0.5; extra regions: per frame. The last three\n\
                               columns are top-1: of the whole frame, of the regions that the server finds, and of the true regions.";

/// The table of `--boxes`.
pub(super) fn real_frames(report: &RealFrameReport) -> String {
    let Some(first) = report.models.first() else { return String::new() };
    let header =
        ["figure".to_owned()].into_iter().chain(report.models.iter().map(|model| model.model.replacen('#', "\n#", 1)));
    let mut table = plain_table(header.collect(), 1);
    let mut add = |figure: String, value: &dyn Fn(&RealFrameFigures) -> String| {
        let cells = [figure].into_iter().chain(report.models.iter().map(value));
        table.add_row(align(cells.collect(), 1));
    };
    let of_items = format!("items found, of {}", first.items);
    add(of_items, &|model| percent(model.region_recall));
    add("names right among found".to_owned(), &|model| model.names_right.map_or("–".to_owned(), percent));
    let of_photos = format!("photos right as a whole (cAcc), of {}", first.photos);
    add(of_photos, &|model| percent(model.photos_right));
    add("photos billed right without a question".to_owned(), &|model| percent(model.photos_billed_right));
    add("counting distance per photo".to_owned(), &|model| format!("{:.2}", model.counting_distance));
    add("regions billed right".to_owned(), &|model| percent(model.billed_right));
    add("regions billed wrong".to_owned(), &|model| percent(model.billed_wrong));
    add("regions asked (ambiguous or unknown)".to_owned(), &|model| percent(model.asked));
    let counts = format!(
        "{}: {} of {}; {} with {}, {} found",
        report.data,
        counted(first.enrolled_photos, "enrolled photo"),
        counted(first.enrolled_products, "product"),
        counted(first.photos, "photo"),
        counted(first.items, "item"),
        counted(first.regions, "region"),
    );
    let judge = if first.judged_by_confidence { "by the learned confidence" } else { "at the manifest's thresholds" };
    format!("{counts}\n\n{}\n\n{REAL_LEGEND} {judge}.", table.trim_fmt())
}

const REAL_LEGEND: &str = "Found: a region overlaps the item's box by at least half (IoU). Right as a whole: the first answers name every item and no\n\
                           other. A region is billed if it is matched";
