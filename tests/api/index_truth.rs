//! Whatever happens to a server, its index answers what a search through every row of the database answers.
//!
//! Random changes (through the catalog, and by another server in large pieces, so that segments are compacted), snapshots,
//! restarts (from the snapshot, from a damaged one, from the database alone) and kills (between commit and index; a
//! process that hangs while another takes over). After each step the index is compared with the database: every row of both,
//! and the answers to random queries with those of a scan in f64, ties by the image's identifier.
//!
//! The catalog's own changes go through the shipped model with small pictures of one colour; the other server's rows have
//! made-up vectors, few enough for many ties. A failure prints the seed: `INDEX_TRUTH_SEED=… cargo test index_truth`.

mod brute_force;
mod events;
mod world;

use rand::RngExt;

use crate::harness::{TestDatabase, on_both_databases};
use world::World;

const STEPS: usize = 70;

async fn the_index_answers_what_the_database_says(database: TestDatabase) {
    let mut world = World::open(database).await;
    for _ in 0..STEPS {
        world.step().await;
        world.check().await;
    }
    // Whatever lots were drawn, once at least rows are cleared away: more than half of all there are.
    let many = 150.max(2 * world.rows_on_sale().await.len());
    let product = world.add_in_bulk(many).await;
    world.check().await;
    world.remove_in_bulk(product, many - 10).await;
    let dead = world.check().await;
    assert!(dead < many - 10, "{dead} rows are dead: nothing was compacted");
}

impl World {
    async fn step(&mut self) {
        match self.random.random_range(0..26) {
            0..4 => self.create().await,
            4..6 => self.add_images().await,
            6..9 => self.remove_image().await,
            9..11 => self.switch_sale().await,
            11 => self.remove_product().await,
            12..15 => {
                let rows = self.random.random_range(1..120);
                self.add_in_bulk(rows).await;
            }
            15..18 => self.remove_some_in_bulk().await,
            18..20 => self.write_snapshot().await,
            20 => self.restart().await,
            21 => self.restart_from_a_damaged_snapshot().await,
            22 => self.restart_from_the_database().await,
            23..25 => self.kill_between_commit_and_index().await,
            _ => self.take_over_from_one_that_hangs().await,
        }
    }
}

on_both_databases!(the_index_answers_what_the_database_says);
