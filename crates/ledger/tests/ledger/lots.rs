use super::*;

fn promotional(organization: OrganizationId) -> AccountId {
    AccountId::of(organization, "promotional")
}

fn left(lots: &[ledger::Lot]) -> Vec<(LotId, i64)> {
    lots.iter()
        .map(|lot| (lot.id, lot.remaining.nanos()))
        .collect()
}

impl World {
    async fn open_lots(&mut self) -> Vec<(LotId, i64)> {
        let lots = ledger::open_lots_in(&mut self.connection, self.organization).await;
        left(&lots.unwrap())
    }

    async fn refuses(&mut self, batch: &Batch) {
        let refused = self.post(batch).await;
        assert!(
            matches!(
                refused,
                Err(PostError::WrongLot { .. } | PostError::LotNotNamed)
            ),
            "{:?}: {refused:?}",
            batch.transfers
        );
    }
}

#[tokio::test]
async fn each_transfer_draws_on_its_lot_and_a_lot_that_is_used_up_is_not_open() {
    let mut world = World::new().await;
    let organization = world.organization;
    world.top_up("1", 25, 0).await;
    world.top_up("2", 10, 1).await;
    assert_eq!(world.open_lots().await, [(lot(1), 25), (lot(2), 10)]);
    let both = vec![
        spent(organization, lot(1), 25),
        spent(organization, lot(2), 4),
    ];
    world.post(&batch("3", both, at(2))).await.unwrap();
    assert_eq!(world.open_lots().await, [(lot(2), 6)]);
    assert_eq!(world.balance(&prepaid(organization)).await, 6);
    world.finish().await;
}

#[tokio::test]
async fn what_is_given_back_is_never_more_than_was_there() {
    let mut world = World::new().await;
    let organization = world.organization;
    world.top_up("1", 25, 0).await;
    let all = spent(organization, lot(1), 25);
    world.post(&batch("2", vec![all], at(1))).await.unwrap();
    let back = bought(organization, lot(1), 5);
    world.post(&batch("3", vec![back], at(2))).await.unwrap();
    assert_eq!(world.open_lots().await, [(lot(1), 5)]);
    let too_much = bought(organization, lot(1), 21);
    world.refuses(&batch("4", vec![too_much], at(3))).await;
    assert_eq!(world.open_lots().await, [(lot(1), 5)]);
    world.finish().await;
}

#[tokio::test]
async fn a_transfer_names_a_lot_of_its_account_that_has_enough_or_is_refused() {
    let mut world = World::new().await;
    let organization = world.organization;
    let other = world.open_organization().await;
    let accounts = [(promotional(organization), Normal::Credit, Some(Money::ZERO))];
    open_accounts_in(&mut world.connection, &accounts, at(0))
        .await
        .unwrap();
    world.top_up("1", 25, 0).await;
    world.top_up("2", 25, 0).await;
    let theirs = buying("theirs", vec![bought(other, lot(3), 25)], at(0));
    world.post_to(other, &theirs).await.unwrap();
    let owing = Transfer::new(owed(organization), REVENUE, nanos(1));
    let between = Transfer::new(prepaid(organization), promotional(organization), nanos(1));
    let given = Transfer::new(CLEARING, promotional(organization), nanos(1));
    for transfer in [
        Transfer::new(prepaid(organization), REVENUE, nanos(1)),
        Transfer::new(CLEARING, prepaid(organization), nanos(1)),
        owing.of_lot(lot(1)),
        between.of_lot(lot(1)),
        spent(organization, lot(1), 26),
        spent(organization, lot(3), 1),
        spent(organization, lot(4), 1),
        given.of_lot(lot(1)),
    ] {
        world.refuses(&batch("9", vec![transfer], at(1))).await;
    }
    assert_eq!(world.open_lots().await, [(lot(1), 25), (lot(2), 25)]);
    world.finish().await;
}

#[tokio::test]
async fn a_lot_is_opened_once_with_something_in_it_and_not_expired() {
    let mut world = World::new().await;
    let organization = world.organization;
    world.top_up("1", 25, 0).await;
    let buys = |id, amount| vec![bought(organization, id, amount)];
    // There already.
    world.refuses(&buying("2", buys(lot(1), 5), at(1))).await;
    // Nothing is put into it.
    let mut empty = buying("2", buys(lot(2), 5), at(1));
    empty.opens.push(purchase(lot(3)));
    world.refuses(&empty).await;
    // Over before it begins.
    let mut expired = buying("2", buys(lot(2), 5), at(1));
    expired.opens[0].expires_at = Some(at(1));
    world.refuses(&expired).await;
    // Of another account than it says.
    let mut given = buying("2", buys(lot(2), 5), at(1));
    given.opens[0].kind = LotKind::Promotion;
    world.refuses(&given).await;
    assert_eq!(world.open_lots().await, [(lot(1), 25)]);
    world.finish().await;
}

#[tokio::test]
async fn a_replay_that_opens_another_lot_is_refused() {
    let mut world = World::new().await;
    let organization = world.organization;
    world.top_up("1", 25, 0).await;
    let original = buying("1", vec![bought(organization, lot(1), 25)], at(0));
    let changed = |change: fn(&mut NewLot)| {
        let mut batch = original.clone();
        change(&mut batch.opens[0]);
        batch
    };
    let other_lot = buying("1", vec![bought(organization, lot(2), 25)], at(0));
    for replay in [
        other_lot,
        changed(|lot| lot.priority = 1),
        changed(|lot| lot.expires_at = Some(at(60))),
        batch("1", original.transfers.clone(), at(0)),
    ] {
        let refused = world.post(&replay).await;
        assert!(
            matches!(refused, Err(PostError::SourceReused { .. })),
            "{refused:?}"
        );
    }
    let again = world.post(&original).await;
    assert!(matches!(again, Ok(Posted::AlreadyPosted { .. })));
    world.finish().await;
}

#[tokio::test]
async fn open_lots_are_in_burn_order_and_due_ones_by_their_expiry() {
    let mut world = World::new().await;
    let organization = world.organization;
    let accounts = [(promotional(organization), Normal::Credit, Some(Money::ZERO))];
    open_accounts_in(&mut world.connection, &accounts, at(0))
        .await
        .unwrap();
    let rows = [
        (1, LotKind::Purchase, 0, None),
        (2, LotKind::Promotion, 0, Some(at(60))),
        (3, LotKind::Promotion, 0, Some(at(30))),
        (4, LotKind::Promotion, 1, Some(at(10))),
        (5, LotKind::Purchase, -1, None),
    ];
    for (number, kind, priority, expires_at) in rows {
        let account = kind.account(organization);
        let transfer = Transfer::new(CLEARING, account, nanos(5)).of_lot(lot(number));
        let opens = vec![NewLot {
            id: lot(number),
            kind,
            priority,
            expires_at,
        }];
        let batch = batch(&number.to_string(), vec![transfer], at(0));
        world.post(&Batch { opens, ..batch }).await.unwrap();
    }
    let order: Vec<LotId> = world.open_lots().await.iter().map(|(id, _)| *id).collect();
    assert_eq!(order, [5, 3, 2, 1, 4].map(lot));
    for (seconds, expected) in [
        (9, vec![]),
        (10, vec![4]),
        (30, vec![4, 3]),
        (99, vec![4, 3, 2]),
    ] {
        let due = ledger::due_lots_in(&mut world.connection, at(seconds), None, 10).await;
        let due = due.unwrap();
        let mut last = None;
        for lot in &due {
            let next = ledger::due_lots_in(&mut world.connection, at(seconds), last, 1).await;
            assert_eq!(next.unwrap(), [*lot]);
            last = Some(lot);
        }
        let due: Vec<LotId> = due.iter().map(|lot| lot.id).collect();
        let expected: Vec<LotId> = expected.into_iter().map(lot).collect();
        assert_eq!(due, expected, "after {seconds} s");
        let balances = ledger::balances_in(&mut world.connection, organization, at(seconds)).await;
        let expired = 5 * i64::try_from(expected.len()).unwrap();
        assert_eq!(balances.unwrap().expired.nanos(), expired);
    }
    world.finish().await;
}
