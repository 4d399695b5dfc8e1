//! Short names for the fields of stored structs.
//!
//! Exists because DynamoDB bills names: an invoice under its full field names is half as big again, and every kilobyte
//! begun is a write unit. The table is data: append to it, never change a line, for items are written under it.

use std::{collections::HashMap, sync::LazyLock};

use serde_dynamo::AttributeValue;

/// Full name and short name. One table for all structs, so that a short name means the same everywhere.
pub const NAMES: &[(&str, &str)] = &[
    ("action", "ac"),
    ("adjustment", "am"),
    ("adjustments", "aj"),
    ("after_days", "ad"),
    ("amount", "a"),
    ("anchor", "an"),
    ("arm", "ar"),
    ("ask_at", "aa"),
    ("asked", "ak"),
    ("attempt", "A"),
    ("attempts", "as"),
    ("automatic", "au"),
    ("basis", "b"),
    ("benefit", "bf"),
    ("cancel", "ca"),
    ("cause", "c"),
    ("change", "ch"),
    ("claim", "cl"),
    ("class", "cs"),
    ("climb", "cb"),
    ("code", "co"),
    ("collection", "cn"),
    ("conditions", "cx"),
    ("contract", "cr"),
    ("coupon", "cp"),
    ("created_at", "cd"),
    ("credit_minor", "cm"),
    ("currency", "u"),
    ("customer", "C"),
    ("cut", "cu"),
    ("days_until_due", "dd"),
    ("deadline", "dl"),
    ("discounts", "ds"),
    ("done", "do"),
    ("duration", "du"),
    ("earlier_discounts", "ed"),
    ("earlier_tax", "et"),
    ("end", "e"),
    ("ends_at", "ea"),
    ("expires_at", "xa"),
    ("features", "fe"),
    ("fingerprint", "fp"),
    ("full_minor", "fm"),
    ("gateway", "g"),
    ("inclusive", "il"),
    ("index", "x"),
    ("input", "in"),
    ("interval", "i"),
    ("invoice", "I"),
    ("issued_at", "ia"),
    ("kind", "k"),
    ("ladder", "la"),
    ("left", "le"),
    ("limits", "li"),
    ("lines", "l"),
    ("list_minor", "lm"),
    ("local", "lo"),
    ("method", "M"),
    ("minor", "m"),
    ("model", "o"),
    ("mrr12", "mr"),
    ("next", "nx"),
    ("next_ordinal", "no"),
    ("ordinal", "O"),
    ("pass_began", "pb"),
    ("pause", "pa"),
    ("percent", "pc"),
    ("period", "d"),
    ("periods", "pd"),
    ("plan", "p"),
    ("policy", "y"),
    ("price", "P"),
    ("prices", "ps"),
    ("proration", "pr"),
    ("purpose", "pu"),
    ("quantity", "q"),
    ("rate", "rt"),
    ("rates", "rs"),
    ("reason", "re"),
    ("reference", "rf"),
    ("resume_at", "ra"),
    ("roles", "ro"),
    ("rounding", "r"),
    ("rule", "ru"),
    ("rules", "R"),
    ("scheduled", "sc"),
    ("sent_at", "sa"),
    ("settings", "ss"),
    ("share", "sh"),
    ("since", "si"),
    ("source", "so"),
    ("start", "s"),
    ("started_at", "st"),
    ("state", "t"),
    ("storefront", "sf"),
    ("subscription", "S"),
    ("suspended_by", "sb"),
    ("suspends", "su"),
    ("tax", "tx"),
    ("tax_minor", "tm"),
    ("terms", "T"),
    ("title", "ti"),
    ("token", "tk"),
    ("total", "tt"),
    ("trial_days", "td"),
    ("unit", "n"),
    ("unit_amount", "ua"),
    ("unrounded_minor", "um"),
    ("version", "v"),
    ("whole", "wh"),
    ("why", "w"),
    ("zone", "z"),
    // usage
    ("aggregation", "ag"),
    ("base", "ba"),
    ("billed", "bd"),
    ("bucket", "B"),
    ("buckets", "bu"),
    ("carried", "cy"),
    ("count", "ct"),
    ("events", "ev"),
    ("included", "ic"),
    ("invoiced", "iv"),
    ("level", "lv"),
    ("meter", "mt"),
    ("meters", "ms"),
    ("moment", "mo"),
    ("tiers", "ts"),
    ("units", "ut"),
    ("usage", "us"),
    ("used", "ud"),
    // items
    ("add_on", "ao"),
    ("add_ons", "os"),
    ("description", "de"),
    ("minimum", "mn"),
    ("minimums", "mm"),
    ("once", "oc"),
    ("set_up", "sp"),
    ("setup_fee", "se"),
    ("usage_minimum", "mu"),
    ("waiting", "wa"),
    // alignment, stubs, dates
    ("alignment", "al"),
    ("cancel_version", "cv"),
    ("change_version", "hv"),
    ("next_stub", "ns"),
    ("on_anchor", "oa"),
    ("pause_credit_version", "pv"),
    ("recurrence", "rc"),
    ("schedule", "sl"),
    ("stub", "sx"),
    ("without_method", "wm"),
    // prepaid credit
    ("amount_minor", "ai"),
    ("grant", "gt"),
    ("granted_at", "ga"),
    ("grants", "gs"),
    ("held", "he"),
    ("prepaid", "pp"),
    ("sources", "sr"),
    ("used_minor", "uM"),
    ("valid_days", "vd"),
    // refunds
    ("paid_by", "py"),
    ("payment", "pm"),
    ("refund_minor", "rm"),
    ("refunds", "rn"),
];

/// Marks a name that is stored as it is although it looks like a short one.
const ESCAPE: char = '~';

static SHORT: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| NAMES.iter().copied().collect());
static LONG: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| NAMES.iter().map(|(l, s)| (*s, *l)).collect());

/// The stored form of a name.
#[must_use]
pub fn shorten(name: &str) -> String {
    if let Some(short) = SHORT.get(name) {
        return (*short).to_owned();
    }
    // A plan may have a limit called `a`: names are data there, and data must come back as it was.
    if name.starts_with(ESCAPE) || LONG.contains_key(name) { format!("{ESCAPE}{name}") } else { name.to_owned() }
}

/// The name that is stored as `stored`.
#[must_use]
pub fn lengthen(stored: &str) -> String {
    if let Some(name) = stored.strip_prefix(ESCAPE) {
        return name.to_owned();
    }
    LONG.get(stored).map_or(stored, |long| long).to_owned()
}

/// Shortens all names in `value` and leaves out nulls of maps: absent means none in every stored struct. Nulls in lists
/// stay, because what follows them would move.
#[must_use]
pub fn shorten_all(value: AttributeValue) -> AttributeValue {
    rename(value, &shorten)
}

/// Undoes [`shorten_all`].
#[must_use]
pub fn lengthen_all(value: AttributeValue) -> AttributeValue {
    rename(value, &lengthen)
}

/// Leaves out nulls of maps and keeps the names.
#[must_use]
pub fn keep_all(value: AttributeValue) -> AttributeValue {
    rename(value, &str::to_owned)
}

fn rename(value: AttributeValue, name: &impl Fn(&str) -> String) -> AttributeValue {
    match value {
        AttributeValue::M(map) => {
            let kept = map.into_iter().filter(|(_, value)| !matches!(value, AttributeValue::Null(_)));
            AttributeValue::M(kept.map(|(key, value)| (name(&key), rename(value, name))).collect())
        }
        AttributeValue::L(list) => AttributeValue::L(list.into_iter().map(|v| rename(v, name)).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_is_one_to_one_and_no_short_name_is_also_a_long_one() {
        let longs: BTreeSet<_> = NAMES.iter().map(|(long, _)| long).collect();
        let shorts: BTreeSet<_> = NAMES.iter().map(|(_, short)| short).collect();
        assert_eq!((longs.len(), shorts.len()), (NAMES.len(), NAMES.len()));
        assert_eq!(longs.intersection(&shorts).count(), 0);
        assert!(NAMES.iter().all(|(long, short)| short.len() < long.len() && !short.starts_with(ESCAPE)));
        // Names of stored fields that are as short as they get: an escape would make them longer.
        assert!(["at", "by", "from", "id", "is", "to"].iter().all(|name| shorten(name) == *name));
    }

    /// Names that hit the table, its short side, the escape, and anything else.
    fn any_name() -> impl Strategy<Value = String> {
        let known = prop::sample::select(NAMES).prop_flat_map(|(long, short)| {
            prop::sample::select(vec![
                (*long).to_owned(),
                (*short).to_owned(),
                format!("~{short}"),
                format!("~~{long}"),
            ])
        });
        prop_oneof![known, "~{0,3}[a-z]{0,3}", ".{0,8}"]
    }

    fn any_value() -> impl Strategy<Value = AttributeValue> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|n| AttributeValue::N(n.to_string())),
            ".{0,6}".prop_map(AttributeValue::S),
            any::<bool>().prop_map(AttributeValue::Bool),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(AttributeValue::L),
                prop::collection::hash_map(any_name(), inner, 0..5).prop_map(AttributeValue::M),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_name_comes_back_as_it_was(name in any_name()) {
            prop_assert_eq!(lengthen(&shorten(&name)), name);
        }

        #[test]
        fn every_value_comes_back_as_it_was(value in any_value()) {
            prop_assert_eq!(lengthen_all(shorten_all(value.clone())), value);
        }
    }
}
