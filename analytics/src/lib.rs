#![doc = include_str!("../README.md")]

mod calendar;
mod checks;
mod cube;
mod error;
mod figures;
mod format;
mod html;
mod input;
mod intern;
mod manifest;
mod marts;
mod options;
mod query;
mod reports;
mod run;
mod scan;
mod tables;
mod write;

pub use checks::Check;
pub use error::ReportError;
pub use figures::{Figure, Figures, Ratio};
pub use input::{Export, Input, Shard, find_export};
pub use marts::Mart;
pub use options::{AsOf, Options};
pub use reports::Report;
pub use run::{Summary, Written, run};
