//! Card numbers where they do not belong.
//!
//! Exists because a number that is stored or logged once puts the whole house under card-industry rules: it is found
//! before anything else reads the request, and the refusal names the field only.

use serde_json::Value;

/// Digits of a card number.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// The path of the first card number in `value` (`payment_method.token`, `items[2]`), never the number.
#[must_use]
pub fn find(value: &Value) -> Option<String> {
    let mut path = String::new();
    walk(value, &mut path).then(|| if path.is_empty() { "the body".into() } else { path })
}

/// Whether `path` now leads to a card number; otherwise `path` is as it was.
fn walk(value: &Value, path: &mut String) -> bool {
    let length = path.len();
    let found = match value {
        Value::String(text) => is_in(text),
        Value::Number(number) => is_in(number.to_string().trim_end_matches(".0")),
        Value::Array(items) => items.iter().enumerate().any(|(i, item)| {
            path.truncate(length);
            path.push_str(&format!("[{i}]"));
            walk(item, path)
        }),
        Value::Object(fields) => fields.iter().any(|(name, field)| {
            path.truncate(length);
            // A number as a field's name: the path stays with the parent, or it would quote the number.
            if is_in(name) {
                return true;
            }
            if length > 0 {
                path.push('.');
            }
            path.extend(name.chars().filter(|c| !c.is_control()).take(40));
            walk(field, path)
        }),
        Value::Null | Value::Bool(_) => false,
    };
    if !found {
        path.truncate(length);
    }
    found
}

/// Whether `text` is or holds a card number: groups of digits, parted by single spaces or dashes, that together have 13
/// to 19 digits and pass Luhn's check. Digits that belong to a word (`cus_1234…`) are not a number.
#[must_use]
pub(super) fn is_in(text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let runs = text.split(|c: char| !(is_word(c) || c == ' ' || c == '-'));
    runs.into_iter().any(|run| {
        let words: Vec<&str> = run.split([' ', '-']).collect();
        let groups = words.split(|w| w.is_empty() || !w.bytes().all(|b| b.is_ascii_digit()));
        groups.into_iter().any(any_card)
    })
}

/// Whether some neighbouring groups make a card number.
fn any_card(groups: &[&str]) -> bool {
    (0..groups.len()).any(|from| {
        let mut digits = String::new();
        groups[from..].iter().any(|group| {
            digits.push_str(group);
            DIGITS.contains(&digits.len()) && passes_luhn(&digits)
        })
    })
}

fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let digit = u32::from(b - b'0');
            match (i % 2, digit * 2) {
                (0, _) => digit,
                (_, doubled) if doubled > 9 => doubled - 9,
                (_, doubled) => doubled,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn card_numbers_are_found_wherever_they_are() {
        let cases = [
            (json!({"payment_method": {"token": "4242424242424242"}}), "payment_method.token"),
            (json!({"a": [1, {"b": "4242 4242-4242 4242"}]}), "a[1].b"),
            (json!({"quantity": 4_242_424_242_424_242_u64}), "quantity"),
            (json!({"quantity": 4_242_424_242_424_242.0}), "quantity"),
            (json!({"comment": "my card is 5555 5555 5555 4444, thanks"}), "comment"),
            (json!({"comment": "in 2027 378282246310005"}), "comment"),
            (json!({"x": {"4242424242424242": 1}}), "x"),
            (json!("4242424242424242"), "the body"),
        ];
        for (body, path) in cases {
            assert_eq!(find(&body).as_deref(), Some(path), "{body}");
        }
    }

    #[test]
    fn what_is_no_card_number_passes() {
        for text in
            ["4242424242424241", "cus_4242424242424242", "424242424242", "2027-02-28T00:00:00Z", "pm_card_visa", ""]
        {
            assert!(!is_in(text), "{text}");
        }
        assert_eq!(find(&json!({"a": [1, 2.5, null, true], "b": {"c": "d"}})), None);
    }

    #[test]
    fn a_long_row_of_digits_is_looked_at_in_linear_time() {
        assert!(!is_in(&"1-".repeat(2_000)));
        assert!(!is_in(&"7".repeat(60_000)));
    }
}
