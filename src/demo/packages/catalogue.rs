//! Invents the products: a brand, a line of goods, a package design, and one to three flavours that differ only a little.
//!
//! Invariants: a catalogue is a prefix of every longer catalogue of the same seed; names, SKUs and barcodes are distinct
//! within a catalogue; products of one [`Package::line`] are deliberate look-alikes.

use std::collections::HashSet;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::canvas::{Colour, brightness, hex, mix};
use super::grocery::{BRAND_HEADS, BRAND_TAILS, Flavour, GOODS, Goods, PALETTES};
use super::motif::Motif;
use super::{Kind, barcode};

/// The currency of [`Package::price_minor`], ISO 4217.
pub const CURRENCY: &str = "EUR";
/// The most products one catalogue holds: that many use about half of the invented names.
pub const MAX_PRODUCTS: usize = 20_000;

/// One invented product.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// Brand, flavour, goods and size, as on a shelf label.
    pub name: String,
    /// Stock-keeping unit, such as `KES-JAM-00012`.
    pub sku: String,
    /// A valid EAN-13 of the in-store range (20–29).
    pub barcode: String,
    /// Price in minor units of [`CURRENCY`].
    pub price_minor: i64,
    /// What it comes in.
    pub kind: Kind,
    /// Products with the same line share brand, goods and design and differ in flavour: the look-alikes.
    pub line: u32,
    /// Seed of the photographs, so that two products never share one scene.
    pub(super) seed: u64,
    pub(super) design: Design,
}

/// The pattern behind the writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    Plain,
    Foot,
    Wave,
    Slant,
    Rays,
    Stripes,
    Dots,
    Arch,
    Disc,
    Checks,
}

/// The shape behind the brand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Badge {
    Bare,
    Oval,
    Ribbon,
    Plate,
    Rule,
}

/// The order of brand, picture and flavour from the top down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    BrandPictureFlavour,
    PictureBrandFlavour,
    BrandFlavourPicture,
}

/// Everything the painter and the modeller need to know.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Design {
    pub(super) brand: String,
    pub(super) noun: String,
    pub(super) flavour: String,
    pub(super) size: String,
    pub(super) motif: Motif,
    pub(super) base: Colour,
    pub(super) second: Colour,
    pub(super) accent: Colour,
    /// Colour of the contents behind glass.
    pub(super) contents: Colour,
    pub(super) lid: Colour,
    pub(super) ground: Ground,
    pub(super) badge: Badge,
    pub(super) order: Order,
    /// Thickness of the brand's strokes and lean of its line.
    pub(super) weight: f32,
    pub(super) lean: f32,
    /// Three numbers from 0 to 1 that the shapes use for their proportions.
    pub(super) build: [f32; 3],
    pub(super) barcode: String,
}

fn pick<'a, T>(rng: &mut Pcg64Mcg, from: &'a [T]) -> &'a T {
    &from[rng.random_range(0..from.len())]
}

/// What a line of goods shares across its flavours.
fn line_design(rng: &mut Pcg64Mcg, brand: &str, goods: &Goods) -> Design {
    let &(base, second) = pick(rng, PALETTES);
    let (base, second) = (hex(base), hex(second));
    // A slight shift, so that two brands with one palette still differ.
    let tint: Colour = std::array::from_fn(|_| rng.random_range(0.0..1.0));
    const GROUNDS: [Ground; 10] = [
        Ground::Plain,
        Ground::Foot,
        Ground::Wave,
        Ground::Slant,
        Ground::Rays,
        Ground::Stripes,
        Ground::Dots,
        Ground::Arch,
        Ground::Disc,
        Ground::Checks,
    ];
    const BADGES: [Badge; 5] = [Badge::Bare, Badge::Oval, Badge::Ribbon, Badge::Plate, Badge::Rule];
    const ORDERS: [Order; 3] = [Order::BrandPictureFlavour, Order::PictureBrandFlavour, Order::BrandFlavourPicture];
    const LIDS: [u32; 7] = [0xf3f1ec, 0xc8372d, 0x2a2d31, 0xd7b24a, 0x2f6b4f, 0x2456c4, 0xe8842a];
    Design {
        brand: brand.to_owned(),
        noun: goods.noun.to_owned(),
        flavour: String::new(),
        size: (*pick(rng, goods.sizes)).to_owned(),
        motif: Motif::Wheat,
        base: mix(base, tint, 0.07),
        second,
        accent: second,
        contents: second,
        lid: hex(*pick(rng, &LIDS)),
        ground: *pick(rng, &GROUNDS),
        badge: *pick(rng, &BADGES),
        order: *pick(rng, &ORDERS),
        weight: rng.random_range(0.15..0.25),
        lean: if rng.random_bool(0.25) { -0.1 } else { 0.0 },
        build: std::array::from_fn(|_| rng.random_range(0.0..1.0)),
        barcode: String::new(),
    }
}

/// Puts a flavour on a line's design; `on_base` lines colour the whole package by flavour, the others only the accents.
fn flavoured(line: &Design, flavour: &Flavour, on_base: bool) -> Design {
    let mut design = line.clone();
    design.flavour = flavour.name.to_owned();
    design.motif = flavour.motif;
    design.contents = flavour.colour;
    design.accent = flavour.colour;
    if on_base {
        design.accent = line.base;
        design.base = flavour.colour;
        let dark_ground = brightness(design.base) < 0.5;
        design.second = if dark_ground { hex(0xfbf3e0) } else { mix(flavour.colour, hex(0x20130f), 0.75) };
    }
    design
}

/// Invents `count` products (at most [`MAX_PRODUCTS`]); the same seed gives the same products, a longer catalogue only more.
pub fn catalogue(seed: u64, count: usize) -> Vec<Package> {
    let count = count.min(MAX_PRODUCTS);
    let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 0x7069_636b_6c65_7321);
    let mut packages = Vec::with_capacity(count + 2);
    let mut taken = HashSet::new();
    let mut line = 0;
    while packages.len() < count {
        let brand = brand_name(pick::<&str>(&mut rng, BRAND_HEADS), pick::<&str>(&mut rng, BRAND_TAILS));
        // The shelf in order of goods first, so that a small catalogue shows every kind of package.
        let goods = &GOODS[(line as usize * 7 + 3) % GOODS.len()];
        if !taken.insert((brand.clone(), goods.noun)) {
            // This brand has such goods already: the next throw of the dice finds another within a few tries, because a
            // full catalogue uses about half of the 20 000 pairs.
            continue;
        }
        let design = line_design(&mut rng, &brand, goods);
        // Behind glass the contents show the flavour; paper of the same colour would vanish on them.
        let glass = matches!(goods.kind, Kind::Bottle | Kind::Jar);
        let on_base = rng.random_bool(0.4) && !glass;
        let price = rng.random_range(goods.price.0..=goods.price.1) / 10 * 10 + 9;
        let wanted = [1, 1, 2, 3][rng.random_range(0..4)].min(goods.flavours.len());
        let first = rng.random_range(0..goods.flavours.len());
        for step in 0..wanted {
            let flavour = &goods.flavours[(first + step) % goods.flavours.len()];
            let number = packages.len() as u64 + 1;
            let mut design = flavoured(&design, flavour, on_base);
            design.barcode = barcode::in_store(seed, number * 100_003 + seed % 89_989);
            packages.push(Package {
                name: name(&design),
                sku: sku(&design, number),
                barcode: design.barcode.clone(),
                price_minor: price,
                kind: goods.kind,
                line,
                seed: rng.random(),
                design,
            });
        }
        line += 1;
    }
    packages.truncate(count);
    packages
}

/// Joins the halves of a name; three equal letters in a row become two ("Pell" + "ling" is "Pelling").
fn brand_name(head: &str, tail: &str) -> String {
    let first = tail.chars().next();
    let tripled = head.chars().rev().take(2).all(|letter| Some(letter) == first);
    format!("{head}{}", if tripled { &tail[1..] } else { tail })
}

/// The shelf name: brand, flavour, goods, size.
fn name(design: &Design) -> String {
    format!("{} {} {} {}", design.brand, design.flavour, design.noun, design.size)
}

/// Three letters of the brand, three of the goods, and the number in the catalogue.
fn sku(design: &Design, number: u64) -> String {
    let three = |text: &str| text.chars().filter(char::is_ascii_alphabetic).take(3).collect::<String>().to_uppercase();
    format!("{}-{}-{number:05}", three(&design.brand), three(&design.noun))
}
