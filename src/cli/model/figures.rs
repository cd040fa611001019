//! The figures of `tillsight model evaluate` and the curve of `model calibrate` as tables for a terminal.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use crate::evaluation::{Calibration, DataReport, Hits, ModelReport, Report, Speed};

/// A line of the table: a figure of every model.
struct Row {
    /// What the figures below have in common; empty where the line above has said it.
    group: String,
    figure: &'static str,
    /// Photos behind it.
    asked: String,
    cells: Vec<String>,
}

/// The whole report.
pub(super) fn of(report: &Report) -> String {
    let mut rows = Vec::new();
    let models = &report.models;
    let Some(first) = models.first() else { return String::new() };
    let all = format!("all {} enrolled photos", thousands(first.photos.enrolled_photos));
    add_hits(&mut rows, models, &all, |model| Some(&model.all_enrolled));
    for (place, shot) in first.few_shot.iter().enumerate() {
        let group = match (shot.photos_per_product, shot.products_with_fewer) {
            (1, _) => "first photo of each product".to_owned(),
            (count, 0) => format!("first {count} photos of each product"),
            (count, fewer) => format!("first {count} photos of each product ({fewer} have fewer)"),
        };
        add_hits(&mut rows, models, &group, |model| model.few_shot.get(place).map(|shot| &shot.hits));
    }
    if let Some(hits) = &first.catalogue {
        let group = format!("catalogue picture only, {}", counted(hits.products, "product"));
        add_hits(&mut rows, models, &group, |model| model.catalogue.as_ref());
    }
    add_unseen(&mut rows, models);
    if first.unseen.is_empty() {
        let set = |model: &ModelReport| model.one_product_out;
        let group = "each photo with its own product taken out";
        let asked = counts(models, |model| set(model).map(|set| set.unknown_photos));
        add(&mut rows, models, group, "AUROC known / unknown", asked, |m| {
            set(m).map(|set| format!("{:.3}", set.auroc))
        });
        add(&mut rows, models, "", "unknown accepted at 95 % known", String::new(), |model| {
            set(model).map(|set| percent(set.unknown_accepted_at_95_known))
        });
    }
    add_thresholds(&mut rows, models);
    let time = |model: &ModelReport, of: fn(&Speed) -> f64| model.speed.map(|speed| format!("{:.2} ms", of(&speed)));
    if first.speed.is_some() {
        let group = "one embedding on one thread";
        add(&mut rows, models, group, "median", String::new(), |model| time(model, |speed| speed.median_ms));
        add(&mut rows, models, "", "fastest", String::new(), |model| time(model, |speed| speed.fastest_ms));
    }
    let header = ["enrolled", "figure", "asked"].map(str::to_owned).into_iter().chain(models.iter().map(heading));
    let mut table = plain(header.collect(), 2);
    for (place, row) in rows.into_iter().enumerate() {
        if place > 0 && !row.group.is_empty() {
            table.add_row(vec![""]);
        }
        table.add_row(aligned([vec![row.group, row.figure.to_owned(), row.asked], row.cells].concat(), 2));
    }
    format!("{}\n\n{}\n\n{}", said_of_photos(report, &first.photos), table.trim_fmt(), LEGEND)
}

const LEGEND: &str = "Of a product with several enrolled photos the best one counts, as at the till. Brackets: 95 % bootstrap interval \
                      over photos;\nphotos of one product are alike, so the truth may lie further away. First photos: in the order of \
                      the table, or of the file names.";

fn said_of_photos(report: &Report, photos: &DataReport) -> String {
    let split = report.asked_split.as_ref().map_or(String::new(), |split| format!(" (split \"{split}\")"));
    let mut text = format!(
        "{}: {} of {}, {} of {}{split}, {}",
        report.data,
        counted(photos.enrolled_photos, "enrolled photo"),
        counted(photos.enrolled_products, "product"),
        counted(photos.asked_photos, "asked photo"),
        counted(photos.asked_products, "product"),
        counted(photos.catalogue_pictures, "catalogue picture")
    );
    let list = |ids: &[String]| {
        let named = ids.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
        if ids.len() > 8 { format!("{named}, …") } else { named }
    };
    if let without @ [_, ..] = &photos.products_without_asked_photos[..] {
        text += &format!("\nenrolled products that no photo asks about: {} ({})", without.len(), list(without));
    }
    if let strangers @ [_, ..] = &photos.products_never_enrolled[..] {
        text += &format!(
            "\nproducts that are asked about and not enrolled, and count as unknown ones only: {} ({})",
            strangers.len(),
            list(strangers)
        );
    }
    if !photos.left_out.is_empty() {
        text += &format!("\nphotos that are left out (see the notes): {}", photos.left_out.len());
    }
    text
}

/// The model's name, and below it the digits that tell it from another of that name.
fn heading(model: &ModelReport) -> String {
    model.model.replacen('#', "\n#", 1)
}

fn add_hits(rows: &mut Vec<Row>, models: &[ModelReport], group: &str, of: impl Fn(&ModelReport) -> Option<&Hits>) {
    let asked = counts(models, |model| of(model).map(|hits| hits.photos));
    add(rows, models, group, "top-1", asked, |model| of(model).map(first));
    add(rows, models, "", "top-5", String::new(), |model| of(model).map(|hits| percent(hits.top_5)));
}

/// Top-1 with its interval.
fn first(hits: &Hits) -> String {
    let (low, high) = (hits.top_1_interval.low * 100.0, hits.top_1_interval.high * 100.0);
    format!("{} ({low:.0}–{high:.0})", percent(hits.top_1))
}

fn add_unseen(rows: &mut Vec<Row>, models: &[ModelReport]) {
    let Some(model) = models.first() else { return };
    for (place, draw) in model.unseen.iter().enumerate() {
        let of = |model: &ModelReport| model.unseen.get(place).cloned();
        let seed = draw.seed.map_or("from the list".to_owned(), |seed| format!("by lot, seed {seed}"));
        let group = format!("{}, {seed}", counted(draw.products.len(), "unseen product"));
        let photos = counts(models, |model| of(model).map(|draw| draw.among_unseen.photos));
        add(rows, models, &group, "top-1 among them", photos.clone(), |m| of(m).map(|draw| first(&draw.among_unseen)));
        add(rows, models, "", "top-1 with all enrolled", photos, |model| {
            of(model).map(|draw| first(&draw.in_full_gallery))
        });
        let photos =
            counts(models, |model| of(model).map(|draw| draw.open_set.known_photos + draw.open_set.unknown_photos));
        add(rows, models, "", "AUROC known / unknown", photos, |m| {
            of(m).map(|draw| format!("{:.3}", draw.open_set.auroc))
        });
        add(rows, models, "", "unknown accepted at 95 % known", String::new(), |model| {
            of(model).map(|draw| percent(draw.open_set.unknown_accepted_at_95_known))
        });
    }
    if model.unseen.len() > 1 {
        let group = format!("mean of the {} draws", model.unseen.len());
        let mean = |model: &ModelReport| model.unseen_mean;
        let none = String::new;
        add(rows, models, &group, "top-1 among them", none(), |m| mean(m).map(|mean| percent(mean.top_1_among_unseen)));
        add(rows, models, "", "top-1 with all enrolled", none(), |model| {
            mean(model).map(|mean| percent(mean.top_1_in_full_gallery))
        });
        add(rows, models, "", "AUROC known / unknown", none(), |m| mean(m).map(|mean| format!("{:.3}", mean.auroc)));
        add(rows, models, "", "unknown accepted at 95 % known", none(), |model| {
            mean(model).map(|mean| percent(mean.unknown_accepted_at_95_known))
        });
    }
}

fn add_thresholds(rows: &mut Vec<Row>, models: &[ModelReport]) {
    let asked = counts(models, |model| Some(model.all_enrolled.photos));
    let none = String::new;
    add(rows, models, "at the manifest's thresholds", "score, margin", none(), |model| {
        let guess = if model.thresholds.operating_point.is_none() { " (a guess)" } else { "" };
        Some(format!("{:.3}, {:.3}{guess}", model.thresholds.score, model.thresholds.margin))
    });
    add(rows, models, "", "matched", asked, |model| Some(percent(model.thresholds.matched)));
    add(rows, models, "", "of these correct", none(), |model| model.thresholds.matched_correct.map(percent));
    add(rows, models, "", "ambiguous", none(), |model| Some(percent(model.thresholds.ambiguous)));
    add(rows, models, "", "unknown", none(), |model| Some(percent(model.thresholds.unknown)));
    add(rows, models, "", "unknown products accepted", none(), |model| model.thresholds.unknown_accepted.map(percent));
    add(rows, models, "", "unknown products matched", none(), |model| model.thresholds.unknown_matched.map(percent));
}

fn add(
    rows: &mut Vec<Row>,
    models: &[ModelReport],
    group: &str,
    figure: &'static str,
    asked: String,
    cell: impl Fn(&ModelReport) -> Option<String>,
) {
    let cells = models.iter().map(|model| cell(model).unwrap_or_else(|| "–".to_owned())).collect();
    rows.push(Row { group: group.to_owned(), figure, asked, cells });
}

/// The number of photos; a range where models could not use the same ones.
fn counts(models: &[ModelReport], of: impl Fn(&ModelReport) -> Option<usize>) -> String {
    let found: Vec<usize> = models.iter().filter_map(of).collect();
    match (found.iter().min(), found.iter().max()) {
        (Some(least), Some(most)) if least == most => thousands(*most),
        (Some(least), Some(most)) => format!("{}–{}", thousands(*least), thousands(*most)),
        _ => String::new(),
    }
}

/// The verdicts at some margins; the chosen one is marked.
pub(super) fn curve(calibration: &Calibration) -> String {
    let header = ["", "margin", "matched", "correct", "ambiguous", "unknown", "unknown products matched"];
    let mut table = plain(header.map(str::to_owned).to_vec(), 1);
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
        table.add_row(aligned(row, 1));
    }
    table.trim_fmt()
}

/// A table without frames but a line below its header. The first `left` columns are words, the others numbers.
fn plain(header: Vec<String>, left: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let width = |text: &String| text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    let rule = header.iter().map(|text| "─".repeat(width(text))).collect::<Vec<_>>();
    table.add_row(aligned(header, left));
    table.add_row(aligned(rule, left));
    table
}

fn aligned(cells: Vec<String>, left: usize) -> Vec<Cell> {
    let side = |place: usize| if place < left { CellAlignment::Left } else { CellAlignment::Right };
    cells.into_iter().enumerate().map(|(place, text)| Cell::new(text).set_alignment(side(place))).collect()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `1 product`, `2 640 products`.
fn counted(count: usize, one: &str) -> String {
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
