//! The demonstration: invented products drawn by our own code, enrolled and sold through the HTTP API.
//!
//! It is a client like any other: it knows the API's addresses and nothing of the services behind them, so what it shows
//! is what a store's own program would get. Its products and pictures come from [`packages`].

mod client;
pub mod packages;
mod play;
mod print;

pub use client::{Client, DemoError};
pub use play::{Report, play};
