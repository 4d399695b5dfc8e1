//! The stream as Lambda delivers it: an invoice is numbered once it is issued, and once only.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::dynamodb::Event;
use billing::{
    document::Series,
    ids::{CustomerId, InvoiceId},
    invoice::Invoice,
};
use chrono_tz::Tz;
use lambda_kit::testing::{House, stream_record as record};
use number::{Deps, handle};
use serde_json::{Value, json};
use usecases::{
    change_plan::change_plan,
    error::Error,
    ports::{Assigned, Numbers, Save, Store},
    signup::Caller,
};

const EVENT: &str = include_str!("../../../infra/events/number.json");

fn ana() -> CustomerId {
    CustomerId::try_new("cus_ana").unwrap()
}

/// Ana's first invoice: as a draft that waits for its money, and paid.
async fn images(house: &House) -> (Value, Value) {
    house.sign_up("cus_ana", "pm_card_visa").await;
    let paid = house.store.file(&ana()).await.unwrap().unwrap().invoices.remove(0).value;
    let waits = billing::invoice::InvoiceState::Due { at: paid.issued_at };
    let draft = Invoice { state: waits, facts: Vec::new(), ..paid.clone() };
    let image = |value| serde_json::to_value(aws::item::invoice(&Save { value, replaces: 1 }, 64).unwrap().attributes);
    (image(draft).unwrap(), image(paid).unwrap())
}

fn batch(records: &[Value]) -> Event {
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

async fn run(numbers: Arc<dyn Numbers>, event: Event) -> Vec<String> {
    let response = handle(&Deps { numbers, seller: Tz::Europe__Berlin }, event).await;
    response.batch_item_failures.into_iter().map(|f| f.item_identifier.unwrap()).collect()
}

async fn number_of(house: &House, invoice: &str) -> Option<String> {
    let id = InvoiceId::try_new(invoice).unwrap();
    house.store.number(&ana(), &id).await.unwrap().map(|n| n.to_string())
}

#[tokio::test]
async fn the_sample_event_numbers_a_paid_invoice_once() {
    let house = House::open().await;
    let (draft, paid) = images(&house).await;
    let sample = json!({"Records": [record("111", &json!({}), &draft), record("222", &draft, &paid)]});
    if std::option_env!("UPDATE_EXPECT").is_some() {
        std::fs::write("../../infra/events/number.json", format!("{sample:#}\n")).unwrap();
    }
    let event: Event = serde_json::from_str(EVENT).unwrap();
    let invoice = paid["sk"]["S"].as_str().unwrap().trim_start_matches("I#");
    assert_eq!(number_of(&house, invoice).await, None);
    for _ in 0..2 {
        assert!(run(house.store.clone(), event.clone()).await.is_empty());
        assert_eq!(number_of(&house, invoice).await.as_deref(), Some("WEB-2027-000001"));
    }
}

#[tokio::test]
async fn a_correction_names_the_numbers_of_what_it_changes() {
    let house = House::open().await;
    let (draft, paid) = images(&house).await;
    assert!(run(house.store.clone(), batch(&[record("1", &draft, &paid)])).await.is_empty());
    let subscription = house.store.file(&ana()).await.unwrap().unwrap().subscriptions.remove(0).value.id;
    for preview in [true, false] {
        let request = serde_json::from_value(json!({
            "customer": "cus_ana", "subscription": subscription, "action": "credit_note", "preview": preview,
            "invoice": paid["sk"]["S"].as_str().unwrap().trim_start_matches("I#"), "reason": "outage",
        }));
        let caller = Caller::new("web".into(), "note".into(), "change-plan", b"note");
        let gateways = &house.gateways;
        let done = change_plan(&house.ledger, gateways, &caller, None, &request.unwrap()).await.unwrap();
        assert_eq!(done.documents.changed_invoices[0].number.as_deref(), Some("WEB-2027-000001"), "preview {preview}");
        assert_eq!(done.documents.credit_note.unwrap().reason.as_deref(), Some("outage"));
    }
}

#[tokio::test]
async fn a_draft_and_what_is_no_invoice_get_no_number() {
    let house = House::open().await;
    let (draft, paid) = images(&house).await;
    let other = json!({"pk": {"S": "cus_ana"}, "sk": {"S": "C"}, "v": {"N": "1"}, "d": {"M": {}}});
    let records = [record("1", &json!({}), &draft), record("2", &json!({}), &other), record("3", &paid, &paid)];
    assert!(run(house.store.clone(), batch(&records)).await.is_empty());
    assert!(house.store.file(&ana()).await.unwrap().unwrap().numbers.is_empty());
}

#[tokio::test]
async fn a_record_that_cannot_be_read_fails_alone() {
    let house = House::open().await;
    let (draft, paid) = images(&house).await;
    let mut poison = paid.clone();
    poison["d"] = json!({"S": "?"});
    let records = [record("1", &draft, &poison), record("2", &draft, &paid)];
    assert_eq!(run(house.store.clone(), batch(&records)).await, ["1"]);
    assert_eq!(house.store.file(&ana()).await.unwrap().unwrap().numbers.len(), 1);
}

/// Numbers that nobody gives.
struct Down;

#[async_trait]
impl Numbers for Down {
    async fn last_number(&self, _: &Series) -> Result<u64, Error> {
        Err(Error::unavailable("number invoices", "it is down"))
    }

    async fn assign_numbers(&self, _: &Series, _: u64, _: &[(CustomerId, InvoiceId)]) -> Result<Assigned, Error> {
        Ok(Assigned::All)
    }
}

#[tokio::test]
async fn invoices_come_again_when_they_got_no_numbers() {
    let house = House::open().await;
    let (draft, paid) = images(&house).await;
    let records = [record("1", &json!({}), &draft), record("2", &draft, &paid)];
    assert_eq!(run(Arc::new(Down), batch(&records)).await, ["2"], "the draft had nothing to be done");
}
