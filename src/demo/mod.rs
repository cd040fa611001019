//! The demonstration: enrols and sells invented products through the HTTP API.
//!
//! It is an ordinary client: it knows the addresses of the API and nothing of the services behind them. Its products and
//! pictures come from [`packages`].

mod client;
pub mod frames;
pub mod packages;
mod play;
mod print;
mod purchases;
mod table;

pub use client::{Client, DemoError};
pub use play::{DemoReport, play};
