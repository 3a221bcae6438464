use super::*;
use crate::tamper::tamper;

const POSTINGS: &str = "postings add up to each account's balance";
const TRANSFERS: &str = "every transfer has its postings";
const BALANCES: &str = "transfers add up to each account's balance, debits equal credits";
const SEQUENCE: &str = "batches run without a gap to each organization's balance";
const CHAIN: &str = "batches seal one another without a break";
const LOTS: &str = "transfers add up to what is left of each lot, lots to balances";

/// What is done to the rows, and the checks that find it: these and no others.
type Fault = (&'static str, &'static [&'static str]);

/// $25 and $10 come, $5 are spent; then each fault in books of its own.
async fn each_is_found(faults: &[Fault]) {
    for (statement, expected) in faults {
        let mut world = World::new().await;
        world.top_up("1", 25, 0).await;
        world.top_up("2", 10, 1).await;
        let spend = spent(world.organization, lot(1), 5);
        world.post(&batch("3", vec![spend], at(2))).await.unwrap();
        tamper(&world.database, statement).await;
        let proof = prove_in(&mut world.connection).await.unwrap();
        let failed: Vec<_> = proof.checks.iter().filter(|check| !check.holds()).collect();
        let names: Vec<_> = failed.iter().map(|check| check.name).collect();
        assert_eq!(names, *expected, "{statement}: {failed:#?}");
        world.finish_broken().await;
    }
}

#[tokio::test]
async fn a_changed_transfer_is_found() {
    each_is_found(&[
        (
            "update transfers set amount_nano = 26 where amount_nano = 25",
            &[TRANSFERS, BALANCES, CHAIN, LOTS],
        ),
        (
            "update transfers set credit_account_id = replace(credit_account_id, 'prepaid', 'owed')
             where amount_nano = 25",
            &[TRANSFERS, BALANCES, CHAIN, LOTS],
        ),
        // Between the platform's own accounts nothing but the seal can tell.
        (
            "update transfers set debit_account_id = 'platform:usage_revenue'
             where amount_nano = 25",
            &[CHAIN],
        ),
        (
            "update transfers set id = '00000000-0000-7000-8000-000000000000'
             where amount_nano = 25",
            &[TRANSFERS, SEQUENCE, CHAIN],
        ),
        (
            "delete from transfers where amount_nano = 10",
            &[BALANCES, SEQUENCE, CHAIN, LOTS],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_changed_posting_is_found() {
    each_is_found(&[
        (
            "update postings set amount_nano = 26 where sequence = 1",
            &[POSTINGS, TRANSFERS, SEQUENCE],
        ),
        (
            "update postings set balance_nano = balance_nano + 1 where sequence = 2",
            &[POSTINGS],
        ),
        (
            "update postings set sequence = 9 where sequence = 3",
            &[POSTINGS],
        ),
        (
            "update postings set booked_at = booked_at + 1 where sequence = 2",
            &[TRANSFERS],
        ),
        (
            "delete from postings where sequence = 3",
            &[POSTINGS, TRANSFERS, SEQUENCE],
        ),
        (
            "update postings set account_id = replace(account_id, 'prepaid', 'owed')
             where sequence = 3",
            &[POSTINGS, TRANSFERS, SEQUENCE],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_changed_account_is_found() {
    each_is_found(&[
        (
            "update accounts set balance_nano = balance_nano + 1 where kind = 'prepaid'",
            &[POSTINGS, BALANCES, LOTS],
        ),
        (
            "update accounts set posting_count = 9 where kind = 'prepaid'",
            &[POSTINGS],
        ),
        (
            "update accounts set normal_side = 'debit' where kind = 'prepaid'",
            &[TRANSFERS, BALANCES, SEQUENCE],
        ),
        (
            "delete from accounts where id = 'platform:usage_revenue'",
            &[BALANCES],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_changed_lot_is_found() {
    each_is_found(&[
        (
            "update lots set remaining_nano = remaining_nano - 1 where granted_nano = 25",
            &[LOTS],
        ),
        // Together they are still the balance.
        (
            "update lots set remaining_nano = case granted_nano when 25 then 21 else 9 end",
            &[LOTS],
        ),
        (
            "update lots set granted_nano = granted_nano + 1 where granted_nano = 25",
            &[CHAIN, LOTS],
        ),
        (
            "update lots set expires_at = opened_at + 1 where granted_nano = 25",
            &[CHAIN],
        ),
        (
            "update lots set priority = 1 where granted_nano = 25",
            &[CHAIN],
        ),
        (
            "update lots set organization_id = 'nobody' where granted_nano = 25",
            &[CHAIN, LOTS],
        ),
        (
            "update lots set account_kind = 'promotional' where granted_nano = 25",
            &[LOTS],
        ),
        (
            "update lots set batch_sequence = 3 where granted_nano = 25",
            &[CHAIN, LOTS],
        ),
        ("delete from lots where granted_nano = 10", &[CHAIN, LOTS]),
        (
            "update transfers set lot_id = null where amount_nano = 5",
            &[CHAIN, LOTS],
        ),
        (
            "update transfers set lot_id = (select id from lots where granted_nano = 10)
             where amount_nano = 5",
            &[CHAIN, LOTS],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_changed_batch_is_found() {
    each_is_found(&[
        (
            "update batches set balance_nano = balance_nano - 1 where sequence = 2",
            &[SEQUENCE, CHAIN],
        ),
        (
            "update batches set sequence = 9 where sequence = 2",
            &[SEQUENCE, CHAIN, LOTS],
        ),
        (
            "update batches set booked_at = booked_at + 1 where sequence = 3",
            &[TRANSFERS, SEQUENCE, CHAIN],
        ),
        (
            "update batches set organization_id = 'nobody' where sequence = 3",
            &[TRANSFERS, SEQUENCE, CHAIN],
        ),
        (
            "update batches set source = 'test:9' where sequence = 1",
            &[CHAIN],
        ),
        (
            "update batches set code = 'other' where sequence = 2",
            &[CHAIN],
        ),
        (
            "update batches set chain_hash =
             'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff' where sequence = 3",
            &[CHAIN],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_changed_head_of_the_books_is_found() {
    each_is_found(&[
        (
            "update books set balance_nano = balance_nano + 1",
            &[SEQUENCE],
        ),
        ("update books set batch_count = 9", &[SEQUENCE]),
        ("update books set booked_at = booked_at + 1", &[SEQUENCE]),
        ("delete from books", &[SEQUENCE]),
        (
            "update books set chain_hash =
             'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'",
            &[CHAIN],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_proof_counts_what_it_checked() {
    let mut world = World::new().await;
    world.top_up("1", 25, 0).await;
    world.top_up("2", 10, 1).await;
    let proof = prove_in(&mut world.connection).await.unwrap();
    assert_eq!((proof.accounts, proof.transfers), (4, 2));
    world.finish().await;
}
