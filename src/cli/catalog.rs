//! `tillsight catalog …`: look-alikes and products without enough photos. Needs no server and works while one runs.
//!
//! The database is only read. The photos are searched for in an index in this process's memory.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::CliError;
use super::index::{open_stored_index, print_field, print_json, print_model};
use crate::catalog::{LookAlikePairView, ProductCheckView, name_checks, name_pairs};
use crate::config::Settings;
use crate::db::{DatabaseError, Reader, catalog_confidences};
use crate::domain::VerdictLimits;
use crate::index_feed::{StoredIndex, StoredIndexError};
use crate::look_alikes::{LookAlikeReport, LookAlikeSearch, ReportProgress};
use crate::terminal::{note, say};

#[derive(Debug, Subcommand)]
pub(super) enum CatalogCommand {
    /// List pairs of products that the till will take for each other, strongest first.
    Lookalikes(ListOptions),
    /// List products whose photos are not enough, the worst first: each photo is left out in turn, and the product's other photos
    /// must recognise it. Exit codes: 0 none, 1 some, 2 the check could not be done.
    Check(ListOptions),
}

#[derive(Debug, Args)]
pub(super) struct ListOptions {
    /// The most lines.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct LookAlikeOutput {
    /// The key of the model.
    model: String,
    index_revision: i64,
    photos: usize,
    photos_checked: usize,
    /// How many pairs there are.
    pairs_count: usize,
    /// The strongest of them.
    pairs: Vec<LookAlikePairView>,
}

#[derive(Debug, Serialize)]
struct CheckOutput {
    /// The key of the model.
    model: String,
    index_revision: i64,
    /// Products with photos on sale.
    products_count: usize,
    /// Products whose photos are not enough.
    not_enough_count: usize,
    /// The worst of them.
    products: Vec<ProductCheckView>,
}

pub(super) async fn run(command: CatalogCommand) -> Result<(), CliError> {
    let settings = Settings::load()?;
    let (stored, db) = open_stored_index(&settings).await?;
    let mut reader = db.read().await.map_err(StoredIndexError::from)?;
    let report = make_report(&stored, settings.recognition.verdict_limits(), &mut reader).await?;
    match command {
        CatalogCommand::Lookalikes(options) => list_look_alikes(&stored, &report, &mut reader, &options).await,
        CatalogCommand::Check(options) => list_checks(&stored, &report, &mut reader, &options).await,
    }
}

async fn make_report(
    stored: &StoredIndex,
    limits: VerdictLimits,
    reader: &mut Reader,
) -> Result<LookAlikeReport, CliError> {
    let confidence = catalog_confidences::find(reader, stored.model().0).await.map_err(database_error)?;
    let (index, skipped) = stored.load().await?;
    if skipped > 0 {
        note!("tillsight: {skipped} photos have no valid embedding of this model and are skipped");
    }
    let confidence = confidence.map(|row| row.content);
    let search = LookAlikeSearch::from_stored(index, confidence, stored.thresholds().clone(), limits);
    Ok(search.report(&ReportProgress::default()).await?)
}

async fn list_look_alikes(
    stored: &StoredIndex,
    report: &LookAlikeReport,
    reader: &mut Reader,
    options: &ListOptions,
) -> Result<(), CliError> {
    let strongest = &report.pairs[..report.pairs.len().min(options.limit.into())];
    let pairs = name_pairs(reader, strongest).await.map_err(database_error)?;
    let (model, origin) = stored.model();
    if options.json {
        return print_json(&LookAlikeOutput {
            model: model.to_owned(),
            index_revision: report.revision,
            photos: report.photos,
            photos_checked: report.photos_checked,
            pairs_count: report.pairs.len(),
            pairs,
        });
    }
    print_model(model, origin);
    print_field(
        "checked",
        &format!("{} of {} photos at change {}", report.photos_checked, report.photos, report.revision),
    );
    print_field("pairs", &format!("{}, strongest first", report.pairs.len()));
    for pair in &pairs {
        let strength = match pair.confidence {
            Some(confidence) => format!("{:.0} %", 100.0 * confidence),
            None => format!("score {:.2}", pair.score),
        };
        let LookAlikePairView { product_name, other_product_name, image_id, other_image_id, .. } = pair;
        say!("\"{product_name}\" may be mistaken for \"{other_product_name}\" ({strength})");
        say!("    photo {image_id}, {other_image_id}");
    }
    Ok(())
}

async fn list_checks(
    stored: &StoredIndex,
    report: &LookAlikeReport,
    reader: &mut Reader,
    options: &ListOptions,
) -> Result<(), CliError> {
    let not_enough = report.products_without_enough_photos();
    let worst = &not_enough[..not_enough.len().min(options.limit.into())];
    let products = name_checks(reader, worst).await.map_err(database_error)?;
    let (model, origin) = stored.model();
    if options.json {
        print_json(&CheckOutput {
            model: model.to_owned(),
            index_revision: report.revision,
            products_count: report.products.len(),
            not_enough_count: not_enough.len(),
            products,
        })?;
    } else {
        print_model(model, origin);
        print_field("checked", &format!("{} at change {}", counted(report.products.len()), report.revision));
        if not_enough.is_empty() && !report.products.is_empty() {
            say!("The photos of each product are enough.");
        }
        for product in &products {
            let ProductCheckView { product_id, product_name, photos, checked, recognized } = product;
            say!("\"{product_name}\": {photos} photos, {recognized} of {checked} recognised by the others");
            say!("    product {product_id}");
        }
    }
    match not_enough.len() {
        0 => Ok(()),
        count => {
            let of = counted(report.products.len());
            Err(CliError::CatalogFindings(format!("the photos of {count} of {of} are not enough")))
        }
    }
}

fn counted(products: usize) -> String {
    if products == 1 { "1 product".to_owned() } else { format!("{products} products") }
}

fn database_error(error: DatabaseError) -> CliError {
    StoredIndexError::from(error).into()
}
