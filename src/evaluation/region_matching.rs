//! Which found region is which thing, by how much their boxes overlap.

use crate::domain::Region;

/// From this overlap on, a thing counts as found, as in the benchmarks of the field (Everingham et al. 2010).
pub(super) const FOUND_OVERLAP_MIN: f64 = 0.5;

/// The found region that a thing was matched with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RegionMatch {
    /// Position among the found regions.
    pub(super) found: usize,
    /// Intersection over union.
    pub(super) overlap: f64,
}

impl RegionMatch {
    pub(super) fn is_found(&self) -> bool {
        self.overlap >= FOUND_OVERLAP_MIN
    }
}

/// For each of `things`, the region of `found` that is its own: pairs are made from the greatest overlap down, and each region
/// is in one pair at most. `None` where no region is left that overlaps.
pub(super) fn match_regions(things: &[Region], found: &[Region]) -> Vec<Option<RegionMatch>> {
    let mut pairs = Vec::new();
    for (thing, thing_region) in things.iter().enumerate() {
        let overlaps = found.iter().map(|region| thing_region.intersection_over_union(*region)).enumerate();
        pairs.extend(overlaps.filter(|(_, overlap)| *overlap > 0.0).map(|(found, overlap)| (thing, found, overlap)));
    }
    // Stable: of equal overlaps, the first thing comes first.
    pairs.sort_by(|a, b| b.2.total_cmp(&a.2));
    let (mut matches, mut used) = (vec![None; things.len()], vec![false; found.len()]);
    for (thing, found, overlap) in pairs {
        if matches[thing].is_none() && !used[found] {
            used[found] = true;
            matches[thing] = Some(RegionMatch { found, overlap });
        }
    }
    matches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(x: u32, width: u32) -> Region {
        Region { x, y: 10, width, height: 40 }
    }

    #[test]
    fn each_region_is_one_things_and_the_best_pairs_come_first() {
        // The second region overlaps both things, the first one only the first thing, and less.
        let matches = match_regions(&[region(0, 30), region(40, 30)], &[region(0, 12), region(2, 40)]);
        assert_eq!(matches[0].unwrap().found, 1);
        assert!(matches[0].unwrap().is_found());
        assert_eq!(matches[1], None, "its only region is taken");
        let both = match_regions(&[region(0, 30), region(40, 30)], &[region(40, 30), region(0, 10)]);
        assert_eq!(both.iter().map(|pair| pair.unwrap().found).collect::<Vec<_>>(), [1, 0]);
        assert!(!both[0].unwrap().is_found(), "a third of it");
    }
}
