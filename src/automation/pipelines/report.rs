//! Daily sales, one file of JSON and one of CSV for each store, and the JSON sent to the webhook.

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::settings::{ReportSettings, read_settings};
use crate::alerts::Alerts;
use crate::automation::report_files::REPORT_PREFIX;
use crate::automation::task_files::TaskFiles;
use crate::automation::{Job, JobFailure, JobOutcome};
use crate::db::sales::{self, SalesTotal, SoldProduct};
use crate::db::stores::StoreRow;
use crate::db::{Database, stores};
use crate::domain::{StoreId, Timestamp, write_cell};

pub struct SalesReports {
    pub db: Database,
    pub alerts: Alerts,
    pub files: TaskFiles,
}

/// What one store sold on one day.
#[derive(Debug, Serialize)]
struct DailySales {
    /// Always `daily-sales`.
    kind: &'static str,
    store_id: StoreId,
    store: String,
    time_zone: String,
    date: String,
    from: Timestamp,
    to: Timestamp,
    totals: Vec<SalesTotal>,
    products: Vec<SoldProduct>,
}

impl SalesReports {
    pub(super) async fn run(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        let settings: ReportSettings = read_settings(&job.task.settings)?;
        let names = stores::list_names(&mut self.db.read().await?).await?;
        let wanted = names.iter().filter(|store| settings.store_id.is_none_or(|only| store.id == only));
        let mut written = Vec::new();
        for name in wanted {
            let Some(store) = stores::find(&mut self.db.read().await?, name.id).await? else { continue };
            let sales = self.collect(store, settings.date.as_deref(), job.planned_at()).await?;
            written.push(self.write(job, &sales).await?);
            self.send(job, &sales).await?;
        }
        if let (Some(id), true) = (settings.store_id, written.is_empty()) {
            return Err(JobFailure::lasting(format!("No store with id {id} exists.")));
        }
        let message = format!("{} stores reported", written.len());
        Ok(JobOutcome::Completed { message, metadata: json!({"files": written}) })
    }

    /// The sales of the business day `date`, or else of the one before `planned`.
    async fn collect(&self, store: StoreRow, date: Option<&str>, planned: Timestamp) -> Result<DailySales, JobFailure> {
        let days = store.business_days();
        let date = date.map_or_else(|| days.day_before(planned), str::to_owned);
        let (from, to) = days.parse_day("date", &date).map_err(|wrong| JobFailure::lasting(format!("{wrong}.")))?;
        let mut reader = self.db.snapshot().await?;
        let totals = sales::total_by_currency(&mut reader, store.id, from, to).await?;
        let products = sales::list_products(&mut reader, store.id, from, to).await?;
        let time_zone = store.time_zone.name().to_owned();
        Ok(DailySales {
            kind: "daily-sales",
            store_id: store.id,
            store: store.name,
            time_zone,
            date,
            from,
            to,
            totals,
            products,
        })
    }

    /// Returns the names of the two files.
    async fn write(&self, job: &Job, sales: &DailySales) -> Result<Vec<String>, JobFailure> {
        let failed =
            |error: &dyn std::fmt::Display| JobFailure::passing(format!("The report cannot be written: {error}"));
        let json = serde_json::to_vec_pretty(sales).map_err(|error| failed(&error))?;
        let csv = to_csv(sales).map_err(|error| failed(&error))?;
        let stem = format!("{REPORT_PREFIX}{}-{}", sales.date, sales.store_id);
        let mut names = Vec::new();
        for (extension, bytes) in [("json", json), ("csv", csv)] {
            let name = format!("{stem}.{extension}");
            self.files.write(job.task.id, Path::new(&name), bytes).await?;
            names.push(name);
        }
        Ok(names)
    }

    /// Sends the report to the webhook of the alerts, if one is configured. The id is the same whenever it is sent again.
    async fn send(&self, job: &Job, sales: &DailySales) -> Result<(), JobFailure> {
        let body = serde_json::to_string(sales).map_err(JobFailure::lasting)?;
        let id = format!("{}-{}-{}", job.task.id, sales.store_id, sales.date);
        self.alerts
            .send_to_webhook(&id, &body)
            .await
            .map_err(|refusal| JobFailure::passing(format!("The report is written, but the webhook {refusal}.")))
    }
}

/// One row for each product.
fn to_csv(sales: &DailySales) -> Result<Vec<u8>, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["date", "store", "sku", "name", "currency", "quantity", "amount_minor", "tax_minor"];
    writer.write_record(header).map_err(|error| error.to_string())?;
    for product in &sales.products {
        let numbers = [product.quantity, product.amount, product.tax].map(|number| number.to_string());
        let [quantity, amount, tax] = &numbers;
        let sku = product.sku.as_deref().unwrap_or_default();
        let texts = [&sales.date, &sales.store, sku, &product.name, product.currency.code()].map(write_cell);
        let row = texts.iter().map(AsRef::as_ref).chain([quantity.as_str(), amount, tax]);
        writer.write_record(row).map_err(|error| error.to_string())?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;

    #[test]
    fn a_name_is_no_formula_in_the_table() {
        let product = SoldProduct {
            sku: Some("-1".to_owned()),
            name: "=HYPERLINK(\"http://evil.example\")".to_owned(),
            currency: Currency::parse("currency", "EUR").unwrap(),
            quantity: -1,
            amount: -219,
            tax: 0,
        };
        let at = Timestamp::from_micros(0);
        let text = |text: &str| text.to_owned();
        let sales = DailySales {
            kind: "daily-sales",
            store_id: StoreId::NIL,
            store: text("@Main"),
            time_zone: text("UTC"),
            date: text("2026-01-05"),
            from: at,
            to: at,
            totals: Vec::new(),
            products: vec![product],
        };
        let csv = String::from_utf8(to_csv(&sales).unwrap()).unwrap();
        let expected = "2026-01-05,'@Main,'-1,\"'=HYPERLINK(\"\"http://evil.example\"\")\",EUR,-1,-219,0";
        assert_eq!(csv.lines().nth(1), Some(expected));
    }
}
