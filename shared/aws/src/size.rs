//! How large an item is by DynamoDB's rules, which decide what it costs.
//!
//! Exists for the size budgets: a kilobyte begun is a write unit.

use serde_dynamo::AttributeValue;

use crate::item::Attributes;

/// The bytes that DynamoDB counts for an item: UTF-8 names and values.
#[must_use]
pub fn item_size(item: &Attributes) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

/// Numbers take a byte for two digits and one more; lists and maps 3 bytes and 1 for each element.
fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number_size(number),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::L(list) => 3 + list.iter().map(|v| 1 + value_size(v)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.iter().map(|(name, v)| 1 + name.len() + value_size(v)).sum::<usize>(),
        AttributeValue::Ss(set) => set.iter().map(String::len).sum(),
        AttributeValue::Ns(set) => set.iter().map(|n| number_size(n)).sum(),
        AttributeValue::Bs(set) => set.iter().map(Vec::len).sum(),
    }
}

fn number_size(number: &str) -> usize {
    let digits = number.trim_start_matches('-').replace('.', "");
    let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
    let sign = usize::from(number.starts_with('-'));
    significant.div_ceil(2) + 1 + sign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_published_rules() {
        let item = Attributes::from([
            ("pk".to_owned(), AttributeValue::S("cus_ä".into())),
            ("v".to_owned(), AttributeValue::N("12345".into())),
            ("l".to_owned(), AttributeValue::L(vec![AttributeValue::Bool(true), AttributeValue::N("-1".into())])),
            ("m".to_owned(), AttributeValue::M(Attributes::from([("a".to_owned(), AttributeValue::S("bc".into()))]))),
        ]);
        // pk 2+6, v 1+4, l 1+3+(1+1)+(1+3), m 1+3+(1+1+2)
        assert_eq!(item_size(&item), 8 + 5 + 10 + 8);
    }
}
