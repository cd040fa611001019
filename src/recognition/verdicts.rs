//! The verdict on one region, from what the search found there.
//!
//! A product's barcode in the region decides. Otherwise a confidence learned from the catalogue does, as the settings say; the
//! manifest's thresholds while there is none, and always if they were chosen on the shop's own photos.

use std::collections::HashMap;

use super::{Candidate, RecognizedItem, Verdict, VerdictReason};
use crate::confidence::{CatalogConfidence, RankedProduct};
use crate::config::Settings;
use crate::domain::{ProductId, VerdictLimits};
use crate::embedding::Thresholds;
use crate::index::Hit;
use crate::regions::FoundRegion;

/// When a till bills, asks or says unknown.
#[derive(Debug, Clone, Copy)]
pub(super) struct VerdictRule {
    /// The most products that are named for one region.
    pub(super) candidates: usize,
    limits: VerdictLimits,
}

impl VerdictRule {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { candidates: settings.engine.candidates, limits: settings.recognition.verdict_limits() }
    }

    /// How many products a search must find.
    pub(super) fn products_needed(&self, confidence: Option<&CatalogConfidence>) -> usize {
        self.candidates.max(confidence.map_or(0, CatalogConfidence::products_needed))
    }

    /// Judges a region by `hits`, best first. `names` are those of the first candidates that are on sale; a candidate without
    /// a name is left out. A region that may show several products is never matched with one of them.
    pub(super) fn judge(
        &self,
        found: &FoundRegion,
        mut hits: Vec<Hit>,
        names: &HashMap<ProductId, String>,
        thresholds: &Thresholds,
        confidence: Option<&CatalogConfidence>,
    ) -> RecognizedItem {
        let not_looked_up = hits.split_off(hits.len().min(self.candidates));
        hits.retain(|hit| names.contains_key(&hit.product));
        hits.extend(not_looked_up);
        let ranking: Vec<RankedProduct> = hits.iter().map(ranked_product).collect();
        let confidences = confidence.and_then(|confidence| confidence.of_ranking(&ranking, self.candidates));
        let candidates = hits.iter().take(self.candidates).enumerate().filter_map(|(rank, hit)| {
            Some(Candidate {
                product_id: hit.product,
                product_name: names.get(&hit.product)?.clone(),
                score: Some(hit.score),
                confidence: confidences.as_ref().and_then(|confidences| confidences.get(rank).copied()),
            })
        });
        let candidates: Vec<Candidate> = candidates.collect();
        let confidences = confidences.filter(|_| !thresholds.own_photos && !candidates.is_empty());
        let verdict = match &confidences {
            Some(confidences) => self.limits.judge(confidences[0].into()),
            None => {
                let scores = candidates.iter().filter_map(|candidate| candidate.score);
                Verdict::from_scores(scores, thresholds.score, thresholds.margin)
            }
        };
        let (verdict, reason) = match verdict {
            Verdict::Matched if found.may_be_several => (Verdict::Ambiguous, Some(VerdictReason::Several)),
            Verdict::Ambiguous => (verdict, Some(reason_to_ask(confidences.as_deref()))),
            Verdict::Unknown if found.is_blank => (verdict, Some(VerdictReason::Blank)),
            Verdict::Matched | Verdict::Unknown => (verdict, None),
        };
        RecognizedItem { verdict, reason, region: found.region, barcode: None, candidates }
    }

    /// Names the product whose barcode was read, whatever was seen. A region that may show several products stays as it is: the
    /// others would not be billed.
    pub(super) fn name_by_barcode(
        &self,
        item: &mut RecognizedItem,
        found: &FoundRegion,
        (id, name): &(ProductId, String),
    ) {
        if found.may_be_several {
            return;
        }
        let seen = item.candidates.iter().position(|candidate| candidate.product_id == *id);
        let candidate = match seen {
            Some(rank) => item.candidates.remove(rank),
            None => Candidate { product_id: *id, product_name: name.clone(), score: None, confidence: None },
        };
        item.candidates.insert(0, candidate);
        item.candidates.truncate(self.candidates);
        (item.verdict, item.reason) = (Verdict::Matched, Some(VerdictReason::Barcode));
    }
}

/// The likelier reason: the second candidate, or none of them.
fn reason_to_ask(confidences: Option<&[f32]>) -> VerdictReason {
    match confidences {
        Some(confidences)
            if confidences.get(1).is_none_or(|second| *second < 1.0 - confidences.iter().sum::<f32>()) =>
        {
            VerdictReason::Unsure
        }
        // The margin asks because of the second candidate.
        Some(_) | None => VerdictReason::LookAlikes,
    }
}

fn ranked_product(hit: &Hit) -> RankedProduct {
    let Hit { product, score, second_score, .. } = *hit;
    RankedProduct { product, score, second_score }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;
    use uuid::Uuid;

    use super::*;
    use crate::confidence::{EnrolledPhoto, learn};
    use crate::domain::Region;

    const THRESHOLDS: Thresholds = Thresholds { score: 0.5, margin: 0.1, own_photos: false, operating_point: None };

    /// Scores of the ten products.
    const CLEAR: [f32; 10] = [0.8, 0.1, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    const FAINT: [f32; 10] = [0.25, 0.24, 0.23, 0.22, 0.21, 0.2, 0.19, 0.18, 0.17, 0.16];
    const TWINS: [f32; 10] = [0.8, 0.79, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];

    fn product(number: u128) -> ProductId {
        Uuid::from_u128(number).into()
    }

    /// A region that shows one thing.
    fn one_thing() -> FoundRegion {
        FoundRegion { region: Region { x: 0, y: 0, width: 1, height: 1 }, may_be_several: false, is_blank: false }
    }

    fn rule(overlay: &str) -> VerdictRule {
        VerdictRule::new(&Settings::from_toml(overlay).unwrap())
    }

    /// Products 0 to 9 at these scores.
    fn hits(scores: [f32; 10]) -> Vec<Hit> {
        let hit = |(number, score)| Hit {
            product: product(number),
            image: Uuid::from_u128(number).into(),
            score,
            second_score: Some(score - 0.05),
        };
        (0..).zip(scores).map(hit).collect()
    }

    fn names(numbers: impl IntoIterator<Item = u128>) -> HashMap<ProductId, String> {
        numbers.into_iter().map(|number| (product(number), format!("Product {number}"))).collect()
    }

    /// Learned from ten products whose photos have a cosine of about 0.8 to one another and about 0 to those of others.
    fn confidence() -> CatalogConfidence {
        let mut random = Pcg64::seed_from_u64(1);
        let mut photos: Vec<(u128, Vec<f32>)> = Vec::new();
        for number in 0..10_u16 {
            for _ in 0..5 {
                let axis = |i| if i == usize::from(number) { 1.0_f32 } else { 0.0 };
                let vector: Vec<f32> = (0..20).map(|i| axis(i) + random.random_range(-0.2..0.2)).collect();
                let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
                photos.push((number.into(), vector.iter().map(|value| value / length).collect()));
            }
        }
        let mut enrolled = Vec::new();
        for (image, (number, vector)) in (1..).zip(&photos) {
            enrolled.push(EnrolledPhoto { image: Uuid::from_u128(image).into(), product: product(*number), vector });
        }
        learn(&enrolled, 1).unwrap()
    }

    #[test]
    fn the_confidence_decides_once_there_is_one() {
        let (confidence, names) = (confidence(), names(0..10));
        let judge = |rule: VerdictRule, scores| {
            let item = rule.judge(&one_thing(), hits(scores), &names, &THRESHOLDS, Some(&confidence));
            (item.verdict, item.candidates[0].confidence.unwrap())
        };
        let (verdict, certain) = judge(rule(""), CLEAR);
        assert!(verdict == Verdict::Matched && certain > 0.8, "{verdict:?} {certain}");
        let (verdict, uncertain) = judge(rule(""), FAINT);
        assert!(verdict == Verdict::Unknown && uncertain < 0.3, "{verdict:?} {uncertain}");
        assert_eq!(judge(rule("[recognition]\nask_below = 1.0"), CLEAR).0, Verdict::Ambiguous);
        assert_eq!(judge(rule("[recognition]\nunknown_below = 0.0"), FAINT).0, Verdict::Ambiguous);
    }

    #[test]
    fn who_is_asked_is_told_why() {
        let (confidence, names) = (confidence(), names(0..10));
        let always_ask = rule("[recognition]\nask_below = 1.0\nunknown_below = 0.0");
        let judge = |rule: VerdictRule, found: &FoundRegion, scores| {
            let item = rule.judge(found, hits(scores), &names, &THRESHOLDS, Some(&confidence));
            (item.verdict, item.reason)
        };
        let several = FoundRegion { may_be_several: true, ..one_thing() };
        let ask = |reason| (Verdict::Ambiguous, Some(reason));
        assert_eq!(judge(rule(""), &several, CLEAR), ask(VerdictReason::Several));
        assert_eq!(judge(rule(""), &several, FAINT), (Verdict::Unknown, None));
        let blank = FoundRegion { is_blank: true, ..one_thing() };
        assert_eq!(judge(rule(""), &blank, FAINT), (Verdict::Unknown, Some(VerdictReason::Blank)));
        assert_eq!(judge(always_ask, &one_thing(), FAINT), ask(VerdictReason::Unsure));
        assert_eq!(judge(always_ask, &one_thing(), TWINS), ask(VerdictReason::LookAlikes));
        let by_margin = rule("").judge(&one_thing(), hits(TWINS), &names, &THRESHOLDS, None);
        assert_eq!((by_margin.verdict, by_margin.reason), ask(VerdictReason::LookAlikes));
    }

    #[test]
    fn thresholds_decide_without_a_confidence_and_always_if_they_were_chosen_on_the_shops_photos() {
        let (confidence, names) = (confidence(), names(0..10));
        let strict = Thresholds { score: 0.99, ..THRESHOLDS };
        let judge = |thresholds: &Thresholds, confidence, hits| {
            rule("").judge(&one_thing(), hits, &names, thresholds, confidence)
        };
        let item = judge(&strict, None, hits(CLEAR));
        assert_eq!((item.verdict, item.candidates[0].confidence, item.candidates.len()), (Verdict::Unknown, None, 5));
        assert_eq!(judge(&strict, Some(&confidence), hits(CLEAR)).verdict, Verdict::Matched);
        let own = Thresholds { own_photos: true, ..strict.clone() };
        let item = judge(&own, Some(&confidence), hits(CLEAR));
        assert_eq!(item.verdict, Verdict::Unknown);
        assert!(item.candidates[0].confidence.is_some(), "it is told all the same");
        // Too few products were found to say how certain it is.
        let item = judge(&strict, Some(&confidence), hits(CLEAR)[..2].to_vec());
        assert_eq!((item.verdict, item.candidates[0].confidence), (Verdict::Unknown, None));
        let nothing = judge(&strict, Some(&confidence), Vec::new());
        assert_eq!((nothing.verdict, nothing.candidates.len()), (Verdict::Unknown, 0));
    }

    #[test]
    fn a_product_off_sale_neither_counts_nor_is_named() {
        let confidence = confidence();
        // Names are looked up for the first five only.
        let judge = |names| rule("").judge(&one_thing(), hits(TWINS), &names, &THRESHOLDS, Some(&confidence));
        let both = judge(names(0..5)).candidates;
        let RecognizedItem { verdict, candidates: one, .. } = judge(names([0, 2, 3, 4]));
        assert_eq!((both.len(), one.len()), (5, 4));
        assert!(one.iter().all(|candidate| candidate.product_id != product(1)));
        assert!(verdict == Verdict::Matched && one[0].confidence > both[0].confidence, "{one:?} {both:?}");
        assert!(one.iter().all(|candidate| candidate.confidence.is_some()), "{one:?}");
        let none = judge(names([]));
        assert_eq!((none.verdict, none.candidates.len()), (Verdict::Unknown, 0));
    }

    #[test]
    fn searches_find_as_many_products_as_are_named_or_needed() {
        let confidence = confidence();
        assert_eq!(rule("").products_needed(None), 5);
        assert_eq!(rule("").products_needed(Some(&confidence)), 9, "ten products less the one that is left out");
        assert_eq!(rule("[engine]\ncandidates = 40").products_needed(Some(&confidence)), 40);
    }
}
