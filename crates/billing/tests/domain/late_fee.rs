//! What the gateway keeps of a charge, where it says so only after the charge.

use billing::Received;
use sqlx::{AnyConnection, Connection};
use types::top_up::TopUpState;

use crate::gateway_side::{ASKS, notice_of, tell};
use crate::world::{World, confirm};

/// The gateway has booked what it keeps in dollars, or not yet.
async fn book_in(world: &World, before: &str, after: &str) {
    let path = world.gateway_store().join("sandbox.sqlite3");
    let url = format!("sqlite://{}", path.display());
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    let booked = sqlx::query(
        "update objects set state = json_replace(state, '$.currency', $2)
         where kind = 'balance_transaction' and json_extract(state, '$.currency') = $1",
    )
    .bind(before)
    .bind(after)
    .execute(&mut connection)
    .await
    .unwrap();
    assert_eq!(booked.rows_affected(), 1);
    connection.close().await.unwrap();
}

/// Cents on the debit side of a platform's account.
async fn on(world: &World, account: &str) -> i64 {
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let nano: i64 = sqlx::query_scalar(
        "select cast(coalesce(sum(case when debit_account_id = $1 then amount_nano
             else -amount_nano end), 0) as bigint)
         from transfers where debit_account_id = $1 or credit_account_id = $1",
    )
    .bind(format!("platform:{account}"))
    .fetch_one(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    nano / 10_000_000
}

#[tokio::test]
async fn a_fee_that_is_told_after_the_charge_was_credited_ends_the_payment_once() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, ASKS).await;
    let TopUpState::RequiresAction { url: Some(url) } = &top_up.state else {
        panic!("{top_up:?}");
    };
    confirm(url, "approve").await;
    book_in(&world, "usd", "eur").await;
    let paid = notice_of(&world, "payment_intent.succeeded").await;
    assert_eq!(tell(&world, &paid).await.unwrap(), Received::Applied);
    assert_eq!(world.balance().await, "25.00");
    // The charge is on its way until the gateway says what it keeps.
    assert_eq!(on(&world, "gateway_clearing").await, 2_500);
    assert_eq!(on(&world, "gateway_fees").await, 0);

    book_in(&world, "eur", "usd").await;
    let mut updated = notice_of(&world, "charge.succeeded").await;
    updated["type"] = "charge.updated".into();
    for (id, expected) in [
        ("evt_updated", Received::Applied),
        ("evt_updated", Received::AlreadyApplied),
        ("evt_updated_again", Received::Applied),
    ] {
        updated["id"] = id.into();
        assert_eq!(tell(&world, &updated).await.unwrap(), expected);
        assert_eq!(on(&world, "gateway_clearing").await, 0);
        assert_eq!(on(&world, "gateway_fees").await, 103);
        assert_eq!(on(&world, "gateway_balance").await, 2_397);
    }
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}
