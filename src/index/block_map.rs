//! An ordered map of small entries: sorted blocks, found through a tree of their least keys.
//!
//! A `BTreeMap` of the same entries takes twice the memory, since keys that rise (as identifiers do) leave its nodes half
//! empty, and nobody can say how much that is; here it can be counted. A hash table of a million entries stops for
//! tens of milliseconds to grow. Here a change moves at most a block: microseconds, however large the map is.
//!
//! Invariants: no block is empty or longer than [`BLOCK`]; every key of a block is at least the key that the block is
//! found by, and below the next block's.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Entries of a block at most. Its memory is taken when it is made, and it never grows.
const BLOCK: usize = 256;

#[derive(Debug)]
pub(super) struct BlockMap<K, V> {
    blocks: BTreeMap<K, Vec<(K, V)>>,
    len: usize,
}

impl<K: Copy + Ord, V: Copy> BlockMap<K, V> {
    pub(super) fn new() -> Self {
        Self { blocks: BTreeMap::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: K) -> Option<V> {
        // Keys rise, as a rule: what is asked for before it is added would lie in the last block, and the way there is short
        // and in the cache, however many there are.
        let last = self.blocks.last_key_value().filter(|(least, _)| **least <= key);
        let (_, block) = last.or_else(|| self.blocks.range(..=key).next_back())?;
        block.binary_search_by_key(&key, |entry| entry.0).ok().map(|at| block[at].1)
    }

    pub(super) fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// Puts `value` in the place of what `key` had, if anything.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if let Some(mut last) = self.blocks.last_entry()
            && *last.key() <= key
            && last.get().len() < BLOCK
            && last.get().last().is_none_or(|(greatest, _)| *greatest < key)
        {
            last.get_mut().push((key, value));
            self.len += 1;
            return;
        }
        let least = self.blocks.range(..=key).next_back().map(|(least, _)| *least);
        let least = least.unwrap_or_else(|| {
            // Below every block: the first one is found by this key from now on.
            let first = self.blocks.pop_first().map_or_else(new_block, |(_, block)| block);
            self.blocks.insert(key, first);
            key
        });
        let is_last = self.blocks.last_key_value().is_some_and(|(last, _)| *last == least);
        let Some(block) = self.blocks.get_mut(&least) else { return };
        match block.binary_search_by_key(&key, |entry| entry.0) {
            Ok(at) => {
                block[at].1 = value;
                return;
            }
            Err(at) if block.len() < BLOCK => block.insert(at, (key, value)),
            // Keys rise, as a rule: the last block stays full and another one begins.
            Err(BLOCK) if is_last => {
                let mut next = new_block();
                next.push((key, value));
                self.blocks.insert(key, next);
            }
            Err(at) => {
                let mut upper = new_block();
                upper.extend(block.drain(BLOCK / 2..));
                match at.checked_sub(BLOCK / 2) {
                    Some(at) if at > 0 => upper.insert(at, (key, value)),
                    _ => block.insert(at, (key, value)),
                }
                self.blocks.insert(upper[0].0, upper);
            }
        }
        self.len += 1;
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let (least, block) = self.blocks.range_mut(..=key).next_back()?;
        let (least, at) = (*least, block.binary_search_by_key(&key, |entry| entry.0).ok()?);
        let (_, value) = block.remove(at);
        self.len -= 1;
        if block.is_empty() {
            self.blocks.remove(&least);
        } else if block.len() < BLOCK / 4 {
            self.join(least);
        }
        Some(value)
    }

    /// Puts the block and the one after or before it together where the two are no more than half a block, so that it takes
    /// many changes before they part again.
    fn join(&mut self, least: K) {
        let next = self.blocks.range((Bound::Excluded(least), Bound::Unbounded)).next().map(|(next, _)| *next);
        let previous = self.blocks.range(..least).next_back().map(|(previous, _)| *previous);
        let pairs = [next.map(|next| (least, next)), previous.map(|previous| (previous, least))];
        let length = |least: &K| self.blocks.get(least).map_or(0, Vec::len);
        let pair = pairs.into_iter().flatten().find(|(lower, upper)| length(lower) + length(upper) <= BLOCK / 2);
        if let Some((lower, upper)) = pair
            && let Some(moved) = self.blocks.remove(&upper)
            && let Some(lower) = self.blocks.get_mut(&lower)
        {
            lower.extend(moved);
        }
    }

    /// The entries whose keys are greater than `key`, in order.
    pub(super) fn after(&self, key: K) -> impl Iterator<Item = (K, V)> {
        let from = self.blocks.range(..=key).next_back().map_or(key, |(least, _)| *least);
        self.blocks.range(from..).flat_map(|(_, block)| block.iter().copied()).skip_while(move |entry| entry.0 <= key)
    }

    /// Memory of the blocks, whether filled or not; and of the tree, whose few nodes are taken for half full.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.len() * Self::block_bytes()
    }

    /// Memory of a map whose `entries` came in the order of their keys.
    pub(super) fn bytes_of(entries: usize) -> usize {
        entries.div_ceil(BLOCK) * Self::block_bytes()
    }

    const fn block_bytes() -> usize {
        BLOCK * size_of::<(K, V)>() + 2 * (size_of::<K>() + size_of::<Vec<(K, V)>>())
    }
}

fn new_block<T>() -> Vec<T> {
    Vec::with_capacity(BLOCK)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(map: &BlockMap<u32, u32>, model: &BTreeMap<u32, u32>) {
        assert_eq!(map.len(), model.len());
        assert!(map.after(0).eq(model.range(1..).map(|(key, value)| (*key, *value))));
        let mut bounds = map.blocks.keys().copied().skip(1).map(Some).chain([None]);
        for (least, block) in &map.blocks {
            let next = bounds.next().unwrap();
            assert!(!block.is_empty() && block.len() <= BLOCK && block.capacity() == BLOCK);
            assert!(block.iter().all(|(key, _)| least <= key && next.is_none_or(|next| *key < next)));
            assert!(block.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn rising_keys_fill_their_blocks_and_removing_gives_the_memory_back() {
        let mut map = BlockMap::new();
        (1..=100_000_u32).for_each(|key| map.insert(key, key));
        assert_eq!(map.bytes(), BlockMap::<u32, u32>::bytes_of(100_000));
        let model: BTreeMap<u32, u32> = (1..=100_000).filter(|key| key % 50 == 0).map(|key| (key, key)).collect();
        for key in (1..=100_000).filter(|key| key % 50 != 0) {
            assert_eq!(map.remove(key), Some(key));
        }
        check(&map, &model);
        assert!(map.bytes() <= 5 * BlockMap::<u32, u32>::bytes_of(2_000), "{}", map.bytes());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_does_what_a_tree_does(
            steps in proptest::collection::vec((0..3_u32, 1..4_000_u32, 1..400_u32), 1..60),
        ) {
            let (mut map, mut model) = (BlockMap::new(), BTreeMap::new());
            for (kind, from, count) in steps {
                for key in from..from + count {
                    // Neighbours one after the other, or far from each other.
                    let key = if kind == 1 { key.wrapping_mul(2_654_435_761) >> 20 | 1 } else { key };
                    if kind == 2 {
                        prop_assert_eq!(map.remove(key), model.remove(&key));
                    } else {
                        map.insert(key, count);
                        model.insert(key, count);
                    }
                    prop_assert_eq!(map.get(key), model.get(&key).copied());
                }
                check(&map, &model);
                let rest = model.range(from + 1..).map(|(key, value)| (*key, *value));
                prop_assert!(map.after(from).eq(rest));
            }
        }
    }
}
