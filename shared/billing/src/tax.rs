//! Taxes: rates, what they come to, VAT numbers, and which rates hold between a seller and a customer.
//!
//! Exists so that the question "which tax?" ([`TaxEngine`], of which [`TaxTable`] is one answer) is apart from "how much?"
//! ([`compute`]), and both are pure.

mod checksum;
mod compute;
mod country;
mod rate;
mod settings;
mod table;
mod vat_id;

pub(crate) use compute::exact_taxes;
pub use compute::{LineTax, TaxLevel, TaxLine, TaxPolicy, TaxTotal, Taxed, TaxedLine, compute};
pub use country::is_known_country;
pub(crate) use rate::on_top;
pub use rate::{TaxBase, TaxRate, TaxTreatment};
pub use settings::{Prices, TaxSettings, Taxes};
pub use table::{
    BusinessFromAbroad, ClassRate, CountryTax, Registration, Seller, TaxCustomer, TaxEngine, TaxQuestion, TaxTable,
    TaxTableProblem,
};
pub use vat_id::{BadVatId, VatArea, VatId};

use crate::money::MoneyError;

/// Why a tax could not be said or computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaxError {
    /// The sum is not computable, or currencies met.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// Not a country code.
    #[error("{0:?} is not a country code; write two upper case letters (ISO 3166), such as DE")]
    Country(String),
    /// The table has nothing for the seller or a registration.
    #[error("the tax table has no rates for {country} on {on}; add them to the table")]
    NoRate {
        /// Which country.
        country: String,
        /// On which day.
        on: chrono::NaiveDate,
    },
    /// The table does not know the product class.
    #[error("the tax table has no product class {class:?}; it has: {known}")]
    UnknownClass {
        /// The one asked for.
        class: String,
        /// Which there are.
        known: String,
    },
    /// The VAT number belongs to another country than the customer.
    #[error("the customer is in {country} and the VAT number is of {number}; correct the address or the number")]
    VatIdOfOtherCountry {
        /// Of the address.
        country: String,
        /// Of the number.
        number: String,
    },
    /// The table itself.
    #[error("the tax table is not valid: {0}")]
    Table(String),
}
