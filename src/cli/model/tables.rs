//! The report of `tillsight model evaluate` and the curve of `model calibrate` as tables for a terminal.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use crate::evaluation::{Calibration, ConfidenceFigures, EvaluationReport, HitRates, ModelFigures, PhotoCounts, Speed};

/// A row of the table: one figure for each model.
struct TableRow {
    /// The heading of this row and those below; empty if the row above belongs to the same group.
    group: String,
    figure: &'static str,
    /// The number of query photos.
    photos: String,
    cells: Vec<String>,
}

pub(super) fn report(report: &EvaluationReport) -> String {
    let mut rows = Vec::new();
    let models = &report.models;
    let Some(first) = models.first() else { return String::new() };
    let all = format!("all {} enrolled photos", thousands(first.photos.enrolled_photos));
    add_hits(&mut rows, models, &all, |model| Some(&model.all_enrolled));
    for (position, shot) in first.few_shot.iter().enumerate() {
        let group = match (shot.photos_per_product, shot.products_with_fewer) {
            (1, _) => "first photo of each product".to_owned(),
            (count, 0) => format!("first {count} photos of each product"),
            (count, fewer) => format!("first {count} photos of each product ({fewer} have fewer)"),
        };
        add_hits(&mut rows, models, &group, |model| model.few_shot.get(position).map(|shot| &shot.hits));
    }
    if let Some(hits) = &first.catalogue {
        let group = format!("catalogue picture only, {}", counted(hits.products, "product"));
        add_hits(&mut rows, models, &group, |model| model.catalogue.as_ref());
    }
    add_unseen(&mut rows, models);
    if first.unseen.is_empty() {
        let open_set = |model: &ModelFigures| model.one_product_out;
        let group = "each photo without its product enrolled";
        let photos = photo_count(models, |model| open_set(model).map(|figures| figures.unknown_photos));
        add_row(&mut rows, models, group, "AUROC known / unknown", photos, |m| {
            open_set(m).map(|figures| format!("{:.3}", figures.auroc))
        });
        add_row(&mut rows, models, "", "unknown accepted at 95 % known", String::new(), |model| {
            open_set(model).map(|figures| percent(figures.unknown_accepted_at_95_known))
        });
    }
    add_thresholds(&mut rows, models);
    add_confidence(&mut rows, models);
    let time =
        |model: &ModelFigures, value: fn(&Speed) -> f64| model.speed.map(|speed| format!("{:.2} ms", value(&speed)));
    if first.speed.is_some() {
        let group = "one embedding on one thread";
        add_row(&mut rows, models, group, "median", String::new(), |model| time(model, |speed| speed.median_ms));
        add_row(&mut rows, models, "", "fastest", String::new(), |model| time(model, |speed| speed.fastest_ms));
    }
    let header = ["enrolled", "figure", "photos"].map(str::to_owned).into_iter().chain(models.iter().map(heading));
    let mut table = plain_table(header.collect(), 2);
    for (position, row) in rows.into_iter().enumerate() {
        if position > 0 && !row.group.is_empty() {
            table.add_row(vec![""]);
        }
        table.add_row(align([vec![row.group, row.figure.to_owned(), row.photos], row.cells].concat(), 2));
    }
    format!("{}\n\n{}\n\n{}", describe_photos(report, &first.photos), table.trim_fmt(), LEGEND)
}

const LEGEND: &str = "If a product has several enrolled photos, the best one counts, as at the till. Brackets: 95 % bootstrap interval \
                      over photos;\nphotos of one product are alike, so the true interval may be wider. First photos: in the order of \
                      the table, or of the file names.";

fn describe_photos(report: &EvaluationReport, photos: &PhotoCounts) -> String {
    let split = report.query_split.as_ref().map_or(String::new(), |split| format!(" (split \"{split}\")"));
    let mut text = format!(
        "{}: {} of {}, {} of {}{split}, {}",
        report.data,
        counted(photos.enrolled_photos, "enrolled photo"),
        counted(photos.enrolled_products, "product"),
        counted(photos.query_photos, "query photo"),
        counted(photos.query_products, "product"),
        counted(photos.catalogue_pictures, "catalogue picture")
    );
    let list = |ids: &[String]| {
        let named = ids.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
        if ids.len() > 8 { format!("{named}, …") } else { named }
    };
    if let without @ [_, ..] = &photos.products_without_queries[..] {
        text += &format!("\nenrolled products without query photos: {} ({})", without.len(), list(without));
    }
    if let unknown @ [_, ..] = &photos.products_never_enrolled[..] {
        text += &format!(
            "\nproducts with query photos that are not enrolled and count as unknown: {} ({})",
            unknown.len(),
            list(unknown)
        );
    }
    if !photos.skipped.is_empty() {
        text += &format!("\nskipped photos (see the notes): {}", photos.skipped.len());
    }
    text
}

/// The model's name, and below it the digits that tell it from other models of that name.
pub(super) fn heading(model: &ModelFigures) -> String {
    model.model.replacen('#', "\n#", 1)
}

fn add_hits(
    rows: &mut Vec<TableRow>,
    models: &[ModelFigures],
    group: &str,
    rates: impl Fn(&ModelFigures) -> Option<&HitRates>,
) {
    let photos = photo_count(models, |model| rates(model).map(|rates| rates.photos));
    add_row(rows, models, group, "top-1", photos, |model| rates(model).map(top_1_with_interval));
    add_row(rows, models, "", "top-5", String::new(), |model| rates(model).map(|rates| percent(rates.top_5)));
}

fn top_1_with_interval(rates: &HitRates) -> String {
    let (low, high) = (rates.top_1_interval.low * 100.0, rates.top_1_interval.high * 100.0);
    format!("{} ({low:.0}–{high:.0})", percent(rates.top_1))
}

fn add_unseen(rows: &mut Vec<TableRow>, models: &[ModelFigures]) {
    let Some(model) = models.first() else { return };
    for (position, draw) in model.unseen.iter().enumerate() {
        let unseen = |model: &ModelFigures| model.unseen.get(position).cloned();
        let seed = draw.seed.map_or("from the list".to_owned(), |seed| format!("drawn with seed {seed}"));
        let group = format!("{}, {seed}", counted(draw.products.len(), "unseen product"));
        let photos = photo_count(models, |model| unseen(model).map(|draw| draw.among_unseen.photos));
        add_row(rows, models, &group, "top-1 among them", photos.clone(), |model| {
            unseen(model).map(|draw| top_1_with_interval(&draw.among_unseen))
        });
        add_row(rows, models, "", "top-1 with all enrolled", photos, |model| {
            unseen(model).map(|draw| top_1_with_interval(&draw.in_full_gallery))
        });
        let photos = photo_count(models, |model| {
            unseen(model).map(|draw| draw.open_set.known_photos + draw.open_set.unknown_photos)
        });
        add_row(rows, models, "", "AUROC known / unknown", photos, |model| {
            unseen(model).map(|draw| format!("{:.3}", draw.open_set.auroc))
        });
        add_row(rows, models, "", "unknown accepted at 95 % known", String::new(), |model| {
            unseen(model).map(|draw| percent(draw.open_set.unknown_accepted_at_95_known))
        });
        if draw.confidence.is_some() {
            add_row(rows, models, "", "billed wrong, asked, by confidence", String::new(), |model| {
                let figures = unseen(model)?.confidence?;
                Some(format!("{}, {}", percent(figures.billed_wrong), percent(figures.asked)))
            });
        }
    }
    if model.unseen.len() > 1 {
        let group = format!("mean of the {} draws", model.unseen.len());
        let mean = |model: &ModelFigures| model.unseen_mean;
        let none = String::new;
        add_row(rows, models, &group, "top-1 among them", none(), |m| {
            mean(m).map(|mean| percent(mean.top_1_among_unseen))
        });
        add_row(rows, models, "", "top-1 with all enrolled", none(), |model| {
            mean(model).map(|mean| percent(mean.top_1_in_full_gallery))
        });
        add_row(rows, models, "", "AUROC known / unknown", none(), |m| {
            mean(m).map(|mean| format!("{:.3}", mean.auroc))
        });
        add_row(rows, models, "", "unknown accepted at 95 % known", none(), |model| {
            mean(model).map(|mean| percent(mean.unknown_accepted_at_95_known))
        });
    }
}

fn add_thresholds(rows: &mut Vec<TableRow>, models: &[ModelFigures]) {
    let photos = photo_count(models, |model| Some(model.all_enrolled.photos));
    let none = String::new;
    add_row(rows, models, "at the manifest's thresholds", "score, margin", none(), |model| {
        let guess = if model.thresholds.operating_point.is_none() { " (a guess)" } else { "" };
        Some(format!("{:.3}, {:.3}{guess}", model.thresholds.score, model.thresholds.margin))
    });
    add_row(rows, models, "", "matched", photos, |model| Some(percent(model.thresholds.matched)));
    add_row(rows, models, "", "of these correct", none(), |model| model.thresholds.matched_correct.map(percent));
    add_row(rows, models, "", "ambiguous", none(), |model| Some(percent(model.thresholds.ambiguous)));
    add_row(rows, models, "", "unknown", none(), |model| Some(percent(model.thresholds.unknown)));
    add_row(rows, models, "", "unknown products accepted", none(), |model| {
        model.thresholds.unknown_accepted.map(percent)
    });
    add_row(rows, models, "", "unknown products matched", none(), |model| {
        model.thresholds.unknown_matched.map(percent)
    });
}

fn add_confidence(rows: &mut Vec<TableRow>, models: &[ModelFigures]) {
    if models.iter().all(|model| model.confidence.is_none()) {
        return;
    }
    let none = String::new;
    let answers = photo_count(models, |model| {
        model.confidence.as_ref().map(|figures| figures.known_answers + figures.unknown_answers)
    });
    let share = |model: &ModelFigures, value: fn(&ConfidenceFigures) -> f64| model.confidence.as_ref().map(value);
    let group = "by the learned confidence";
    add_row(rows, models, group, "billed right", answers, |model| share(model, |f| f.billed_right).map(percent));
    add_row(rows, models, "", "billed wrong", none(), |model| share(model, |f| f.billed_wrong).map(percent));
    add_row(rows, models, "", "asked", none(), |model| share(model, |f| f.asked).map(percent));
    add_row(rows, models, "", "unknown", none(), |model| share(model, |f| f.unknown).map(percent));
    add_row(rows, models, "", "largest gap to the truth", none(), |model| {
        Some(format!("{:.2}", model.confidence.as_ref()?.largest_gap?))
    });
}

fn add_row(
    rows: &mut Vec<TableRow>,
    models: &[ModelFigures],
    group: &str,
    figure: &'static str,
    photos: String,
    cell: impl Fn(&ModelFigures) -> Option<String>,
) {
    let cells = models.iter().map(|model| cell(model).unwrap_or_else(|| "–".to_owned())).collect();
    rows.push(TableRow { group: group.to_owned(), figure, photos, cells });
}

/// The number of photos; a range if the models could not use the same ones.
fn photo_count(models: &[ModelFigures], count: impl Fn(&ModelFigures) -> Option<usize>) -> String {
    let photo_count: Vec<usize> = models.iter().filter_map(count).collect();
    match (photo_count.iter().min(), photo_count.iter().max()) {
        (Some(min), Some(max)) if min == max => thousands(*max),
        (Some(min), Some(max)) => format!("{}–{}", thousands(*min), thousands(*max)),
        _ => String::new(),
    }
}

/// The verdicts at some margins; an arrow marks the chosen one.
pub(super) fn curve(calibration: &Calibration) -> String {
    let header = ["", "margin", "matched", "correct", "ambiguous", "unknown", "unknown products matched"];
    let mut table = plain_table(header.map(str::to_owned).to_vec(), 1);
    let chosen = calibration.thresholds.as_ref().ok().map(|thresholds| thresholds.margin);
    for point in &calibration.curve {
        let share = |share: Option<f64>| share.map_or("–".to_owned(), percent);
        let row = vec![
            if chosen == Some(point.margin) { "chosen →" } else { "" }.to_owned(),
            format!("{:.3}", point.margin),
            percent(point.matched),
            share(point.matched_correct),
            percent(point.ambiguous),
            percent(point.unknown),
            share(point.unknown_matched),
        ];
        table.add_row(align(row, 1));
    }
    table.trim_fmt()
}

/// A table without a frame, with a rule below its header. The first `left` columns are text, the others numbers.
pub(super) fn plain_table(header: Vec<String>, left: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let width = |text: &String| text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    let rule = header.iter().map(|text| "─".repeat(width(text))).collect::<Vec<_>>();
    table.add_row(align(header, left));
    table.add_row(align(rule, left));
    table
}

pub(super) fn align(cells: Vec<String>, left: usize) -> Vec<Cell> {
    let alignment = |column: usize| if column < left { CellAlignment::Left } else { CellAlignment::Right };
    cells.into_iter().enumerate().map(|(column, text)| Cell::new(text).set_alignment(alignment(column))).collect()
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `1 product`, `2 640 products`.
pub(super) fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{} {one}s", thousands(count)) }
}

/// 2640 as "2 640".
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
