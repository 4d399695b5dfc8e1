//! What a change of a contract says, and which of its fields belong to which action.
//!
//! Exists beside the verb, because a field that an action does not read would be lost without a word.

use billing::{refusal::Refusal, terms::WantedAddOn};
use serde::{Deserialize, Serialize};

use crate::{anchor::AnchorRequest, credit_note::WantedCredit};

/// The body of a change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// Whose.
    pub customer: String,
    /// Which contract.
    pub subscription: String,
    /// What to do.
    pub action: Action,
    /// Compute and show, change nothing.
    #[serde(default)]
    pub preview: bool,
    /// `now`, `period_end`, or a date or an RFC 3339 instant that is still to come. Absent: now; for `change` as the policy's
    /// `changes` have it.
    #[serde(default)]
    pub when: Option<String>,
    /// For `change`: the plan; the present one when absent.
    #[serde(default)]
    pub plan: Option<String>,
    /// For `change`: the interval; the present one when absent.
    #[serde(default)]
    pub interval: Option<String>,
    /// For `change`: the quantity; the present one when absent.
    #[serde(default)]
    pub quantity: Option<i64>,
    /// For `change`: the currency; the present one when absent.
    #[serde(default)]
    pub currency: Option<String>,
    /// For `change`: all add-ons that the contract shall have; the present ones when absent.
    #[serde(default)]
    pub add_ons: Option<Vec<WantedAddOn>>,
    /// For `charge`, `top_up`, `grant` and `move_credit`: how much, in major units of the contract's currency (of `move_credit`: of
    /// the contract that gets it), as text (`"49.90"`).
    #[serde(default)]
    pub amount: Option<String>,
    /// For `charge`: what for, as it stands on the invoice.
    #[serde(default)]
    pub description: Option<String>,
    /// For `top_up` and `grant`: when the credit expires, a date or an RFC 3339 instant; as the plan says when absent.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// For `apply_coupon` and `remove_coupon`: the code; for `remove_coupon` its id does, too.
    #[serde(default)]
    pub coupon: Option<String>,
    /// For `apply_coupon` and `remove_coupon`, instead of `coupon`: an offer (a coupon without a code), by id.
    #[serde(default)]
    pub offer: Option<String>,
    /// For `anchor`: the day to be billed on from now on.
    #[serde(default)]
    pub billing_anchor: Option<AnchorRequest>,
    /// For `anchor`, instead of `billing_anchor`: another contract of the customer, whose anchor this one takes.
    #[serde(default)]
    pub align_with: Option<String>,
    /// For `pause`: whether what is left of the paid period is given back, by the policy's rule for ends.
    #[serde(default)]
    pub credit: bool,
    /// For `pause`: a date or an RFC 3339 instant.
    #[serde(default)]
    pub resume_at: Option<String>,
    /// For `consolidate`: whether what the contract bills by itself from now on comes on one document with the customer's
    /// other contracts; true when absent.
    #[serde(default)]
    pub consolidate: Option<bool>,
    /// For `credit_note`, `void` and `write_off`: which invoice.
    #[serde(default)]
    pub invoice: Option<String>,
    /// For `credit_note`: which of its lines; all that is left of it when absent.
    #[serde(default)]
    pub lines: Option<Vec<WantedCredit>>,
    /// For `credit_note`: send the money back to the payment that paid the invoice, instead of giving credit.
    #[serde(default)]
    pub refund: bool,
    /// For `move_credit`: the contract of the same customer that gets the credit.
    #[serde(default)]
    pub to: Option<String>,
    /// For `cancel`: why, in one word of the storefront's list. For `credit_note`, `void`,
    /// `write_off` and `grant`: why.
    #[serde(default)]
    pub reason: Option<String>,
    /// For `cancel`: what the customer wrote.
    #[serde(default)]
    pub comment: Option<String>,
}

/// What to do with a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Another plan, interval, quantity, currency, or other add-ons.
    Change,
    /// Charge something once: now on an invoice of its own, or (`period_end`) on the next invoice.
    Charge,
    /// Buy prepaid credit for usage, on an invoice of its own; it may be used when that is paid.
    TopUp,
    /// Give prepaid credit away.
    Grant,
    /// Another day to be billed on.
    Anchor,
    /// Redeem a coupon; it counts from the next period.
    ApplyCoupon,
    /// Let a coupon go; the running period is its last.
    RemoveCoupon,
    /// End it.
    Cancel,
    /// Take back what was agreed for later.
    Keep,
    /// Rest.
    Pause,
    /// Come back.
    Resume,
    /// Bill on one document with the customer's other contracts, or alone again.
    Consolidate,
    /// Give back an issued invoice, or lines of it: off what is still owed, as credit, or (`refund`) to the payment that paid
    /// it.
    CreditNote,
    /// Give credit of this contract to another one of the customer.
    MoveCredit,
    /// Withdraw an issued invoice that is not paid.
    Void,
    /// Give an issued invoice that is not paid up; the contract goes on.
    WriteOff,
    /// Start again after the end, within 90 days.
    Reactivate,
}

/// What each action is called, and which fields it reads beside `customer`, `subscription`, `action` and `preview`.
const FIELDS: &[(Action, &str, &[&str])] = &[
    (Action::Change, "change", &["when", "plan", "interval", "quantity", "currency", "add_ons"]),
    (Action::Charge, "charge", &["when", "amount", "description"]),
    (Action::TopUp, "top_up", &["when", "amount", "expires_at"]),
    (Action::Grant, "grant", &["when", "amount", "expires_at", "reason"]),
    (Action::Anchor, "anchor", &["when", "billing_anchor", "align_with"]),
    (Action::ApplyCoupon, "apply_coupon", &["coupon", "offer"]),
    (Action::RemoveCoupon, "remove_coupon", &["coupon", "offer"]),
    (Action::Cancel, "cancel", &["when", "reason", "comment"]),
    (Action::Keep, "keep", &[]),
    (Action::Pause, "pause", &["when", "resume_at", "credit"]),
    (Action::Resume, "resume", &[]),
    (Action::Consolidate, "consolidate", &["consolidate"]),
    (Action::CreditNote, "credit_note", &["invoice", "lines", "refund", "reason"]),
    (Action::MoveCredit, "move_credit", &["to", "amount"]),
    (Action::Void, "void", &["invoice", "reason"]),
    (Action::WriteOff, "write_off", &["invoice", "reason"]),
    (Action::Reactivate, "reactivate", &[]),
];

impl ChangeRequest {
    /// That every field that was given belongs to the action.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] for the first one that does not.
    pub(super) fn check_fields(&self) -> Result<(), Refusal> {
        let belongs =
            |field: &str| FIELDS.iter().any(|(action, _, fields)| *action == self.action && fields.contains(&field));
        let Some(field) = self.given().into_iter().find(|field| !belongs(field)) else { return Ok(()) };
        let takes = FIELDS.iter().filter(|(_, _, fields)| fields.contains(&field)).map(|(_, name, _)| *name);
        let detail = format!("is for {}; leave it out", takes.collect::<Vec<_>>().join(", "));
        Err(Refusal::InvalidField { field, detail })
    }

    /// The fields that were given, beside those that every action has.
    fn given(&self) -> Vec<&'static str> {
        let fields = [
            // What holds anyway is no choice.
            ("when", self.when.as_ref().is_some_and(|when| when != "now")),
            ("plan", self.plan.is_some()),
            ("interval", self.interval.is_some()),
            ("quantity", self.quantity.is_some()),
            ("currency", self.currency.is_some()),
            ("add_ons", self.add_ons.is_some()),
            ("amount", self.amount.is_some()),
            ("description", self.description.is_some()),
            ("expires_at", self.expires_at.is_some()),
            ("coupon", self.coupon.is_some()),
            ("offer", self.offer.is_some()),
            ("billing_anchor", self.billing_anchor.is_some()),
            ("align_with", self.align_with.is_some()),
            ("credit", self.credit),
            ("resume_at", self.resume_at.is_some()),
            ("consolidate", self.consolidate.is_some()),
            ("invoice", self.invoice.is_some()),
            ("lines", self.lines.is_some()),
            ("refund", self.refund),
            ("to", self.to.is_some()),
            ("reason", self.reason.is_some()),
            ("comment", self.comment.is_some()),
        ];
        fields.into_iter().filter(|(_, given)| *given).map(|(field, _)| field).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(action: &str, more: &serde_json::Value) -> Option<String> {
        let mut body = serde_json::json!({"customer": "cus_ana", "subscription": "sub_ana", "action": action});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request: ChangeRequest = serde_json::from_value(body).unwrap();
        request.check_fields().err().and_then(|refusal| refusal.field().map(Into::into))
    }

    #[test]
    fn a_field_of_another_action_is_refused_by_its_name() {
        use serde_json::json;
        let is =
            |action: &str, more, field: Option<&str>| assert_eq!(refused(action, &more).as_deref(), field, "{action}");
        is("change", json!({"amount": "5"}), Some("amount"));
        is("cancel", json!({"quantity": 5, "when": "period_end"}), Some("quantity"));
        is("keep", json!({"when": "period_end"}), Some("when"));
        is("keep", json!({"when": "now", "plan": null}), None);
        is("cancel", json!({"refund": true}), Some("refund"));
        is("pause", json!({"credit": true, "when": "2027-03-01"}), None);
        is("remove_coupon", json!({"offer": "ten"}), None);
    }
}
