//! Invents products: a brand, a product line, a package design, and one to three flavours that differ little.
//!
//! Invariants: a catalogue is a prefix of every longer catalogue with the same seed; names, SKUs and barcodes are unique
//! within a catalogue; products of one [`Package::line`] are deliberate look-alikes.

use std::collections::HashSet;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::canvas::{Colour, hex, luma, mix};
use super::icon::Icon;
use super::product_lines::{BRAND_PREFIXES, BRAND_SUFFIXES, Flavour, PALETTES, PRODUCT_LINES, ProductLine};
use super::{PackageKind, barcode};

/// The currency of [`Package::price_minor`], ISO 4217.
pub const CURRENCY: &str = "EUR";
/// So many products use about half of the invented names.
pub const MAX_PRODUCTS: usize = 20_000;

/// One invented product.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// Brand, flavour, noun and size, as on a shelf label.
    pub name: String,
    /// Stock-keeping unit, such as `KES-JAM-00012`.
    pub sku: String,
    /// A valid EAN-13 of the in-store range (20–29).
    pub barcode: String,
    /// In minor units of [`CURRENCY`].
    pub price_minor: i64,
    pub kind: PackageKind,
    /// Products of one line share brand, noun and design and differ in flavour.
    pub line: u32,
    /// Seed of the photos, so that two products never share a scene.
    pub(super) seed: u64,
    pub(super) design: PackageDesign,
}

/// The pattern behind the text of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BackgroundPattern {
    Plain,
    Band,
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
    Plain,
    Oval,
    Ribbon,
    Plate,
    Rule,
}

/// The order of brand, picture and flavour from the top down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LabelLayout {
    BrandPictureFlavour,
    PictureBrandFlavour,
    BrandFlavourPicture,
}

/// What the label and the mesh depend on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PackageDesign {
    pub(super) brand: String,
    pub(super) noun: String,
    pub(super) flavour: String,
    pub(super) size: String,
    pub(super) icon: Icon,
    pub(super) base: Colour,
    pub(super) second: Colour,
    pub(super) accent: Colour,
    /// Colour of the contents behind glass.
    pub(super) contents: Colour,
    pub(super) lid: Colour,
    pub(super) pattern: BackgroundPattern,
    pub(super) badge: Badge,
    pub(super) layout: LabelLayout,
    /// Stroke width and slant of the brand's name.
    pub(super) stroke_width: f32,
    pub(super) slant: f32,
    /// Three numbers from 0 to 1 that determine the proportions of the mesh.
    pub(super) proportions: [f32; 3],
    pub(super) barcode: String,
}

fn choose<'a, T>(rng: &mut Pcg64Mcg, from: &'a [T]) -> &'a T {
    &from[rng.random_range(0..from.len())]
}

/// The design that the flavours of a product line share.
fn line_design(rng: &mut Pcg64Mcg, brand: &str, product_line: &ProductLine) -> PackageDesign {
    let &(base, second) = choose(rng, PALETTES);
    let (base, second) = (hex(base), hex(second));
    // A slight tint, so that two brands with one palette still differ.
    let tint: Colour = std::array::from_fn(|_| rng.random_range(0.0..1.0));
    const PATTERNS: [BackgroundPattern; 10] = [
        BackgroundPattern::Plain,
        BackgroundPattern::Band,
        BackgroundPattern::Wave,
        BackgroundPattern::Slant,
        BackgroundPattern::Rays,
        BackgroundPattern::Stripes,
        BackgroundPattern::Dots,
        BackgroundPattern::Arch,
        BackgroundPattern::Disc,
        BackgroundPattern::Checks,
    ];
    const BADGES: [Badge; 5] = [Badge::Plain, Badge::Oval, Badge::Ribbon, Badge::Plate, Badge::Rule];
    const LAYOUTS: [LabelLayout; 3] =
        [LabelLayout::BrandPictureFlavour, LabelLayout::PictureBrandFlavour, LabelLayout::BrandFlavourPicture];
    const LIDS: [u32; 7] = [0xf3f1ec, 0xc8372d, 0x2a2d31, 0xd7b24a, 0x2f6b4f, 0x2456c4, 0xe8842a];
    PackageDesign {
        brand: brand.to_owned(),
        noun: product_line.noun.to_owned(),
        flavour: String::new(),
        size: (*choose(rng, product_line.sizes)).to_owned(),
        icon: Icon::Wheat,
        base: mix(base, tint, 0.07),
        second,
        accent: second,
        contents: second,
        lid: hex(*choose(rng, &LIDS)),
        pattern: *choose(rng, &PATTERNS),
        badge: *choose(rng, &BADGES),
        layout: *choose(rng, &LAYOUTS),
        stroke_width: rng.random_range(0.15..0.25),
        slant: if rng.random_bool(0.25) { -0.1 } else { 0.0 },
        proportions: std::array::from_fn(|_| rng.random_range(0.0..1.0)),
        barcode: String::new(),
    }
}

/// Adds a flavour to a line's design; with `on_base`, the flavour colours the whole package, otherwise only the accents.
fn apply_flavour(line: &PackageDesign, flavour: &Flavour, on_base: bool) -> PackageDesign {
    let mut design = line.clone();
    design.flavour = flavour.name.to_owned();
    design.icon = flavour.icon;
    design.contents = flavour.colour;
    design.accent = flavour.colour;
    if on_base {
        design.accent = line.base;
        design.base = flavour.colour;
        let dark_ground = luma(design.base) < 0.5;
        design.second = if dark_ground { hex(0xfbf3e0) } else { mix(flavour.colour, hex(0x20130f), 0.75) };
    }
    design
}

/// Invents `count` products (at most [`MAX_PRODUCTS`]); the same seed gives the same products.
pub fn catalogue(seed: u64, count: usize) -> Vec<Package> {
    let count = count.min(MAX_PRODUCTS);
    let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 0x7069_636b_6c65_7321);
    let mut packages = Vec::with_capacity(count + 2);
    let mut brand_lines = HashSet::new();
    let mut line = 0;
    while packages.len() < count {
        let brand = brand_name(choose::<&str>(&mut rng, BRAND_PREFIXES), choose::<&str>(&mut rng, BRAND_SUFFIXES));
        // All product lines in turn, so that a small catalogue has every kind of package.
        let product_line = &PRODUCT_LINES[(line as usize * 7 + 3) % PRODUCT_LINES.len()];
        if !brand_lines.insert((brand.clone(), product_line.noun)) {
            // The pair exists already. Another one is found within a few tries, because a full catalogue uses about half of
            // the 20 000 pairs.
            continue;
        }
        let design = line_design(&mut rng, &brand, product_line);
        // Behind glass, the contents have the flavour's colour; a label of the same colour would be invisible.
        let glass = matches!(product_line.kind, PackageKind::Bottle | PackageKind::Jar);
        let on_base = rng.random_bool(0.4) && !glass;
        let price = rng.random_range(product_line.price.0..=product_line.price.1) / 10 * 10 + 9;
        let flavours = [1, 1, 2, 3][rng.random_range(0..4)].min(product_line.flavours.len());
        let first = rng.random_range(0..product_line.flavours.len());
        for step in 0..flavours {
            let flavour = &product_line.flavours[(first + step) % product_line.flavours.len()];
            let number = packages.len() as u64 + 1;
            let mut design = apply_flavour(&design, flavour, on_base);
            design.barcode = barcode::in_store_ean13(seed, number * 100_003 + seed % 89_989);
            packages.push(Package {
                name: shelf_name(&design),
                sku: sku(&design, number),
                barcode: design.barcode.clone(),
                price_minor: price,
                kind: product_line.kind,
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

/// Joins the parts of a name; three equal letters in a row become two ("Pell" + "ling" is "Pelling").
fn brand_name(prefix: &str, suffix: &str) -> String {
    let first = suffix.chars().next();
    let tripled = prefix.chars().rev().take(2).all(|letter| Some(letter) == first);
    format!("{prefix}{}", if tripled { &suffix[1..] } else { suffix })
}

fn shelf_name(design: &PackageDesign) -> String {
    format!("{} {} {} {}", design.brand, design.flavour, design.noun, design.size)
}

/// Three letters of the brand, three of the noun, and the number in the catalogue.
fn sku(design: &PackageDesign, number: u64) -> String {
    let three = |text: &str| text.chars().filter(char::is_ascii_alphabetic).take(3).collect::<String>().to_uppercase();
    format!("{}-{}-{number:05}", three(&design.brand), three(&design.noun))
}
