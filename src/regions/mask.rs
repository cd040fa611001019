//! Which pixels of a small picture stand out: threshold, morphology, holes.

/// One flag a pixel, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mask {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) set: Vec<bool>,
}

/// Otsu's threshold (1979): the one that separates `values` from 0 to `value_max` into two classes best.
pub(super) fn otsu_threshold(values: &[f32], value_max: f32) -> f32 {
    const BINS: usize = 128;
    let mut histogram = [0_u32; BINS];
    for value in values {
        histogram[((value / value_max * BINS as f32) as usize).min(BINS - 1)] += 1;
    }
    let total = values.len() as f64;
    let sum: f64 = histogram.iter().enumerate().map(|(bin, count)| bin as f64 * f64::from(*count)).sum();
    let (mut below, mut sum_below, mut best, mut best_bin) = (0.0, 0.0, -1.0, 0);
    for (bin, count) in histogram.iter().enumerate() {
        below += f64::from(*count);
        sum_below += bin as f64 * f64::from(*count);
        let above = total - below;
        if below == 0.0 || above == 0.0 {
            continue;
        }
        let variance = below * above * (sum_below / below - (sum - sum_below) / above).powi(2);
        if variance > best {
            (best, best_bin) = (variance, bin);
        }
    }
    (best_bin as f32 + 1.0) / BINS as f32 * value_max
}

impl Mask {
    pub(super) fn count(&self) -> usize {
        self.set.iter().filter(|set| **set).count()
    }

    pub(super) fn share(&self) -> f32 {
        self.count() as f32 / self.set.len() as f32
    }

    /// Removes what is thinner than 2 × `radius` + 1 pixels.
    pub(super) fn open(&self, radius: usize) -> Self {
        self.window_filter(radius, WindowRule::All).window_filter(radius, WindowRule::Any)
    }

    /// Joins what is at most 2 × `radius` pixels apart.
    pub(super) fn close(&self, radius: usize) -> Self {
        self.window_filter(radius, WindowRule::Any).window_filter(radius, WindowRule::All)
    }

    /// Erosion or dilation by a square, first along the rows, then along the columns. Pixels beyond the edge do not count.
    fn window_filter(&self, radius: usize, rule: WindowRule) -> Self {
        let (width, height) = (self.width, self.height);
        let mut along_rows = self.set.clone();
        for (line, result) in self.set.chunks_exact(width).zip(along_rows.chunks_exact_mut(width)) {
            for shift in 1..=radius.min(width - 1) {
                rule.apply(&mut result[shift..], &line[..width - shift]);
                rule.apply(&mut result[..width - shift], &line[shift..]);
            }
        }
        let mut set = vec![rule == WindowRule::All; self.set.len()];
        for (y, result) in set.chunks_exact_mut(width).enumerate() {
            for line in
                along_rows[y.saturating_sub(radius) * width..(y + radius + 1).min(height) * width].chunks_exact(width)
            {
                rule.apply(result, line);
            }
        }
        Self { width, height, set }
    }

    /// Sets those components of `other` that `choose` takes, given how many of their pixels are set here, and how many they
    /// have.
    pub(super) fn add_components(&mut self, other: &Self, choose: impl Fn(usize, usize) -> bool) {
        let mut unseen = other.set.clone();
        let mut component = Vec::new();
        for start in 0..unseen.len() {
            if !unseen[start] {
                continue;
            }
            component.clear();
            self.flood(start, &mut unseen, &mut component);
            let set = component.iter().filter(|pixel| self.set[**pixel]).count();
            if choose(set, component.len()) {
                component.iter().for_each(|pixel| self.set[*pixel] = true);
            }
        }
    }

    /// Moves the pixels of `unvisited` that are connected with `start` from there to the end of `reached`.
    fn flood(&self, start: usize, unvisited: &mut [bool], reached: &mut Vec<usize>) {
        let mut visit = |pixel: usize, reached: &mut Vec<usize>| {
            if std::mem::take(&mut unvisited[pixel]) {
                reached.push(pixel);
            }
        };
        let mut next = reached.len();
        visit(start, reached);
        while let Some(pixel) = reached.get(next).copied() {
            next += 1;
            let x = pixel % self.width;
            if x > 0 {
                visit(pixel - 1, reached);
            }
            if x + 1 < self.width {
                visit(pixel + 1, reached);
            }
            if pixel >= self.width {
                visit(pixel - self.width, reached);
            }
            if pixel + self.width < self.set.len() {
                visit(pixel + self.width, reached);
            }
        }
    }

    /// Sets holes that do not reach the picture's edge.
    pub(super) fn fill_holes(&mut self) {
        let (width, height) = (self.width, self.height);
        let mut holes: Vec<bool> = self.set.iter().map(|set| !set).collect();
        let mut outside = Vec::new();
        let top_and_bottom = (0..width).flat_map(|x| [x, (height - 1) * width + x]);
        let sides = (0..height).flat_map(|y| [y * width, y * width + width - 1]);
        top_and_bottom.chain(sides).for_each(|start| self.flood(start, &mut holes, &mut outside));
        for (set, hole) in self.set.iter_mut().zip(holes) {
            *set |= hole;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WindowRule {
    /// Dilation.
    Any,
    /// Erosion.
    All,
}

impl WindowRule {
    /// Puts `flags` into `result`, pixel by pixel.
    fn apply(self, result: &mut [bool], flags: &[bool]) {
        let pairs = result.iter_mut().zip(flags);
        match self {
            Self::Any => pairs.for_each(|(result, flag)| *result |= flag),
            Self::All => pairs.for_each(|(result, flag)| *result &= flag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        let set = rows.iter().flat_map(|row| row.chars().map(|c| c == '#')).collect();
        Mask { width: rows[0].len(), height: rows.len(), set }
    }

    #[test]
    fn opening_removes_specks_closing_joins_and_holes_are_filled() {
        let speck = mask(&["#......", "...###.", "...###.", "...###."]);
        assert_eq!(speck.open(1), mask(&[".......", "...###.", "...###.", "...###."]));
        assert_eq!(mask(&["##.##"]).close(1), mask(&["#####"]));
        let mut ring = mask(&["####.", "#..#.", "####.", "#.#.."]);
        ring.fill_holes();
        assert_eq!(ring, mask(&["####.", "####.", "####.", "#.#.."]));
    }

    #[test]
    fn the_threshold_is_between_the_two_classes() {
        let values: Vec<f32> = (0..100).map(|n| if n < 80 { 2.0 } else { 60.0 }).collect();
        assert!((2.0..60.0).contains(&otsu_threshold(&values, 100.0)));
    }
}
