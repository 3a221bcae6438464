use super::*;

#[tokio::test]
async fn a_batch_moves_its_amounts_and_each_posting_carries_the_balance_after_it() {
    let mut world = World::new().await;
    world.top_up("1", 25, 0).await;
    let organization = world.organization;
    let spend = batch("2", vec![spent(organization, lot(1), 7)], at(1));
    let posted = world.post(&spend).await.unwrap();
    assert_eq!(
        posted,
        Posted::New {
            balance: nanos(18),
            booked_at: at(1)
        }
    );
    assert_eq!(world.balance(&prepaid(organization)).await, 18);
    let revenue = ledger::platform_balance_in(&mut world.connection, &REVENUE)
        .await
        .unwrap();
    let clearing = ledger::platform_balance_in(&mut world.connection, &CLEARING)
        .await
        .unwrap();
    assert_eq!((revenue.nanos(), clearing.nanos()), (7, 25));
    world.finish().await;
}

#[tokio::test]
async fn a_replayed_source_changes_nothing() {
    let mut world = World::new().await;
    world.top_up("1", 25, 0).await;
    let again = world.top_up("1", 25, 60).await;
    assert!(
        matches!(again, Posted::AlreadyPosted { balance, booked_at, .. }
        if balance == nanos(25) && booked_at == at(0))
    );
    assert_eq!(world.balance(&prepaid(world.organization)).await, 25);
    world.finish().await;
}

#[tokio::test]
async fn a_source_with_other_content_is_refused() {
    let mut world = World::new().await;
    world.top_up("1", 25, 0).await;
    let other = world.open_organization().await;
    let organization = world.organization;
    for (owner, transfers) in [
        (organization, vec![bought(organization, lot(1), 26)]),
        (
            organization,
            vec![Transfer::new(REVENUE, prepaid(organization), nanos(25)).of_lot(lot(1))],
        ),
        (other, vec![bought(other, lot(1), 25)]),
        (
            organization,
            vec![
                bought(organization, lot(1), 25),
                bought(organization, lot(2), 1),
            ],
        ),
    ] {
        let refused = world.post_to(owner, &buying("1", transfers, at(1))).await;
        assert!(
            matches!(refused, Err(PostError::SourceReused { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(world.balance(&prepaid(organization)).await, 25);
    world.finish().await;
}

#[tokio::test]
async fn a_limited_account_does_not_fall_below_its_limit_and_nothing_is_kept() {
    let mut world = World::new().await;
    let organization = world.organization;
    world.top_up("1", 25, 0).await;
    let spend = |amount| spent(organization, lot(1), amount);
    let refused = world
        .post(&batch("2", vec![spend(20), spend(6)], at(1)))
        .await;
    assert!(
        matches!(refused, Err(PostError::BelowMinimum { account }) if account == prepaid(organization))
    );
    assert_eq!(world.balance(&prepaid(organization)).await, 25);
    assert!(
        world
            .post(&batch("2", vec![spend(20), spend(5)], at(1)))
            .await
            .is_ok()
    );
    assert_eq!(world.balance(&prepaid(organization)).await, 0);
    world.finish().await;
}

#[tokio::test]
async fn malformed_batches_are_refused() {
    let mut world = World::new().await;
    let organization = world.organization;
    let other = world.open_organization().await;
    let account = prepaid(organization);
    let unknown = AccountId::platform("nowhere");
    let many = (0..1_025)
        .map(|number| bought(organization, lot(number), 1))
        .collect();
    for transfers in [
        vec![],
        many,
        vec![bought(organization, lot(1), 0)],
        vec![bought(organization, lot(1), -1)],
        vec![Transfer::new(account.clone(), account.clone(), nanos(1)).of_lot(lot(1))],
        vec![bought(other, lot(1), 1)],
        vec![Transfer::new(
            CLEARING,
            AccountId::of(organization, "nothing"),
            nanos(1),
        )],
        vec![Transfer::new(unknown, account.clone(), nanos(1)).of_lot(lot(1))],
    ] {
        let refused = world.post(&buying("1", transfers.clone(), at(0))).await;
        assert!(refused.is_err(), "{transfers:?}");
    }
    assert_eq!(world.balance(&account).await, 0);
    world.finish().await;
}

#[tokio::test]
async fn a_balance_that_would_not_fit_is_refused() {
    let mut world = World::new().await;
    world.top_up("1", i64::MAX, 0).await;
    let one = bought(world.organization, lot(2), 1);
    assert!(world.post(&buying("2", vec![one], at(1))).await.is_err());
    world.finish().await;
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_what_was_posted() {
    let mut world = World::new().await;
    world.top_up("1", 25, 0).await;
    for statement in [
        "update transfers set amount_nano = 1",
        "delete from transfers",
        "update postings set balance_nano = 1",
        "delete from postings",
        "update batches set booked_at = 0",
        "delete from batches",
        "update lots set granted_nano = 26",
        "update lots set expires_at = null",
        "delete from lots",
    ] {
        let message = refused(&mut world.connection, statement).await;
        assert!(
            message.contains("are append-only"),
            "{statement}: {message}"
        );
    }
    world.finish().await;
}
