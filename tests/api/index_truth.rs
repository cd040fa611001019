//! Whatever happens to a server, its index gives the answers of a search through every row of the database.
//!
//! The steps are random: changes through the catalog, and changes by another server that are large enough for segments to be
//! compacted; snapshots; restarts from a snapshot, from a damaged one, or from the database; kills between commit and index;
//! a server that hangs while another replaces it. After each step every row of the index is compared with the database.
//! The answers to random queries are compared with those of a scan in f64; ties go by the image's identifier.
//!
//! The catalog's own photos are small pictures of one colour, embedded by the shipped model. The other server's photos have
//! random vectors, few enough for many ties. A failure prints the seed: `INDEX_TRUTH_SEED=… cargo test index_truth`.

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
    // Whatever the random steps did, rows are compacted at least once: more than half of all are removed.
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
