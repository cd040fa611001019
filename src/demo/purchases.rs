//! The shopper at the kiosk: puts products on the table, taps a candidate where the kiosk asks, scans where it does not know.

use serde_json::{Value, json};

use super::client::{Client, DemoError, number, text};
use super::frames::{KioskFrame, kiosk_frame};
use super::packages::{Package, encode_jpeg};
use super::print;
use crate::domain::Region;
use crate::terminal::say;

/// How many products are on the table in each frame; first none, to show that an empty table bills nothing.
const FRAMES: [usize; 4] = [0, 1, 3, 4];

/// Purchases in one session.
pub(super) struct Purchases<'a> {
    kiosk: &'a Client,
    session: &'a str,
    /// Products that were matched.
    pub(super) matched: usize,
    /// Products that were among the candidates.
    pub(super) tapped: usize,
    pub(super) bought: usize,
}

impl<'a> Purchases<'a> {
    pub(super) fn new(kiosk: &'a Client, session: &'a str) -> Self {
        Self { kiosk, session, matched: 0, tapped: 0, bought: 0 }
    }

    pub(super) async fn buy(&mut self, packages: &[Package]) -> Result<(), DemoError> {
        let mut turn = 0;
        for (frame, count) in FRAMES.into_iter().enumerate() {
            let shown: Vec<&Package> = (turn..turn + count).map(|n| &packages[(n * 5 + 2) % packages.len()]).collect();
            turn += count;
            self.show(&shown, 100 + 10 * frame as u64).await?;
        }
        Ok(())
    }

    /// Sends one frame and corrects the bill until it holds what is on the table.
    async fn show(&mut self, shown: &[&Package], seed: u64) -> Result<(), DemoError> {
        let KioskFrame { picture, places } = kiosk_frame(shown, seed);
        let picture = encode_jpeg(&picture).map_err(|error| DemoError::Picture(error.to_string()))?;
        let reply = self.kiosk.post_picture(&format!("/api/sessions/{}/frames", self.session), picture).await?;
        let recognition = &reply["recognition"];
        let items = recognition["items"].as_array().ok_or(DemoError::Incomplete("items"))?;
        let how = match recognition["region_method"].as_str() {
            Some("empty-view") => "by the empty view, ",
            _ => "",
        };
        say!(
            "   {} on the table, {} found ({how}{:.0} ms)",
            shown.len(),
            items.len(),
            recognition["timings_ms"]["total"].as_f64().unwrap_or(0.0)
        );
        let mut bill = reply["session"].clone();
        let mut used = vec![false; items.len()];
        for (package, place) in shown.iter().zip(places) {
            self.bought += 1;
            let item = (0..items.len()).find(|index| !used[*index] && contains_centre(&items[*index]["region"], place));
            let item = item.map(|index| {
                used[index] = true;
                &items[index]
            });
            print::print_recognition(&package.name, item);
            bill = self.settle(package, item, bill).await?;
        }
        // Whatever else was matched is nothing that is on the table.
        for item in
            items.iter().zip(used).filter(|(item, used)| !used && item["verdict"] == "matched").map(|(item, _)| item)
        {
            bill = self.remove_one(&item["candidates"][0], bill).await?;
        }
        Ok(())
    }

    /// Makes sure that `package` is on the bill, given what was recognised at its place.
    async fn settle(&mut self, package: &Package, item: Option<&Value>, bill: Value) -> Result<Value, DemoError> {
        let Some(item) = item else { return self.scan(package, bill).await };
        let candidates = item["candidates"].as_array().cloned().unwrap_or_default();
        let right = candidates.iter().position(|candidate| candidate["product_name"] == package.name.as_str());
        match (item["verdict"].as_str(), right) {
            (Some("matched"), Some(0)) => {
                self.matched += 1;
                Ok(bill)
            }
            (Some("matched"), _) => {
                let bill = self.remove_one(&candidates[0], bill).await?;
                self.scan(package, bill).await
            }
            (Some("ambiguous"), Some(position)) => {
                self.tapped += 1;
                say!("      the kiosk shows candidates; the shopper taps {}", package.name);
                let product = &candidates[position]["product_id"];
                self.add(json!({"version": number(&bill, "version")?, "product_id": product})).await
            }
            (_, _) => self.scan(package, bill).await,
        }
    }

    async fn scan(&self, package: &Package, bill: Value) -> Result<Value, DemoError> {
        say!("      the shopper scans the barcode {}", package.barcode);
        self.add(json!({"version": number(&bill, "version")?, "barcode": package.barcode})).await
    }

    async fn add(&self, item: Value) -> Result<Value, DemoError> {
        self.kiosk.post(&format!("/api/sessions/{}/items", self.session), item).await
    }

    /// Takes one piece of a wrongly matched product off the bill.
    async fn remove_one(&self, candidate: &Value, bill: Value) -> Result<Value, DemoError> {
        let lines = bill["items"].as_array().ok_or(DemoError::Incomplete("items"))?;
        let wrong = lines.iter().find(|line| line["product_id"] == candidate["product_id"]);
        let wrong = wrong.ok_or(DemoError::Incomplete("items"))?;
        say!("      the match is wrong; the shopper removes one {}", text(wrong, "product_name")?);
        let path = format!("/api/sessions/{}/items/{}", self.session, text(wrong, "id")?);
        let version = number(&bill, "version")?;
        match number(wrong, "quantity")? {
            1 => self.kiosk.delete(&format!("{path}?version={version}")).await,
            quantity => self.kiosk.patch(&path, json!({"version": version, "quantity": quantity - 1})).await,
        }
    }
}

/// Whether the centre of `place` is inside the region.
fn contains_centre(region: &Value, place: Region) -> bool {
    let side = |name: &str| region[name].as_u64().unwrap_or(0);
    let within = |centre: u32, start: u64, length: u64| (start..start + length).contains(&u64::from(centre));
    within(place.x + place.width / 2, side("x"), side("width"))
        && within(place.y + place.height / 2, side("y"), side("height"))
}
