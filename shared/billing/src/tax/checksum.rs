//! The check digits of VAT numbers, as the member states publish them; a table of weights where weights are all there is.
//!
//! Exists apart from the forms, because a form is data and these are small computations. A number whose scheme has no public
//! check (old Czech and Latvian personal numbers, authorities of GB) passes by its form.

use super::vat_id::VatArea;

/// Whether the check digits of `number`, which has the form of `area`, fit.
pub(super) fn holds(area: VatArea, number: &str) -> bool {
    let d: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
    // Zeros pass every sum, and nobody has them.
    d.iter().any(|digit| *digit > 0) && check(area, number, &d).unwrap_or(false)
}

/// The table. None: digits that the form promised are not there.
fn check(area: VatArea, number: &str, d: &[u32]) -> Option<bool> {
    let (last, front) = d.split_last().map_or((0, &[][..]), |(l, f)| (*l, f));
    Some(match area {
        VatArea::AT => (10 - (doubled(front, 1) + 4) % 10) % 10 == last,
        VatArea::BE => 97 - value(d.get(..8)?) % 97 == value(d.get(8..)?),
        VatArea::BG if d.len() == 9 => {
            weighed_twice(front, &[1, 2, 3, 4, 5, 6, 7, 8], &[3, 4, 5, 6, 7, 8, 9, 10]) == last
        }
        VatArea::BG => bulgarian_person(front, last),
        VatArea::CH => to_eleven(weighed(front, &[5, 4, 3, 2, 7, 6, 5, 4])) == last,
        VatArea::CY => cypriot(number, d)?,
        VatArea::CZ => czech(d),
        VatArea::DE | VatArea::HR => product_of_eleven(front) == last,
        VatArea::DK => weighed(d, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11),
        VatArea::EE => (10 - weighed(front, &[3, 7, 1, 3, 7, 1, 3, 7]) % 10) % 10 == last,
        VatArea::EL => weighed(front, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == last,
        VatArea::ES => spanish(number, d)?,
        VatArea::FI => to_eleven(weighed(front, &[7, 9, 10, 5, 8, 4, 2])) == last,
        VatArea::FR => french(number)?,
        VatArea::GB | VatArea::XI => british(number, d)?,
        VatArea::HU => (10 - weighed(front, &[9, 7, 3, 1, 9, 7, 3]) % 10) % 10 == last,
        VatArea::IE => irish(number)?,
        VatArea::IT => luhn(d),
        VatArea::LT => lithuanian(d)?,
        VatArea::LU => value(d.get(..6)?) % 89 == value(d.get(6..)?),
        // Personal numbers begin with a date (0 to 3) and have no public check.
        VatArea::LV => *d.first()? <= 3 || weighed(d, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1]) % 11 == 3,
        VatArea::MT => weighed(d, &[3, 4, 6, 7, 8, 9, 10, 1]).is_multiple_of(37),
        VatArea::NL => dutch(number, d)?,
        VatArea::NO => to_eleven(weighed(front, &[3, 2, 7, 6, 5, 4, 3, 2])) == last,
        VatArea::PL => weighed(front, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == last,
        VatArea::PT => to_eleven(weighed(front, &[9, 8, 7, 6, 5, 4, 3, 2])) % 10 == last,
        VatArea::RO => romanian(front) == last,
        VatArea::SE => luhn(d.get(..10)?) && (1..=94).contains(&value(d.get(10..)?)),
        VatArea::SI => {
            let check = 11 - weighed(front, &[8, 7, 6, 5, 4, 3, 2]) % 11;
            *d.first()? != 0 && check != 11 && check % 10 == last
        }
        // A multiple of eleven; old personal numbers end in 0 where that would take a ten.
        VatArea::SK => value(front) % 11 % 10 == u64::from(last),
    })
}

/// Digits as one number; at most twelve of them.
fn value(digits: &[u32]) -> u64 {
    digits.iter().fold(0, |n, d| n * 10 + u64::from(*d))
}

fn weighed(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(d, w)| d * w).sum()
}

/// What is missing to a multiple of eleven. Ten is no digit: numbers that would need it are not given.
fn to_eleven(sum: u32) -> u32 {
    (11 - sum % 11) % 11
}

/// Weighed modulo eleven; if that gives ten, with the second weights; if again, zero.
fn weighed_twice(digits: &[u32], first: &[u32], second: &[u32]) -> u32 {
    match weighed(digits, first) % 11 {
        10 => weighed(digits, second) % 11 % 10,
        rest => rest,
    }
}

/// The sum of digits in which every second one, from place `from` (counted from 0), is doubled and its digits added.
fn doubled(digits: &[u32], from: usize) -> u32 {
    let one = |(place, d): (usize, &u32)| if place % 2 == from % 2 { 2 * d / 10 + 2 * d % 10 } else { *d };
    digits.iter().enumerate().map(one).sum()
}

fn luhn(digits: &[u32]) -> bool {
    doubled(digits, digits.len() % 2).is_multiple_of(10)
}

/// ISO 7064, modulo 11, 10.
fn product_of_eleven(digits: &[u32]) -> u32 {
    let step = |product: u32, d: &u32| {
        let sum = (product + d) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    };
    (11 - digits.iter().fold(10, step)) % 10
}

/// Citizens, foreigners and others have schemes of their own.
fn bulgarian_person(front: &[u32], last: u32) -> bool {
    let citizen = weighed(front, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    let foreigner = weighed(front, &[21, 19, 17, 13, 11, 9, 7, 3, 1]) % 10;
    let other = to_eleven(weighed(front, &[4, 3, 2, 7, 6, 5, 4, 3, 2]));
    [citizen, foreigner, other].contains(&last)
}

fn cypriot(number: &str, d: &[u32]) -> Option<bool> {
    const ODD_PLACES: [u32; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let mut sum = 0;
    for (place, digit) in d.iter().enumerate() {
        sum += if place % 2 == 0 { *ODD_PLACES.get(usize::try_from(*digit).ok()?)? } else { *digit };
    }
    let letter = char::from(b'A' + u8::try_from(sum % 26).ok()?);
    Some(number.ends_with(letter) && !number.starts_with("12"))
}

/// Companies have eight digits; people ten, or nine of before 1954 without a check.
fn czech(d: &[u32]) -> bool {
    match d {
        [front @ .., last] if front.len() == 7 => {
            let check = (11 - weighed(front, &[8, 7, 6, 5, 4, 3, 2]) % 11) % 10;
            d.first() != Some(&9) && check == *last
        }
        // Some numbers of before 1985 end in 0 where the rest is ten.
        [front @ .., last] if front.len() == 9 => value(front) % 11 % 10 == u64::from(*last),
        _ => true,
    }
}

fn spanish(number: &str, d: &[u32]) -> Option<bool> {
    const PEOPLE: &str = "TRWAGMYFPDXBNJZSQVHLCKE";
    const COMPANIES: &str = "JABCDEFGHI";
    let (first, last) = (number.chars().next()?, number.chars().next_back()?);
    let letter_of = |n: u64| PEOPLE.chars().nth(usize::try_from(n % 23).ok()?);
    let people = match first {
        '0'..='9' => Some(value(d)),
        'K' | 'L' | 'M' | 'X' => Some(value(d)),
        'Y' => Some(10_000_000 + value(d)),
        'Z' => Some(20_000_000 + value(d)),
        _ => None,
    };
    if let Some(n) = people {
        return Some(letter_of(n) == Some(last));
    }
    if !"ABCDEFGHJNPQRSUVW".contains(first) {
        return Some(false);
    }
    let check = (10 - doubled(d.get(..7)?, 0) % 10) % 10;
    let letter = COMPANIES.chars().nth(usize::try_from(check).ok()?)?;
    // Which kinds have the digit and which the letter is stated differently; both are accepted for all.
    Some(last.to_digit(10) == Some(check) || last == letter)
}

/// Two key characters and a SIREN; keys of the new kind have letters other than I and O.
fn french(number: &str) -> Option<bool> {
    const KEY: &str = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let (key, siren) = number.split_at_checked(2)?;
    let digits: Vec<u32> = siren.chars().filter_map(|c| c.to_digit(10)).collect();
    // Monaco's numbers have no SIREN.
    if !siren.starts_with("000") && !luhn(&digits) {
        return Some(false);
    }
    let n = value(&digits);
    if let Ok(key) = key.parse::<u64>() {
        return Some(key == (n * 100 + 12) % 97);
    }
    let mut places = key.chars().map(|c| KEY.find(c).and_then(|p| u64::try_from(p).ok()));
    let (Some(Some(first)), Some(Some(second))) = (places.next(), places.next()) else { return Some(false) };
    let sum = if first < 10 { first * 24 + second } else { first * 34 + second }.checked_sub(if first < 10 {
        10
    } else {
        100
    })?;
    Some((n + 1 + sum / 11) % 11 == sum % 11)
}

/// Government departments (GD) and health authorities (HA) have ranges; companies two check digits, in an old and a new way.
fn british(number: &str, d: &[u32]) -> Option<bool> {
    if number.starts_with("GD") {
        return Some(value(d) < 500);
    }
    if number.starts_with("HA") {
        return Some(value(d) >= 500);
    }
    let rest = weighed(d.get(..9)?, &[8, 7, 6, 5, 4, 3, 2, 10, 1]) % 97;
    // The new way adds 55; its numbers begin at 100.
    Some(rest == 0 || (value(d.get(..3)?) >= 100 && [42, 55].contains(&rest)))
}

fn irish(number: &str) -> Option<bool> {
    const LETTERS: &str = "WABCDEFGHIJKLMNOPQRSTUV";
    let chars: Vec<char> = number.chars().collect();
    let second = *chars.get(1)?;
    let check = *chars.get(7)?;
    let extra = match chars.get(8) {
        Some(c) => u32::try_from(LETTERS.find(*c)?).ok()?,
        None => 0,
    };
    let digit = |place: usize| chars.get(place).and_then(|c| c.to_digit(10));
    // Old numbers have a letter (or + or *) in second place and their first digit counts last.
    let digits: Option<Vec<u32>> = match second {
        '0'..='9' => (0..7).map(digit).collect(),
        _ => [Some(0)].into_iter().chain((2..7).map(digit)).chain([digit(0)]).collect(),
    };
    let sum = weighed(&digits?, &[8, 7, 6, 5, 4, 3, 2]) + 9 * extra;
    Some(LETTERS.chars().nth(usize::try_from(sum % 23).ok()?) == Some(check))
}

/// Nine digits for companies, twelve for people and temporary numbers; the digit before the check is always 1.
fn lithuanian(d: &[u32]) -> Option<bool> {
    let (last, front) = d.split_last()?;
    let check = if d.len() == 9 {
        weighed_twice(front, &[1, 2, 3, 4, 5, 6, 7, 8], &[3, 4, 5, 6, 7, 8, 9, 1])
    } else {
        weighed_twice(front, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2], &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4])
    };
    Some(front.last() == Some(&1) && check == *last)
}

/// Companies weigh to eleven; since 2020 sole traders have numbers checked by ISO 7064 modulo 97 over all characters.
fn dutch(number: &str, d: &[u32]) -> Option<bool> {
    let (last, front) = d.get(..9)?.split_last()?;
    let company = weighed(front, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == *last;
    let mut rest = 0;
    for c in "NL".chars().chain(number.chars()) {
        let n = c.to_digit(36)?;
        rest = (rest * (if n < 10 { 10 } else { 100 }) + n) % 97;
    }
    Some(company || rest == 1)
}

/// The number is as if filled with zeros in front.
fn romanian(front: &[u32]) -> u32 {
    let sum: u32 = front.iter().rev().zip([2, 3, 5, 7, 1, 2, 3, 5, 7]).map(|(d, w)| d * w).sum();
    sum * 10 % 11 % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers at the edges of the schemes, computed by the published weights apart from this code.
    const GOOD: &[(VatArea, &str)] = &[
        (VatArea::AT, "U12345675"),
        (VatArea::AT, "U98765434"),
        (VatArea::BE, "0428701297"),
        // A citizen's, a foreigner's, and another's.
        (VatArea::BG, "3555125757"),
        (VatArea::BG, "3555125758"),
        (VatArea::BG, "3555125754"),
        (VatArea::CH, "107787620"),
        (VatArea::CZ, "25123980"),
        (VatArea::CZ, "7103192790"),
        (VatArea::CZ, "8001011238"),
        // Of before 1954: nothing to check.
        (VatArea::CZ, "640903129"),
        (VatArea::DE, "136696090"),
        (VatArea::EL, "094259230"),
        (VatArea::FI, "20774740"),
        // A letter in first place is counted by other factors than a digit; Monaco has no SIREN.
        (VatArea::FR, "A9303265045"),
        (VatArea::FR, "0H303265045"),
        (VatArea::FR, "3J303265045"),
        (VatArea::FR, "AA399859412"),
        (VatArea::FR, "20000034567"),
        (VatArea::GB, "GD499"),
        (VatArea::GB, "HA999"),
        // The old way and the new way of two check digits.
        (VatArea::GB, "099000077"),
        (VatArea::GB, "100000089"),
        (VatArea::GB, "100000047"),
        (VatArea::GB, "100000034"),
        (VatArea::IE, "1234567T"),
        (VatArea::LT, "100000810"),
        (VatArea::LV, "32579461005"),
        // The first is a company's, the second a sole trader's.
        (VatArea::NL, "004495445B01"),
        (VatArea::NL, "123456789B13"),
        (VatArea::NO, "995525860"),
        (VatArea::PT, "501964860"),
        (VatArea::PT, "501964940"),
        (VatArea::RO, "11854840"),
        (VatArea::RO, "12345674"),
        (VatArea::RO, "1596"),
        (VatArea::RO, "247362008"),
        (VatArea::SE, "123456789794"),
        (VatArea::SI, "10000020"),
        (VatArea::SK, "2022749070"),
    ];

    /// Numbers beside the edges.
    const BAD: &[(VatArea, &str)] = &[
        // Cyprus gives no numbers that begin with 12, the Czech Republic no companies that begin with 9.
        (VatArea::CY, "12345678F"),
        (VatArea::CZ, "90000013"),
        (VatArea::GB, "GD500"),
        (VatArea::GB, "HA499"),
        // The new way began at 100.
        (VatArea::GB, "099000035"),
        // As an old number with a letter in second place would be counted.
        (VatArea::IE, "1234567B"),
        (VatArea::LT, "100000026"),
        (VatArea::LV, "40003521601"),
        (VatArea::BG, "3555125750"),
        (VatArea::NL, "002455798B11"),
        (VatArea::NL, "002455799B21"),
        (VatArea::NL, "004495446B01"),
        (VatArea::SE, "123456788701"),
        (VatArea::SE, "123456789700"),
        (VatArea::SE, "123456789795"),
        (VatArea::SI, "01234579"),
        (VatArea::SI, "10000071"),
    ];

    #[test]
    fn the_edges_of_each_scheme_are_those_that_its_state_publishes() {
        for (area, good) in GOOD {
            assert!(holds(*area, good), "{area} {good}");
        }
        for (area, bad) in BAD {
            assert!(!holds(*area, bad), "{area} {bad}");
        }
    }

    #[test]
    fn where_the_check_would_be_ten_no_digit_fits() {
        for (area, front) in [(VatArea::CH, "10778759"), (VatArea::FI, "2077488"), (VatArea::NO, "99552595")] {
            assert!((0..10).all(|last| !holds(area, &format!("{front}{last}"))), "{area} {front}");
        }
    }

    #[test]
    fn zeros_are_nobodys_number_though_they_pass_every_sum() {
        for (area, zeros) in [(VatArea::DK, 8), (VatArea::FI, 8), (VatArea::IT, 11), (VatArea::SK, 10)] {
            let number = "0".repeat(zeros);
            assert_eq!(check(area, &number, &vec![0; zeros]), Some(true), "{area}");
            assert!(!holds(area, &number), "{area}");
        }
    }
}
