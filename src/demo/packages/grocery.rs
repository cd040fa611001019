//! What the invented shop sells: lines of goods with their packages, sizes, prices and flavours, and parts of brand names.
//!
//! Invariants: every flavour of one line has a name of its own; prices are in minor units of the demonstration's currency.
//! The brand parts are made up; no product of a real maker is meant.

use super::Kind;
use super::canvas::{Colour, hex};
use super::motif::Motif;

/// A flavour: its word, its colour and the picture on the label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flavour {
    pub(super) name: &'static str,
    pub(super) colour: Colour,
    pub(super) motif: Motif,
}

const fn flavour(name: &'static str, code: u32, motif: Motif) -> Flavour {
    Flavour { name, colour: hex(code), motif }
}

/// A line of goods of one maker: a noun, the package it comes in, sizes with their price range, flavours.
#[derive(Debug)]
pub(super) struct Goods {
    pub(super) noun: &'static str,
    pub(super) kind: Kind,
    pub(super) sizes: &'static [&'static str],
    pub(super) price: (i64, i64),
    pub(super) flavours: &'static [Flavour],
}

const HONEY: Flavour = flavour("Honey", 0xe8a51e, Motif::Comb);
const COCOA: Flavour = flavour("Cocoa", 0x6a3f28, Motif::Squares);
const VANILLA: Flavour = flavour("Vanilla", 0xe9cf86, Motif::Flower);
const CARAMEL: Flavour = flavour("Caramel", 0xc9802e, Motif::Drop);
const HAZELNUT: Flavour = flavour("Hazelnut", 0xa4713d, Motif::Bean);
const STRAWBERRY: Flavour = flavour("Strawberry", 0xd7324a, Motif::Strawberry);
const BLUEBERRY: Flavour = flavour("Blueberry", 0x4a55a8, Motif::Berries);
const RASPBERRY: Flavour = flavour("Raspberry", 0xc42a63, Motif::Berries);
const CHERRY: Flavour = flavour("Cherry", 0xa91f35, Motif::Cherries);
const APRICOT: Flavour = flavour("Apricot", 0xf09a3e, Motif::Fruit);
const PEACH: Flavour = flavour("Peach", 0xf4a07c, Motif::Fruit);
const APPLE: Flavour = flavour("Apple", 0x86b53c, Motif::Fruit);
const PEAR: Flavour = flavour("Pear", 0xc3c550, Motif::Fruit);
const GRAPE: Flavour = flavour("Grape", 0x6d3d8f, Motif::Berries);
const MANGO: Flavour = flavour("Mango", 0xf6ab2f, Motif::Fruit);
const ORANGE: Flavour = flavour("Orange", 0xf18a22, Motif::Citrus);
const LEMON: Flavour = flavour("Lemon", 0xf2cf35, Motif::Citrus);
const LIME: Flavour = flavour("Lime", 0x8fc23f, Motif::Citrus);
const GRAPEFRUIT: Flavour = flavour("Grapefruit", 0xee7f6d, Motif::Citrus);
const MINT: Flavour = flavour("Mint", 0x4fae87, Motif::Leaves);
const GINGER: Flavour = flavour("Ginger", 0xc79a4c, Motif::Flower);
const CAMOMILE: Flavour = flavour("Camomile", 0xf0c94a, Motif::Flower);
const ROSEHIP: Flavour = flavour("Rosehip", 0xd2475f, Motif::Flower);
const TOMATO: Flavour = flavour("Tomato", 0xd63b27, Motif::Fruit);
const MUSHROOM: Flavour = flavour("Mushroom", 0xa98a6a, Motif::Mushroom);
const PUMPKIN: Flavour = flavour("Pumpkin", 0xe8842a, Motif::Fruit);
const LENTIL: Flavour = flavour("Lentil", 0x9a7b34, Motif::Bean);
const BASIL: Flavour = flavour("Basil", 0x3f8a3c, Motif::Leaves);
const ROSEMARY: Flavour = flavour("Rosemary", 0x5d8a66, Motif::Leaves);
const DILL: Flavour = flavour("Dill", 0x78a03f, Motif::Leaves);
const CHILLI: Flavour = flavour("Chilli", 0xc52a1d, Motif::Chilli);
const PAPRIKA: Flavour = flavour("Paprika", 0xd65a28, Motif::Chilli);
const SMOKY: Flavour = flavour("Smoky", 0x7a3a2a, Motif::Chilli);
const SEA_SALT: Flavour = flavour("Sea Salt", 0x3f8fc4, Motif::Crystal);
const CHEESE: Flavour = flavour("Cheese", 0xf1b436, Motif::Cheese);
const SPRING_ONION: Flavour = flavour("Spring Onion", 0x5fa850, Motif::Leaves);
const CLASSIC: Flavour = flavour("Classic", 0xcfa35a, Motif::Wheat);
const WHOLEGRAIN: Flavour = flavour("Wholegrain", 0xa77b3f, Motif::Wheat);
const DARK_ROAST: Flavour = flavour("Dark Roast", 0x4b2c20, Motif::Bean);
const MILD_ROAST: Flavour = flavour("Mild Roast", 0xb77a4a, Motif::Bean);
const ALMOND: Flavour = flavour("Almond", 0xc99a6b, Motif::Bean);
const SMOOTH: Flavour = flavour("Smooth", 0xc58b47, Motif::Bean);
const CRUNCHY: Flavour = flavour("Crunchy", 0x8a5a2c, Motif::Bean);
const WHOLE: Flavour = flavour("Whole", 0x2f72c2, Motif::Drop);
const LIGHT: Flavour = flavour("Light", 0x6fc0e4, Motif::Drop);
const COCONUT: Flavour = flavour("Coconut", 0x9a7a5c, Motif::Drop);
const BLOSSOM: Flavour = flavour("Blossom", 0xf0b93a, Motif::Comb);
const FOREST: Flavour = flavour("Forest", 0x8a5418, Motif::Comb);
const OLIVE: Flavour = flavour("Olive", 0xd8a92e, Motif::Fish);
const NATURAL: Flavour = flavour("Natural", 0x3a86b7, Motif::Fish);

const fn goods(
    noun: &'static str,
    kind: Kind,
    sizes: &'static [&'static str],
    price: (i64, i64),
    flavours: &'static [Flavour],
) -> Goods {
    Goods { noun, kind, sizes, price, flavours }
}

/// Everything that is on offer.
pub(super) const GOODS: &[Goods] = &[
    goods("Granola", Kind::Box, &["375 g", "500 g"], (299, 549), &[HONEY, BLUEBERRY, COCOA, APPLE, HAZELNUT]),
    goods("Corn Flakes", Kind::Box, &["375 g", "750 g"], (179, 399), &[CLASSIC, HONEY, COCOA, STRAWBERRY]),
    goods("Tea", Kind::Box, &["20 bags", "40 bags"], (149, 379), &[MINT, LEMON, CAMOMILE, ROSEHIP, GINGER]),
    goods("Crackers", Kind::Box, &["150 g", "200 g"], (129, 279), &[SEA_SALT, ROSEMARY, CHEESE, PAPRIKA]),
    goods("Biscuits", Kind::Box, &["200 g", "300 g"], (119, 329), &[VANILLA, COCOA, LEMON, HAZELNUT]),
    goods("Oat Bars", Kind::Box, &["6 x 25 g"], (199, 349), &[APPLE, HONEY, RASPBERRY, ALMOND]),
    goods("Rice Mix", Kind::Box, &["250 g"], (159, 299), &[MUSHROOM, TOMATO, BASIL, CHILLI]),
    goods("Soup", Kind::Can, &["400 g"], (129, 279), &[TOMATO, MUSHROOM, PUMPKIN, LENTIL]),
    goods("Baked Beans", Kind::Can, &["400 g"], (89, 189), &[CLASSIC, TOMATO, SMOKY, CHILLI]),
    goods("Tuna", Kind::Tin, &["160 g"], (149, 329), &[OLIVE, NATURAL, CHILLI, LEMON]),
    goods("Pate", Kind::Tin, &["125 g"], (149, 299), &[MUSHROOM, TOMATO, ROSEMARY]),
    goods("Fizz", Kind::Slim, &["330 ml"], (79, 169), &[ORANGE, LEMON, CHERRY, GRAPEFRUIT, GINGER]),
    goods("Sparkling", Kind::Slim, &["250 ml", "330 ml"], (69, 149), &[LIME, PEACH, RASPBERRY, MINT]),
    goods("Juice", Kind::Bottle, &["750 ml", "1 l"], (169, 399), &[ORANGE, APPLE, GRAPE, MANGO, CHERRY]),
    goods("Ice Tea", Kind::Bottle, &["500 ml"], (99, 199), &[LEMON, PEACH, MINT, RASPBERRY]),
    goods("Olive Oil", Kind::Bottle, &["500 ml", "750 ml"], (599, 1199), &[CLASSIC, BASIL, CHILLI, LEMON]),
    goods("Sauce", Kind::Bottle, &["300 ml"], (149, 329), &[TOMATO, SMOKY, CHILLI, MANGO]),
    goods("Syrup", Kind::Bottle, &["500 ml"], (249, 499), &[RASPBERRY, MINT, VANILLA, CARAMEL]),
    goods("Crisps", Kind::Pouch, &["150 g", "175 g"], (129, 269), &[SEA_SALT, PAPRIKA, CHEESE, SPRING_ONION]),
    goods("Coffee", Kind::Pouch, &["250 g", "500 g"], (449, 1099), &[DARK_ROAST, MILD_ROAST, VANILLA, HAZELNUT]),
    goods("Gums", Kind::Pouch, &["200 g"], (99, 199), &[STRAWBERRY, APPLE, PEACH, LIME]),
    goods("Popcorn", Kind::Pouch, &["90 g", "120 g"], (119, 249), &[SEA_SALT, CARAMEL, CHEESE, COCONUT]),
    goods("Muesli", Kind::Pouch, &["500 g", "750 g"], (249, 499), &[BLUEBERRY, APPLE, ALMOND, WHOLEGRAIN]),
    goods("Milk", Kind::Carton, &["500 ml", "1 l"], (99, 219), &[WHOLE, LIGHT, COCOA, VANILLA]),
    goods("Oat Drink", Kind::Carton, &["1 l"], (159, 279), &[CLASSIC, VANILLA, COCOA, COCONUT]),
    goods("Nectar", Kind::Carton, &["1 l"], (149, 289), &[PEACH, PEAR, MANGO, APRICOT]),
    goods("Custard", Kind::Carton, &["500 ml"], (129, 239), &[VANILLA, CARAMEL, COCOA]),
    goods("Jam", Kind::Jar, &["225 g", "340 g"], (179, 399), &[STRAWBERRY, APRICOT, BLUEBERRY, CHERRY, RASPBERRY]),
    goods("Honey", Kind::Jar, &["250 g", "500 g"], (349, 799), &[BLOSSOM, FOREST, LEMON]),
    goods("Peanut Butter", Kind::Jar, &["350 g"], (249, 449), &[SMOOTH, CRUNCHY, COCOA]),
    goods("Pickles", Kind::Jar, &["330 g", "670 g"], (149, 329), &[DILL, CHILLI, HONEY]),
    goods("Pesto", Kind::Jar, &["190 g"], (199, 399), &[BASIL, TOMATO, ALMOND]),
];

/// First and second halves of invented brand names.
pub(super) const BRAND_HEADS: &[&str] = &[
    "Brin", "Kess", "Ovan", "Lumi", "Pell", "Tarn", "Mor", "Fenn", "Salt", "Quill", "Haver", "Zel", "Dun", "Wren",
    "Orla", "Cald", "Mirr", "Vesp", "Thim", "Roo", "Juni", "Bram", "Nord", "Ember", "Sorr", "Plum", "Hark", "Cobb",
    "Isla", "Gavo", "Tilda", "Yarr",
];
/// See [`BRAND_HEADS`].
pub(super) const BRAND_TAILS: &[&str] = &[
    "low", "mere", "vale", "wick", "by", "field", "ova", "ling", "dell", "more", "ham", "sa", "to", "nel", "berg",
    "stead", "ola", "worth", "kin", "etta",
];
/// Grounds, panels and inks that a designer would put together: (ground, second colour).
pub(super) const PALETTES: &[(u32, u32)] = &[
    (0xfbf3e0, 0x1f3a5f),
    (0x17848c, 0xfbf3e0),
    (0xe4572e, 0xfff4dc),
    (0x1f3a5f, 0xf2b134),
    (0x2f6b4f, 0xf6e7c1),
    (0xf7f6f2, 0xc8372d),
    (0x6b2d5c, 0xf6c9a8),
    (0xf2b134, 0x7a2e1d),
    (0xa8d8c1, 0x1d5c4d),
    (0x33373d, 0xe8d3a9),
    (0xe8d3a9, 0x7a3b24),
    (0x2456c4, 0xffffff),
    (0xb9a0d6, 0x3c2464),
    (0xe79ab0, 0x7b1f3f),
    (0x6cb6d9, 0x12385c),
    (0xa63d2f, 0xf9e6c8),
    (0x7c8b3a, 0xfaf3d7),
    (0xff7f6b, 0x5a1836),
    (0xf7f6f2, 0x1b7f79),
    (0x5b3a29, 0xf3dcb3),
    (0xdfe7ea, 0x2b4c6f),
    (0x0f5e6e, 0xffc857),
    (0xffe08a, 0x2a4b3c),
    (0xf4e9f1, 0x8a2f6b),
];
