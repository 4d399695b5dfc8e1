//! VAT numbers: their form and, where the algorithm is public, their check digits, for the EU, GB, XI, CH and NO.
//!
//! Exists so that a mistyped number is refused where it is typed. Whether a number is registered to this customer only the
//! authorities know (VIES, HMRC, BFS, Brreg); that look-up is an adapter's, not a rule.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::checksum;

/// A VAT number in its one form: prefix and number without spaces and dots, upper case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VatId {
    area: VatArea,
    number: String,
}

/// Where VAT numbers are given: the prefixes of the EU's VIES, and GB, CH (written CHE), NO (written NO…MVA).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr, strum::EnumIter)]
pub enum VatArea {
    /// Austria.
    AT,
    /// Belgium.
    BE,
    /// Bulgaria.
    BG,
    /// Switzerland.
    CH,
    /// Cyprus.
    CY,
    /// Czechia.
    CZ,
    /// Germany.
    DE,
    /// Denmark.
    DK,
    /// Estonia.
    EE,
    /// Greece.
    EL,
    /// Spain.
    ES,
    /// Finland.
    FI,
    /// France (and Monaco).
    FR,
    /// Great Britain.
    GB,
    /// Croatia.
    HR,
    /// Hungary.
    HU,
    /// Ireland.
    IE,
    /// Italy.
    IT,
    /// Lithuania.
    LT,
    /// Luxembourg.
    LU,
    /// Latvia.
    LV,
    /// Malta.
    MT,
    /// The Netherlands.
    NL,
    /// Norway.
    NO,
    /// Poland.
    PL,
    /// Portugal.
    PT,
    /// Romania.
    RO,
    /// Sweden.
    SE,
    /// Slovenia.
    SI,
    /// Slovakia.
    SK,
    /// Northern Ireland.
    XI,
}

/// Why a text is not a VAT number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadVatId {
    /// The prefix is not one of the areas.
    #[error("{0:?} does not begin with the country's prefix; write it in front, as in DE136695976 (Greece is EL)")]
    Prefix(String),
    /// The number has another form.
    #[error("VAT number {number} is not of the form of {area}: {form}")]
    Form {
        /// As it was understood.
        number: String,
        /// Of which area.
        area: VatArea,
        /// What it looks like: 9 is a digit, A a letter, X either.
        form: String,
    },
    /// The check digits do not fit.
    #[error("VAT number {number} has a typing error: its check digits do not fit")]
    CheckDigits {
        /// As it was understood.
        number: String,
    },
}

impl VatArea {
    /// The country's ISO 3166 code: GR for EL, GB for XI.
    #[must_use]
    pub fn country(self) -> &'static str {
        match self {
            Self::EL => "GR",
            Self::XI => "GB",
            other => other.into(),
        }
    }

    /// The forms that numbers have after the prefix: 9 is a digit, A a letter, X either; other characters are themselves.
    #[must_use]
    pub fn forms(self) -> &'static [&'static str] {
        match self {
            Self::AT => &["U99999999"],
            Self::BE => &["0999999999", "1999999999"],
            Self::BG => &["999999999", "9999999999"],
            Self::CY => &["99999999A"],
            Self::CZ => &["99999999", "999999999", "9999999999"],
            Self::DE | Self::EE | Self::EL | Self::PT => &["999999999"],
            Self::CH => &["999999999"],
            Self::NO => &["999999999"],
            Self::DK | Self::FI | Self::HU | Self::LU | Self::MT | Self::SI => &["99999999"],
            Self::ES => &["A9999999X", "99999999A"],
            Self::FR => &["XX999999999"],
            Self::GB | Self::XI => &["999999999", "999999999999", "GD999", "HA999"],
            Self::HR | Self::IT | Self::LV => &["99999999999"],
            Self::IE => &["9999999A", "9999999AA", "9X99999A"],
            Self::LT => &["999999999", "999999999999"],
            Self::NL => &["999999999B99"],
            Self::PL | Self::SK => &["9999999999"],
            Self::RO => &["99", "999", "9999", "99999", "999999", "9999999", "99999999", "999999999", "9999999999"],
            Self::SE => &["999999999999"],
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "GR" => Some(Self::EL),
            "UK" => Some(Self::GB),
            _ => text.parse().ok(),
        }
    }
}

impl fmt::Display for VatArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str((*self).into())
    }
}

impl VatId {
    /// The VAT number that a person typed: white space, dots, dashes and slashes are dropped, case is ignored, GR is read as
    /// EL, and the endings of Swiss (MWST, TVA, IVA) and Norwegian (MVA) numbers may be there or not.
    ///
    /// # Errors
    /// [`BadVatId`], with the form that the country's numbers have.
    pub fn try_new(text: &str) -> Result<Self, BadVatId> {
        let kept =
            text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '.' | '-' | '/' | '\u{2010}'..='\u{2015}'));
        let text: String = kept.map(|c| c.to_ascii_uppercase()).take(24).collect();
        let bad = || BadVatId::Prefix(text.clone());
        let (prefix, rest) = text.split_at_checked(2).ok_or_else(bad)?;
        let area = VatArea::parse(prefix).ok_or_else(bad)?;
        let id = Self { area, number: body(area, rest).to_owned() };
        let number = id.to_string();
        if !area.forms().iter().any(|form| fits(form, &id.number)) {
            return Err(BadVatId::Form { number, area, form: area.forms().join(" or ") });
        }
        if checksum::holds(area, &id.number) { Ok(id) } else { Err(BadVatId::CheckDigits { number }) }
    }

    /// Who gave it.
    #[must_use]
    pub fn area(&self) -> VatArea {
        self.area
    }

    /// The number without its prefix.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.number
    }
}

/// What follows the prefix, without what Swiss and Norwegian numbers have around the digits.
fn body(area: VatArea, rest: &str) -> &str {
    match area {
        VatArea::CH => {
            let digits = rest.strip_prefix('E').unwrap_or(rest);
            ["MWST", "TVA", "IVA", "VAT"].iter().find_map(|end| digits.strip_suffix(end)).unwrap_or(digits)
        }
        VatArea::NO => rest.strip_suffix("MVA").unwrap_or(rest),
        _ => rest,
    }
}

fn fits(form: &str, number: &str) -> bool {
    let like = |(form, c): (char, char)| match form {
        '9' => c.is_ascii_digit(),
        'A' => c.is_ascii_uppercase(),
        'X' => c.is_ascii_digit() || c.is_ascii_uppercase(),
        itself => itself == c,
    };
    form.len() == number.len() && form.chars().zip(number.chars()).all(like)
}

impl fmt::Display for VatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.area {
            VatArea::CH => write!(f, "CHE{}", self.number),
            VatArea::NO => write!(f, "NO{}MVA", self.number),
            area => write!(f, "{area}{}", self.number),
        }
    }
}

impl TryFrom<String> for VatId {
    type Error = BadVatId;
    fn try_from(text: String) -> Result<Self, BadVatId> {
        Self::try_new(&text)
    }
}

impl From<VatId> for String {
    fn from(id: VatId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    /// Numbers of the areas' public registers and documents, at least one of each area; some are computed by the published
    /// rules, where those of a register cannot tell two rules apart.
    const GOOD: &[&str] = &[
        "ATU13585627",
        "BE0428759497",
        "BE0403.019.261",
        "BG175074752",
        "BG7523169263",
        "CHE-107.787.577 IVA",
        "CHE107787577",
        "CY10259033P",
        "CZ25123891",
        "CZ7103192745",
        "DE136695976",
        "DE 136 695 976",
        "DE111299857",
        "DK13585628",
        "EE100931558",
        "EL094259216",
        "GR 023456780",
        "ESA13585625",
        "ES54362315K",
        "ESX5253868R",
        "ESJ99216582",
        "ESY5926546N",
        "ESZ8327649K",
        "FI20774740",
        "FR40303265045",
        "FR83404833048",
        "FRK7399859412",
        "GB980780684",
        "GBGD001",
        "GBHA500",
        "HR33392005961",
        "HU12892312",
        "IE6433435F",
        "IE6433435OA",
        "IE8D79739I",
        "IT00743110157",
        "LT119511515",
        "LT100001919017",
        "LU15027442",
        "LV40003521600",
        "MT11679112",
        "NL004495445B01",
        "NL002455799B11",
        "NO995525828MVA",
        "no 995 525 828",
        "PL8567346215",
        "PT501964843",
        "RO18547290",
        "SE123456789701",
        "SI50223054",
        "SI10123458",
        "SK2022749619",
        "XI980780684",
        "UK 980 7806 84",
    ];

    #[test]
    fn numbers_of_every_area_are_read() {
        for text in GOOD {
            let id = VatId::try_new(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
            assert_eq!(VatId::try_new(&id.to_string()), Ok(id.clone()), "{text}");
        }
        let seen = |area: VatArea| GOOD.iter().any(|t| VatId::try_new(t).unwrap().area() == area);
        assert!(VatArea::iter().all(seen));
    }

    #[test]
    fn numbers_are_written_as_their_state_writes_them_and_name_its_country() {
        for (text, written, country) in [
            ("DE 136 695 976", "DE136695976", "DE"),
            ("GR 023456780", "EL023456780", "GR"),
            ("UK980780684", "GB980780684", "GB"),
            ("xi980780684", "XI980780684", "GB"),
            ("CHE-107.787.577", "CHE107787577", "CH"),
            ("CH107787577MWST", "CHE107787577", "CH"),
            ("NO995525828", "NO995525828MVA", "NO"),
        ] {
            let id = VatId::try_new(text).unwrap();
            assert_eq!((id.to_string().as_str(), id.area().country()), (written, country), "{text}");
        }
    }

    /// Every digit of a checked number protects: another one in its place is refused. (Old Czech and Latvian personal
    /// numbers and the health authorities of GB have no check digits; Bulgaria's ten digits have three schemes.)
    #[test]
    fn one_wrong_digit_is_a_typing_error() {
        let free = ["GBGD001", "GBHA500", "BG7523169263", "NL002455799B11", "NL004495445B01"];
        for text in GOOD.iter().filter(|t| !free.contains(t)) {
            let id = VatId::try_new(text).unwrap();
            let last = id.number().char_indices().rfind(|(_, c)| c.is_ascii_digit()).unwrap().0;
            let digit = id.number()[last..=last].parse::<u32>().unwrap();
            let wrong = format!("{}{}{}", &id.number()[..last], (digit + 1) % 10, &id.number()[last + 1..]);
            // The last two digits of a Swedish number count branches; they are a range and not a check.
            let refused = VatId::try_new(&format!("{}{wrong}", id.area())).is_err();
            assert!(refused || id.area() == VatArea::SE, "{text} -> {wrong}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let say = |text: &str| VatId::try_new(text).unwrap_err().to_string();
        assert_eq!(
            say("136695976"),
            "\"136695976\" does not begin with the country's prefix; write it in front, as in DE136695976 (Greece is EL)"
        );
        assert_eq!(say("DE1366"), "VAT number DE1366 is not of the form of DE: 999999999");
        assert_eq!(say("DE136695977"), "VAT number DE136695977 has a typing error: its check digits do not fit");
        assert!(say("").contains("prefix") && say("ÄÖ1").contains("prefix"));
    }
}
