//! The invented product lines with their packages, sizes, prices and flavours, and the parts of invented brand names.
//!
//! Invariants: the flavours of one line have different names; prices are in minor units of the demonstration's currency. The
//! brand names are invented; no product of a real maker is meant.

use super::PackageKind;
use super::canvas::{Colour, hex};
use super::icon::Icon;

/// A flavour: its name, its colour and the icon on the label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flavour {
    pub(super) name: &'static str,
    pub(super) colour: Colour,
    pub(super) icon: Icon,
}

const fn flavour(name: &'static str, code: u32, icon: Icon) -> Flavour {
    Flavour { name, colour: hex(code), icon }
}

/// A product line: its noun, its package, its sizes with their price range, its flavours.
#[derive(Debug)]
pub(super) struct ProductLine {
    pub(super) noun: &'static str,
    pub(super) kind: PackageKind,
    pub(super) sizes: &'static [&'static str],
    pub(super) price: (i64, i64),
    pub(super) flavours: &'static [Flavour],
}

const HONEY: Flavour = flavour("Honey", 0xe8a51e, Icon::Comb);
const COCOA: Flavour = flavour("Cocoa", 0x6a3f28, Icon::Squares);
const VANILLA: Flavour = flavour("Vanilla", 0xe9cf86, Icon::Flower);
const CARAMEL: Flavour = flavour("Caramel", 0xc9802e, Icon::Drop);
const HAZELNUT: Flavour = flavour("Hazelnut", 0xa4713d, Icon::Bean);
const STRAWBERRY: Flavour = flavour("Strawberry", 0xd7324a, Icon::Strawberry);
const BLUEBERRY: Flavour = flavour("Blueberry", 0x4a55a8, Icon::Berries);
const RASPBERRY: Flavour = flavour("Raspberry", 0xc42a63, Icon::Berries);
const CHERRY: Flavour = flavour("Cherry", 0xa91f35, Icon::Cherries);
const APRICOT: Flavour = flavour("Apricot", 0xf09a3e, Icon::Fruit);
const PEACH: Flavour = flavour("Peach", 0xf4a07c, Icon::Fruit);
const APPLE: Flavour = flavour("Apple", 0x86b53c, Icon::Fruit);
const PEAR: Flavour = flavour("Pear", 0xc3c550, Icon::Fruit);
const GRAPE: Flavour = flavour("Grape", 0x6d3d8f, Icon::Berries);
const MANGO: Flavour = flavour("Mango", 0xf6ab2f, Icon::Fruit);
const ORANGE: Flavour = flavour("Orange", 0xf18a22, Icon::Citrus);
const LEMON: Flavour = flavour("Lemon", 0xf2cf35, Icon::Citrus);
const LIME: Flavour = flavour("Lime", 0x8fc23f, Icon::Citrus);
const GRAPEFRUIT: Flavour = flavour("Grapefruit", 0xee7f6d, Icon::Citrus);
const MINT: Flavour = flavour("Mint", 0x4fae87, Icon::Leaves);
const GINGER: Flavour = flavour("Ginger", 0xc79a4c, Icon::Flower);
const CAMOMILE: Flavour = flavour("Camomile", 0xf0c94a, Icon::Flower);
const ROSEHIP: Flavour = flavour("Rosehip", 0xd2475f, Icon::Flower);
const TOMATO: Flavour = flavour("Tomato", 0xd63b27, Icon::Fruit);
const MUSHROOM: Flavour = flavour("Mushroom", 0xa98a6a, Icon::Mushroom);
const PUMPKIN: Flavour = flavour("Pumpkin", 0xe8842a, Icon::Fruit);
const LENTIL: Flavour = flavour("Lentil", 0x9a7b34, Icon::Bean);
const BASIL: Flavour = flavour("Basil", 0x3f8a3c, Icon::Leaves);
const ROSEMARY: Flavour = flavour("Rosemary", 0x5d8a66, Icon::Leaves);
const DILL: Flavour = flavour("Dill", 0x78a03f, Icon::Leaves);
const CHILLI: Flavour = flavour("Chilli", 0xc52a1d, Icon::Chilli);
const PAPRIKA: Flavour = flavour("Paprika", 0xd65a28, Icon::Chilli);
const SMOKY: Flavour = flavour("Smoky", 0x7a3a2a, Icon::Chilli);
const SEA_SALT: Flavour = flavour("Sea Salt", 0x3f8fc4, Icon::Crystal);
const CHEESE: Flavour = flavour("Cheese", 0xf1b436, Icon::Cheese);
const SPRING_ONION: Flavour = flavour("Spring Onion", 0x5fa850, Icon::Leaves);
const CLASSIC: Flavour = flavour("Classic", 0xcfa35a, Icon::Wheat);
const WHOLEGRAIN: Flavour = flavour("Wholegrain", 0xa77b3f, Icon::Wheat);
const DARK_ROAST: Flavour = flavour("Dark Roast", 0x4b2c20, Icon::Bean);
const MILD_ROAST: Flavour = flavour("Mild Roast", 0xb77a4a, Icon::Bean);
const ALMOND: Flavour = flavour("Almond", 0xc99a6b, Icon::Bean);
const SMOOTH: Flavour = flavour("Smooth", 0xc58b47, Icon::Bean);
const CRUNCHY: Flavour = flavour("Crunchy", 0x8a5a2c, Icon::Bean);
const WHOLE: Flavour = flavour("Whole", 0x2f72c2, Icon::Drop);
const LIGHT: Flavour = flavour("Light", 0x6fc0e4, Icon::Drop);
const COCONUT: Flavour = flavour("Coconut", 0x9a7a5c, Icon::Drop);
const BLOSSOM: Flavour = flavour("Blossom", 0xf0b93a, Icon::Comb);
const FOREST: Flavour = flavour("Forest", 0x8a5418, Icon::Comb);
const OLIVE: Flavour = flavour("Olive", 0xd8a92e, Icon::Fish);
const NATURAL: Flavour = flavour("Natural", 0x3a86b7, Icon::Fish);

const fn product_line(
    noun: &'static str,
    kind: PackageKind,
    sizes: &'static [&'static str],
    price: (i64, i64),
    flavours: &'static [Flavour],
) -> ProductLine {
    ProductLine { noun, kind, sizes, price, flavours }
}

pub(super) const PRODUCT_LINES: &[ProductLine] = &[
    product_line(
        "Granola",
        PackageKind::Box,
        &["375 g", "500 g"],
        (299, 549),
        &[HONEY, BLUEBERRY, COCOA, APPLE, HAZELNUT],
    ),
    product_line(
        "Corn Flakes",
        PackageKind::Box,
        &["375 g", "750 g"],
        (179, 399),
        &[CLASSIC, HONEY, COCOA, STRAWBERRY],
    ),
    product_line(
        "Tea",
        PackageKind::Box,
        &["20 bags", "40 bags"],
        (149, 379),
        &[MINT, LEMON, CAMOMILE, ROSEHIP, GINGER],
    ),
    product_line("Crackers", PackageKind::Box, &["150 g", "200 g"], (129, 279), &[SEA_SALT, ROSEMARY, CHEESE, PAPRIKA]),
    product_line("Biscuits", PackageKind::Box, &["200 g", "300 g"], (119, 329), &[VANILLA, COCOA, LEMON, HAZELNUT]),
    product_line("Oat Bars", PackageKind::Box, &["6 x 25 g"], (199, 349), &[APPLE, HONEY, RASPBERRY, ALMOND]),
    product_line("Rice Mix", PackageKind::Box, &["250 g"], (159, 299), &[MUSHROOM, TOMATO, BASIL, CHILLI]),
    product_line("Soup", PackageKind::Can, &["400 g"], (129, 279), &[TOMATO, MUSHROOM, PUMPKIN, LENTIL]),
    product_line("Baked Beans", PackageKind::Can, &["400 g"], (89, 189), &[CLASSIC, TOMATO, SMOKY, CHILLI]),
    product_line("Tuna", PackageKind::Tin, &["160 g"], (149, 329), &[OLIVE, NATURAL, CHILLI, LEMON]),
    product_line("Pate", PackageKind::Tin, &["125 g"], (149, 299), &[MUSHROOM, TOMATO, ROSEMARY]),
    product_line("Fizz", PackageKind::SlimCan, &["330 ml"], (79, 169), &[ORANGE, LEMON, CHERRY, GRAPEFRUIT, GINGER]),
    product_line("Sparkling", PackageKind::SlimCan, &["250 ml", "330 ml"], (69, 149), &[LIME, PEACH, RASPBERRY, MINT]),
    product_line("Juice", PackageKind::Bottle, &["750 ml", "1 l"], (169, 399), &[ORANGE, APPLE, GRAPE, MANGO, CHERRY]),
    product_line("Ice Tea", PackageKind::Bottle, &["500 ml"], (99, 199), &[LEMON, PEACH, MINT, RASPBERRY]),
    product_line(
        "Olive Oil",
        PackageKind::Bottle,
        &["500 ml", "750 ml"],
        (599, 1199),
        &[CLASSIC, BASIL, CHILLI, LEMON],
    ),
    product_line("Sauce", PackageKind::Bottle, &["300 ml"], (149, 329), &[TOMATO, SMOKY, CHILLI, MANGO]),
    product_line("Syrup", PackageKind::Bottle, &["500 ml"], (249, 499), &[RASPBERRY, MINT, VANILLA, CARAMEL]),
    product_line(
        "Crisps",
        PackageKind::Pouch,
        &["150 g", "175 g"],
        (129, 269),
        &[SEA_SALT, PAPRIKA, CHEESE, SPRING_ONION],
    ),
    product_line(
        "Coffee",
        PackageKind::Pouch,
        &["250 g", "500 g"],
        (449, 1099),
        &[DARK_ROAST, MILD_ROAST, VANILLA, HAZELNUT],
    ),
    product_line("Gums", PackageKind::Pouch, &["200 g"], (99, 199), &[STRAWBERRY, APPLE, PEACH, LIME]),
    product_line("Popcorn", PackageKind::Pouch, &["90 g", "120 g"], (119, 249), &[SEA_SALT, CARAMEL, CHEESE, COCONUT]),
    product_line(
        "Muesli",
        PackageKind::Pouch,
        &["500 g", "750 g"],
        (249, 499),
        &[BLUEBERRY, APPLE, ALMOND, WHOLEGRAIN],
    ),
    product_line("Milk", PackageKind::Carton, &["500 ml", "1 l"], (99, 219), &[WHOLE, LIGHT, COCOA, VANILLA]),
    product_line("Oat Drink", PackageKind::Carton, &["1 l"], (159, 279), &[CLASSIC, VANILLA, COCOA, COCONUT]),
    product_line("Nectar", PackageKind::Carton, &["1 l"], (149, 289), &[PEACH, PEAR, MANGO, APRICOT]),
    product_line("Custard", PackageKind::Carton, &["500 ml"], (129, 239), &[VANILLA, CARAMEL, COCOA]),
    product_line(
        "Jam",
        PackageKind::Jar,
        &["225 g", "340 g"],
        (179, 399),
        &[STRAWBERRY, APRICOT, BLUEBERRY, CHERRY, RASPBERRY],
    ),
    product_line("Honey", PackageKind::Jar, &["250 g", "500 g"], (349, 799), &[BLOSSOM, FOREST, LEMON]),
    product_line("Peanut Butter", PackageKind::Jar, &["350 g"], (249, 449), &[SMOOTH, CRUNCHY, COCOA]),
    product_line("Pickles", PackageKind::Jar, &["330 g", "670 g"], (149, 329), &[DILL, CHILLI, HONEY]),
    product_line("Pesto", PackageKind::Jar, &["190 g"], (199, 399), &[BASIL, TOMATO, ALMOND]),
];

/// First parts of invented brand names.
pub(super) const BRAND_PREFIXES: &[&str] = &[
    "Brin", "Kess", "Ovan", "Lumi", "Pell", "Tarn", "Mor", "Fenn", "Salt", "Quill", "Haver", "Zel", "Dun", "Wren",
    "Orla", "Cald", "Mirr", "Vesp", "Thim", "Roo", "Juni", "Bram", "Nord", "Ember", "Sorr", "Plum", "Hark", "Cobb",
    "Isla", "Gavo", "Tilda", "Yarr",
];
/// Second parts of invented brand names.
pub(super) const BRAND_SUFFIXES: &[&str] = &[
    "low", "mere", "vale", "wick", "by", "field", "ova", "ling", "dell", "more", "ham", "sa", "to", "nel", "berg",
    "stead", "ola", "worth", "kin", "etta",
];
/// Colours that a designer would combine: (base, second colour).
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
