//! `perennial catalog`: check a catalog file, publish it, move subscribers to what was published.

mod migrate;

use std::path::{Path, PathBuf};

use billing::catalog::{Catalog, CatalogProblem};
use usecases::{
    ports::Store,
    publish::{Published, publish as publish_catalog},
};

use crate::{failure::Failure, target::Target};

/// The catalog that the demo sells.
pub(crate) const STARTER: &str = include_str!("../data/catalog.toml");

/// Subcommands of `perennial catalog`.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Read a catalog file and say everything that is wrong with it.
    Check {
        /// The catalog file (TOML).
        file: PathBuf,
    },
    /// Check a catalog file and put it on sale.
    Publish {
        /// The catalog file (TOML).
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Move the subscribers of a plan to the version on sale, each from its next renewal on.
    Migrate(migrate::Args),
}

/// Runs the command.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Check { file } => {
            let catalog = read(&file)?;
            refuse(&file, &catalog.problems())?;
            println!("{}: {} plan versions, nothing to mend", file.display(), catalog.plans.len());
        }
        Command::Publish { file, target } => {
            let catalog = read(&file)?;
            refuse(&file, &catalog.problems())?;
            let opened = target.open().await?;
            let count = publish(opened.store(), &catalog).await?;
            let older = catalog.plans.len() - count;
            let note = if older > 0 {
                format!("; {older} older ones of the file are not: the highest version is")
            } else {
                String::new()
            };
            println!("{count} plan versions on sale{note}");
        }
        Command::Migrate(args) => migrate::run(args).await?,
    }
    Ok(())
}

fn read(file: &Path) -> Result<Catalog, Failure> {
    parse(&std::fs::read_to_string(file).map_err(|e| Failure::io("read", file, e))?)
}

/// Reads a catalog from TOML.
pub(crate) fn parse(text: &str) -> Result<Catalog, Failure> {
    toml::from_str(text).map_err(|e| Failure::because("understand the catalog", e))
}

fn refuse(file: &Path, problems: &[CatalogProblem]) -> Result<(), Failure> {
    if problems.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Err(Failure::because(format!("accept {}", file.display()), list.join("\n           ")))
}

/// Publishes; refuses changed versions.
pub(crate) async fn publish(store: &dyn Store, catalog: &Catalog) -> Result<usize, Failure> {
    match publish_catalog(store, catalog).await.map_err(|e| Failure::because("publish the catalog", e))? {
        Published::OnSale(count) => Ok(count),
        Published::Refused(problems) => {
            refuse(Path::new("the catalog"), &problems)?;
            Ok(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_catalog_has_nothing_to_mend() {
        assert_eq!(parse(STARTER).unwrap().problems(), []);
    }

    #[test]
    fn a_number_where_an_amount_is_text_is_refused() {
        let wrong = STARTER.replace("\"73.25\"", "73.25");
        assert!(parse(&wrong).is_err());
    }
}
