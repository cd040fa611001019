//! An ordered map of small entries: sorted blocks, found through a tree of their first keys.
//!
//! A `BTreeMap` of the same entries takes twice the memory, because increasing keys (as identifiers are) leave its nodes half
//! empty, and its memory cannot be counted exactly. A hash table of a million entries stops for tens of milliseconds to grow.
//! Here a change moves at most one block: microseconds at any size of the map.
//!
//! Invariants: no block is empty or longer than [`BLOCK_ENTRIES`]; a block's keys are at least the key that finds the block,
//! and below that of the next block.

use std::collections::BTreeMap;
use std::ops::Bound;

/// The most entries of a block. Its memory is allocated at once, and it never grows.
const BLOCK_ENTRIES: usize = 256;

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
        // Keys usually increase, so a new key belongs to the last block, which is found quickly and is in the cache.
        let last = self.blocks.last_key_value().filter(|(first_key, _)| **first_key <= key);
        let (_, block) = last.or_else(|| self.blocks.range(..=key).next_back())?;
        block.binary_search_by_key(&key, |entry| entry.0).ok().map(|position| block[position].1)
    }

    pub(super) fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// Inserts or replaces the value of `key`.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if let Some(mut last) = self.blocks.last_entry()
            && *last.key() <= key
            && last.get().len() < BLOCK_ENTRIES
            && last.get().last().is_none_or(|(last_key, _)| *last_key < key)
        {
            last.get_mut().push((key, value));
            self.len += 1;
            return;
        }
        let first_key = self.blocks.range(..=key).next_back().map(|(first_key, _)| *first_key);
        let first_key = first_key.unwrap_or_else(|| {
            // Below every block: this key finds the first block from now on.
            let first_block = self.blocks.pop_first().map_or_else(new_block, |(_, block)| block);
            self.blocks.insert(key, first_block);
            key
        });
        let is_last = self.blocks.last_key_value().is_some_and(|(last, _)| *last == first_key);
        let Some(block) = self.blocks.get_mut(&first_key) else { return };
        match block.binary_search_by_key(&key, |entry| entry.0) {
            Ok(position) => {
                block[position].1 = value;
                return;
            }
            Err(position) if block.len() < BLOCK_ENTRIES => block.insert(position, (key, value)),
            // Keys usually increase: the last block stays full and a new one begins.
            Err(BLOCK_ENTRIES) if is_last => {
                let mut next = new_block();
                next.push((key, value));
                self.blocks.insert(key, next);
            }
            Err(position) => {
                let mut upper = new_block();
                upper.extend(block.drain(BLOCK_ENTRIES / 2..));
                match position.checked_sub(BLOCK_ENTRIES / 2) {
                    Some(position) if position > 0 => upper.insert(position, (key, value)),
                    _ => block.insert(position, (key, value)),
                }
                self.blocks.insert(upper[0].0, upper);
            }
        }
        self.len += 1;
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let (first_key, block) = self.blocks.range_mut(..=key).next_back()?;
        let (first_key, position) = (*first_key, block.binary_search_by_key(&key, |entry| entry.0).ok()?);
        let (_, value) = block.remove(position);
        self.len -= 1;
        if block.is_empty() {
            self.blocks.remove(&first_key);
        } else if block.len() < BLOCK_ENTRIES / 4 {
            self.merge(first_key);
        }
        Some(value)
    }

    /// Merges the block with the one after or before it if the two fill at most half a block, so that it takes many changes
    /// before they are split again.
    fn merge(&mut self, first_key: K) {
        let next = self.blocks.range((Bound::Excluded(first_key), Bound::Unbounded)).next().map(|(next, _)| *next);
        let previous = self.blocks.range(..first_key).next_back().map(|(previous, _)| *previous);
        let pairs = [next.map(|next| (first_key, next)), previous.map(|previous| (previous, first_key))];
        let length = |first_key: &K| self.blocks.get(first_key).map_or(0, Vec::len);
        let pair =
            pairs.into_iter().flatten().find(|(lower, upper)| length(lower) + length(upper) <= BLOCK_ENTRIES / 2);
        if let Some((lower, upper)) = pair
            && let Some(moved) = self.blocks.remove(&upper)
            && let Some(lower) = self.blocks.get_mut(&lower)
        {
            lower.extend(moved);
        }
    }

    /// The entries with keys greater than `key`, in order.
    pub(super) fn entries_after(&self, key: K) -> impl Iterator<Item = (K, V)> {
        let from = self.blocks.range(..=key).next_back().map_or(key, |(first_key, _)| *first_key);
        self.blocks.range(from..).flat_map(|(_, block)| block.iter().copied()).skip_while(move |entry| entry.0 <= key)
    }

    /// Memory of the blocks, filled or not, and of the tree, whose few nodes are assumed to be half full.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.len() * Self::block_bytes()
    }

    /// Memory of a map whose `entries` were inserted in the order of their keys.
    pub(super) fn estimate_bytes(entries: usize) -> usize {
        entries.div_ceil(BLOCK_ENTRIES) * Self::block_bytes()
    }

    const fn block_bytes() -> usize {
        BLOCK_ENTRIES * size_of::<(K, V)>() + 2 * (size_of::<K>() + size_of::<Vec<(K, V)>>())
    }
}

fn new_block<T>() -> Vec<T> {
    Vec::with_capacity(BLOCK_ENTRIES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(map: &BlockMap<u32, u32>, model: &BTreeMap<u32, u32>) {
        assert_eq!(map.len(), model.len());
        assert!(map.entries_after(0).eq(model.range(1..).map(|(key, value)| (*key, *value))));
        let mut bounds = map.blocks.keys().copied().skip(1).map(Some).chain([None]);
        for (first_key, block) in &map.blocks {
            let next = bounds.next().unwrap();
            assert!(!block.is_empty() && block.len() <= BLOCK_ENTRIES && block.capacity() == BLOCK_ENTRIES);
            assert!(block.iter().all(|(key, _)| first_key <= key && next.is_none_or(|next| *key < next)));
            assert!(block.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn increasing_keys_fill_their_blocks_and_removals_free_memory() {
        let mut map = BlockMap::new();
        (1..=100_000_u32).for_each(|key| map.insert(key, key));
        assert_eq!(map.bytes(), BlockMap::<u32, u32>::estimate_bytes(100_000));
        let model: BTreeMap<u32, u32> = (1..=100_000).filter(|key| key % 50 == 0).map(|key| (key, key)).collect();
        for key in (1..=100_000).filter(|key| key % 50 != 0) {
            assert_eq!(map.remove(key), Some(key));
        }
        check(&map, &model);
        assert!(map.bytes() <= 5 * BlockMap::<u32, u32>::estimate_bytes(2_000), "{}", map.bytes());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_behaves_like_a_btree_map(
            steps in proptest::collection::vec((0..3_u32, 1..4_000_u32, 1..400_u32), 1..60),
        ) {
            let (mut map, mut model) = (BlockMap::new(), BTreeMap::new());
            for (kind, from, count) in steps {
                for key in from..from + count {
                    // Consecutive keys, or scattered ones.
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
                prop_assert!(map.entries_after(from).eq(rest));
            }
        }
    }
}
