//! Cash is rounded to the smallest coin, on the payment and the refund; orders keep their totals, and all sums agree.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Shop, TestDatabase, on_both_databases, order_path};

impl Shop {
    async fn print_html(&self, order: &Value) -> String {
        let prints = order_path(order, "/receipt/prints");
        let page = self.app.call(Method::POST, &prints, Some(&self.kiosk), |request| request).await;
        assert_eq!(page.status, 201);
        String::from_utf8(page.bytes).unwrap()
    }

    async fn set_cash_rounding(&self, step: Value) -> Value {
        let change = json!({"cash_rounding": step});
        self.app.patch(&format!("/api/stores/{}", self.store), &self.admin, change).await.expect(200)["cash_rounding"]
            .clone()
    }

    async fn find_findings(&self) -> Value {
        let run = "/api/monitoring/numbering/jobs/integrity/run-check?deep_check=true";
        self.app.post(run, &self.admin, json!({})).await.expect(200)["with_findings"].clone()
    }
}

fn cash(amount: i64, tendered: i64) -> Value {
    json!([{"method": "cash", "amount": amount, "tendered": tendered}])
}

/// Milk is 1.29, soap 2.50.
async fn francs_are_rounded_in_cash_and_the_closing_agrees(database: TestDatabase) {
    let shop = Shop::open_with(database.clone(), json!({"name": "Laden", "currency": "CHF"})).await;
    let bill = shop.fill_bill(&[(&shop.milk, 3)]).await;
    assert_eq!((&bill["total"], &bill["cash_total"]), (&json!(387), &json!(385)));
    let down = shop.confirm(&bill).await;
    assert_eq!((&down["total"], &down["cash_total"]), (&json!(387), &json!(385)));
    let short = shop.pay(&down, cash(387, 384)).await.expect_problem(422, "invalid-field");
    assert_eq!(short["field"], "tendered");
    let rounded = shop.pay(&down, cash(385, 385)).await.expect_problem(422, "amount-mismatch");
    assert!(rounded["detail"].as_str().unwrap().contains("3.87"), "{rounded}");
    let paid = shop.pay(&down, cash(387, 400)).await.expect(201);
    assert_eq!((&paid["total"], &paid["paid"], &paid["state"]), (&json!(387), &json!(387), &json!("paid")));
    let payment = &paid["payments"][0];
    assert_eq!((&payment["amount"], &payment["rounding"], &payment["change"]), (&json!(387), &json!(-2), &json!(15)));
    let receipt = shop.print_html(&down).await;
    for row in ["cash rounding</th><td>-0.02 CHF", "cash</th><td>3.85 CHF", "change</th><td>0.15 CHF", "3.87 CHF"] {
        assert!(receipt.contains(row), "{row}: {receipt}");
    }
    let history = shop.app.get(&order_path(&down, "/history"), &shop.clerk).await.expect(200);
    let paid = history["data"].as_array().unwrap().iter().find(|event| event["kind"] == "paid").unwrap();
    assert_eq!(paid["amount"], 385);

    let up = shop.place_order(&[(&shop.milk, 2)]).await;
    let paid = shop.pay(&up, cash(258, 260)).await.expect(201);
    assert_eq!((&paid["payments"][0]["rounding"], &paid["payments"][0]["change"]), (&json!(2), &json!(0)));
    let card = shop.place_order(&[(&shop.milk, 3)]).await;
    let paid = shop.pay(&card, json!([{"method": "card", "amount": 387}])).await.expect(201);
    assert_eq!(paid["payments"][0]["rounding"], 0, "cards are never rounded");
    let split = shop.place_order(&[(&shop.milk, 3)]).await;
    let parts = json!([{"method": "card", "amount": 200}, {"method": "cash", "amount": 187}]);
    let paid = shop.pay(&split, parts).await.expect(201);
    assert_eq!((&paid["payments"][0]["rounding"], &paid["payments"][1]["rounding"]), (&json!(0), &json!(-2)));

    // One piece of 1.29 comes back: 1.30 in cash. The card's order goes back in cash: 3.85 for 3.87.
    let back = shop.refund(&down, json!([{"line": 1, "quantity": 1}])).await.expect(201);
    assert_eq!((&back["amount"], &back["rounding"]), (&json!(129), &json!(1)));
    let back = shop.refund(&card, Value::Null).await.expect(201);
    assert_eq!((&back["amount"], &back["rounding"]), (&json!(387), &json!(-2)));
    assert_eq!(shop.read_order(&card).await["state"], "refunded");
    let receipt = shop.print_html(&card).await;
    assert!(receipt.contains("cash rounding</th><td>0.02 CHF"), "{receipt}");
    assert!(receipt.contains("paid back in cash</th><td>-3.85 CHF"), "{receipt}");
    let by_card = json!({"currency": "CHF", "method": "card", "reason": "late"});
    let back = shop.post_once(&order_path(&up, "/refunds"), &shop.clerk, by_card).await.expect(201);
    assert_eq!((&back["amount"], &back["rounding"]), (&json!(258), &json!(0)));

    let closing = shop.post_once(&format!("/api/stores/{}/z-reports", shop.store), &shop.clerk, json!({})).await;
    let francs = &closing.expect(201)["currencies"][0];
    assert_eq!((&francs["sales"]["amount"], &francs["net"]["amount"]), (&json!(1419), &json!(1419 - 774)));
    let payments =
        json!([{"method": "card", "count": 2, "amount": 587}, {"method": "cash", "count": 3, "amount": 832}]);
    assert_eq!(francs["payments"], payments);
    assert_eq!(francs["payment_rounding"], json!({"count": 3, "amount": -2}));
    assert_eq!(francs["payout_rounding"], json!({"count": 2, "amount": -1}));
    // Coin by coin: 3.85 + 2.60 + 1.85 taken, 1.30 + 3.85 paid back.
    assert_eq!(francs["cash"], 385 + 260 + 185 - 130 - 385);
    let cash_of = |part: &str| -> i64 {
        let methods = francs[part].as_array().unwrap().iter();
        methods.filter(|sums| sums["method"] == "cash").map(|sums| sums["amount"].as_i64().unwrap()).sum()
    };
    assert_eq!(francs["cash"], cash_of("payments") - 2 - cash_of("payouts") + 1);

    assert_eq!(shop.find_findings().await, 0);
    database.execute("UPDATE payments SET rounding = 0 WHERE rounding = 2").await;
    assert_eq!(shop.find_findings().await, 1, "the rounding is sealed");
}

async fn a_store_rounds_as_its_currency_does_or_as_it_says(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let listed = shop.app.get(&format!("/api/stores/{}", shop.store), &shop.clerk).await.expect(200);
    assert_eq!(listed["cash_rounding"], 1, "euros are not rounded");
    let exact = shop.place_order(&[(&shop.milk, 1)]).await;
    let paid = shop.pay(&exact, cash(129, 200)).await.expect(201);
    assert_eq!((&paid["payments"][0]["rounding"], &paid["payments"][0]["change"]), (&json!(0), &json!(71)));
    for wrong in [json!(0), json!(-5), json!(100_001)] {
        let change = json!({"cash_rounding": wrong});
        let refused = shop.app.patch(&format!("/api/stores/{}", shop.store), &shop.admin, change).await;
        assert_eq!(refused.expect_problem(422, "invalid-field")["field"], "cash_rounding");
    }
    assert_eq!(shop.set_cash_rounding(json!(5)).await, 5, "as in Finland");
    let order = shop.place_order(&[(&shop.milk, 1)]).await;
    assert_eq!(order["cash_total"], 130);
    assert_eq!(shop.pay(&order, cash(129, 130)).await.expect(201)["payments"][0]["rounding"], 1);
    assert_eq!(shop.set_cash_rounding(Value::Null).await, 1);
    assert_eq!(shop.read_order(&order).await["payments"][0]["rounding"], 1, "what was taken stays");
    for (currency, step) in [("CHF", 5), ("DKK", 50), ("SEK", 100), ("NZD", 10), ("KRW", 1)] {
        let body = json!({"name": currency, "currency": currency});
        assert_eq!(shop.app.post("/api/stores", &shop.admin, body).await.expect(201)["cash_rounding"], step);
    }
    let body = json!({"name": "Exact", "currency": "CHF", "cash_rounding": 1});
    assert_eq!(shop.app.post("/api/stores", &shop.admin, body).await.expect(201)["cash_rounding"], 1);
}

on_both_databases!(
    francs_are_rounded_in_cash_and_the_closing_agrees,
    a_store_rounds_as_its_currency_does_or_as_it_says,
);
