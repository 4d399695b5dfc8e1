//! Country codes: those that ISO 3166-1 has assigned, and Kosovo's.
//!
//! Exists because a code that nobody has (a typing error, `ZZ`) would lie abroad, and what is sold abroad is sold without tax.

/// ISO 3166-1 alpha-2, in the order of the alphabet.
const ASSIGNED: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Not assigned by ISO 3166-1, and what the European Union and card networks write for Kosovo.
const KOSOVO: &str = "XK";

/// Whether a country has this code.
pub(super) fn is_country(code: &str) -> bool {
    code == KOSOVO || (code.len() == 2 && ASSIGNED.split(' ').any(|assigned| assigned == code))
}

/// What is written for a country or a part of one in VAT numbers and on forms: Greece, the United Kingdom, Northern Ireland.
const ALSO_WRITTEN: [&str; 3] = ["EL", "UK", "XI"];

/// Whether a customer may be said to live there: a country's code (ISO 3166-1 alpha-2, or `XK`), or what tax offices write
/// for one. Asked before anything is stored, because a renewal has nobody to ask.
#[must_use]
pub fn is_known_country(code: &str) -> bool {
    is_country(code) || ALSO_WRITTEN.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_table_has_for_another_country_is_known_too() {
        let table = crate::tax::TaxTable::built_in().unwrap();
        assert!(table.belongs_to.keys().all(|code| is_known_country(code)), "{:?}", table.belongs_to);
        assert!(is_known_country("EL") && is_known_country("DE") && !is_known_country("ZZ"));
    }

    #[test]
    fn a_country_is_one_that_has_its_code() {
        assert_eq!(ASSIGNED.split(' ').count(), 249);
        assert!(["AD", "DE", "TR", "US", "XK", "ZW"].into_iter().all(is_country));
        assert!(!["ZZ", "XX", "QQ", "DD", "UK", "de", "D", "AD AE", " ", ""].into_iter().any(is_country));
    }
}
