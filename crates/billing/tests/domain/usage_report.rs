//! Usage, summed up: the same before and after it is in the tables.

use std::collections::BTreeSet;
use std::time::Duration;

use billing::{Problem, UsageReportError};
use types::ids::{ApiKeyId, ProjectId};
use types::time::Timestamp;
use types::usage::{Tokens, UsageEvent};
use types::usage_report::{UsageGroup, UsageInterval, UsageQuery, UsageReport, UsageRow};

use crate::world::{World, event};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// From February's end to the clock's day.
pub fn query(interval: UsageInterval, group_by: &[UsageGroup]) -> UsageQuery {
    UsageQuery {
        from: Some(at("2026-02-28T00:00:00Z")),
        to: Some(at("2026-03-12T00:00:00Z")),
        interval,
        group_by: group_by.iter().copied().collect(),
        model: None,
        project: None,
        api_key: None,
    }
}

fn ran(id: &str, when: &str, model: &str, status: i64, latency_ms: i64) -> UsageEvent {
    UsageEvent {
        occurred_at: Some(at(when)),
        model: model.to_owned(),
        status: Some(status),
        latency_ms: Some(latency_ms),
        ..event(id)
    }
}

/// Five requests, of two models, on three days of two months.
async fn furnish(world: &World) {
    let events = vec![
        ran("1", "2026-02-28T23:59:59Z", "gpt-oss-120b", 200, 10),
        ran("2", "2026-03-01T00:00:00Z", "gpt-oss-120b", 200, 20),
        ran("3", "2026-03-01T00:59:59Z", "gpt-oss-120b", 500, 30),
        ran("4", "2026-03-01T01:00:00Z", "glm-5.2", 404, 40),
        UsageEvent {
            status: None,
            latency_ms: None,
            ..event("5")
        },
    ];
    let usage = world.billing.usage();
    usage.ingest(&world.caller, events).await.unwrap();
}

/// The report, which does not depend on what is in the tables already.
async fn report(world: &World, query: &UsageQuery) -> UsageReport {
    let (analytics, organization) = (world.billing.analytics(), world.owner.organization);
    let before = analytics.report(organization, query).await.unwrap();
    analytics.catch_up().await.unwrap();
    let after = analytics.report(organization, query).await.unwrap();
    assert_eq!(before, after, "{query:?}");
    after
}

fn shown(row: &UsageRow) -> (String, Option<&str>, i64, i64) {
    let start = row.start.format("%m-%dT%H").to_string();
    (
        start,
        row.model.as_deref(),
        row.sums.requests,
        row.sums.errors,
    )
}

fn row<'m>(
    start: &str,
    model: Option<&'m str>,
    requests: i64,
    errors: i64,
) -> (String, Option<&'m str>, i64, i64) {
    (start.to_owned(), model, requests, errors)
}

#[tokio::test]
async fn usage_stands_in_the_hour_day_and_month_in_which_its_request_ran() {
    let world = World::new().await;
    furnish(&world).await;
    let by_hour = report(&world, &query(UsageInterval::Hour, &[])).await;
    assert_eq!(
        by_hour.rows.iter().map(shown).collect::<Vec<_>>(),
        [
            row("02-28T23", None, 1, 0),
            row("03-01T00", None, 2, 1),
            row("03-01T01", None, 1, 1),
            row("03-11T12", None, 1, 0),
        ]
    );
    let by_day = report(&world, &query(UsageInterval::Day, &[])).await;
    assert_eq!(
        by_day.rows.iter().map(shown).collect::<Vec<_>>(),
        [
            row("02-28T00", None, 1, 0),
            row("03-01T00", None, 3, 2),
            row("03-11T00", None, 1, 0),
        ]
    );
    let by_month = report(&world, &query(UsageInterval::Month, &[])).await;
    assert_eq!(
        by_month.rows.iter().map(shown).collect::<Vec<_>>(),
        [row("02-01T00", None, 1, 0), row("03-01T00", None, 4, 2)]
    );
    for report in [by_hour, by_day, by_month] {
        assert_eq!((report.total.requests, report.total.errors), (5, 2));
        let tokens = Tokens {
            input: 560,
            cached_input: 0,
            output: 220,
        };
        assert_eq!(report.total.tokens, tokens);
        let latency = report.total.latency.unwrap();
        assert_eq!((latency.count, latency.average_ms), (4, 25));
        assert_eq!(
            (latency.p50_ms, latency.p95_ms, latency.p99_ms),
            (20, 40, 40)
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn usage_is_told_apart_by_model_project_and_key_and_costs_what_was_charged() {
    let world = World::new().await;
    furnish(&world).await;
    let everything = [UsageGroup::Model, UsageGroup::Project, UsageGroup::ApiKey];
    for groups in [&[][..], &everything[..1], &everything[1..], &everything[..]] {
        let report = report(&world, &query(UsageInterval::Month, groups)).await;
        let has = |group| groups.contains(&group);
        for row in &report.rows {
            assert_eq!(row.model.is_some(), has(UsageGroup::Model));
            let (project, api_key) = (world.caller.project, world.caller.api_key);
            assert_eq!(row.project, has(UsageGroup::Project).then_some(project));
            assert_eq!(row.api_key, has(UsageGroup::ApiKey).then_some(api_key));
        }
        let cost: rust_decimal::Decimal =
            report.rows.iter().map(|row| row.sums.cost.decimal()).sum();
        assert_eq!(cost, report.total.cost.decimal());
        assert_eq!(
            format!("-{}", report.total.cost.exact()),
            world.balance().await
        );
    }
    let by_model = report(&world, &query(UsageInterval::Month, &[UsageGroup::Model])).await;
    assert_eq!(
        by_model.rows.iter().map(shown).collect::<Vec<_>>(),
        [
            row("02-01T00", Some("gpt-oss-120b"), 1, 0),
            row("03-01T00", Some("glm-5.2"), 1, 1),
            row("03-01T00", Some("gpt-oss-120b"), 3, 1),
        ]
    );
    world.finish().await;
}

#[tokio::test]
async fn a_filter_leaves_what_it_names_and_the_range_ends_before_its_end() {
    let world = World::new().await;
    furnish(&world).await;
    let base = query(UsageInterval::Day, &[]);
    let cases = [
        (
            UsageQuery {
                model: Some("glm-5.2".into()),
                ..base.clone()
            },
            1,
        ),
        (
            UsageQuery {
                model: Some("glm".into()),
                ..base.clone()
            },
            0,
        ),
        (
            UsageQuery {
                project: Some(world.caller.project),
                ..base.clone()
            },
            5,
        ),
        (
            UsageQuery {
                project: Some(ProjectId::generate()),
                ..base.clone()
            },
            0,
        ),
        (
            UsageQuery {
                api_key: Some(world.caller.api_key),
                ..base.clone()
            },
            5,
        ),
        (
            UsageQuery {
                api_key: Some(ApiKeyId::generate()),
                ..base.clone()
            },
            0,
        ),
        (
            UsageQuery {
                to: Some(at("2026-03-01T00:00:00Z")),
                ..base.clone()
            },
            1,
        ),
        (
            UsageQuery {
                from: Some(at("2026-03-01T00:00:00Z")),
                ..base.clone()
            },
            4,
        ),
        (
            UsageQuery {
                from: None,
                to: None,
                ..base
            },
            5,
        ),
    ];
    for (query, expected) in cases {
        let report = report(&world, &query).await;
        assert_eq!(report.total.requests, expected, "{query:?}");
        assert_eq!(report.total.latency.is_none(), expected == 0);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_late_request_stands_at_its_own_hour_and_on_the_day_it_was_booked() {
    let world = World::new().await;
    let usage = world.billing.usage();
    usage.ingest(&world.caller, vec![event("1")]).await.unwrap();
    world.billing.analytics().catch_up().await.unwrap();
    let late = ran("2", "2026-03-01T00:30:00Z", "gpt-oss-120b", 200, 10);
    usage.ingest(&world.caller, vec![late]).await.unwrap();
    let report = report(&world, &query(UsageInterval::Hour, &[])).await;
    assert_eq!(
        report.rows.iter().map(shown).collect::<Vec<_>>(),
        [row("03-01T00", None, 1, 0), row("03-11T12", None, 1, 0)]
    );
    let organization = world.owner.organization;
    let page = world
        .billing
        .history()
        .page(organization, None, 9)
        .await
        .unwrap();
    assert_eq!(page.rows.len(), 1);
    assert_eq!(page.rows[0].amount.exact(), "-0.0000864");
    world.finish().await;
}

#[tokio::test]
async fn percentiles_are_within_a_thirty_second_of_the_exact_ones() {
    let world = World::new().await;
    let mut state = 7_u64;
    let mut latencies: Vec<i64> = (0..600)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let (size, value) = (state >> 59, state >> 33);
            i64::try_from(value % (1 << (size % 20 + 1))).unwrap()
        })
        .collect();
    for (run, latencies) in latencies.chunks(150).enumerate() {
        let events = latencies.iter().enumerate().map(|(index, latency_ms)| {
            let hour = index % 5;
            let when = format!("2026-03-10T{hour:02}:00:00Z");
            ran(
                &format!("{run}-{index}"),
                &when,
                "gpt-oss-120b",
                200,
                *latency_ms,
            )
        });
        let usage = world.billing.usage();
        usage.ingest(&world.caller, events.collect()).await.unwrap();
        if run == 1 {
            world.billing.analytics().catch_up().await.unwrap();
        }
    }
    let report = report(&world, &query(UsageInterval::Day, &[])).await;
    let told = report.total.latency.unwrap();
    latencies.sort_unstable();
    for (percent, told) in [(50, told.p50_ms), (95, told.p95_ms), (99, told.p99_ms)] {
        let exact = latencies[latencies.len() * percent / 100 - 1];
        assert!(
            (told - exact).abs() * 32 <= exact,
            "p{percent}: {told} for {exact}"
        );
    }
    let sum: i64 = latencies.iter().sum();
    let count = latencies.len() as i64;
    assert_eq!(
        (told.count, told.average_ms),
        (count, (sum + count / 2) / count)
    );
    world.finish().await;
}

#[tokio::test]
async fn a_range_or_an_answer_that_is_too_long_is_refused() {
    let world = World::new().await;
    let analytics = world.billing.analytics();
    let organization = world.owner.organization;
    let long = UsageQuery {
        from: Some(at("2024-01-01T00:00:00Z")),
        ..query(UsageInterval::Hour, &[])
    };
    let refused = analytics.report(organization, &long).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.field().as_deref()),
        ("range_too_long", Some("from"))
    );
    assert_eq!(
        refused.to_string(),
        "by the hour, a range has at most 31 days"
    );

    let models = world.billing.rates().models().await.unwrap();
    let models: Vec<_> = models
        .into_iter()
        .map(|model| model.model)
        .take(14)
        .collect();
    assert_eq!(models.len(), 14);
    let first = at("2026-02-09T00:00:00Z");
    let hours: Vec<Timestamp> = (0..730)
        .map(|hour| first + Duration::from_secs(hour * 3_600))
        .collect();
    let events: Vec<UsageEvent> = models
        .iter()
        .flat_map(|model| hours.iter().map(move |hour| (model, hour)))
        .map(|(model, hour)| UsageEvent {
            occurred_at: Some(*hour),
            model: model.clone(),
            ..event(&format!("{model} {hour}"))
        })
        .collect();
    for events in events.chunks(1_000) {
        world
            .billing
            .usage()
            .ingest(&world.caller, events.to_vec())
            .await
            .unwrap();
    }
    let many = UsageQuery {
        from: Some(first),
        to: Some(first + Duration::from_secs(744 * 3_600)),
        ..query(UsageInterval::Hour, &[UsageGroup::Model])
    };
    for _ in 0..2 {
        let refused = analytics.report(organization, &many).await;
        assert!(
            matches!(refused, Err(UsageReportError::TooManyRows)),
            "{refused:?}"
        );
        analytics.catch_up().await.unwrap();
    }
    let fewer = UsageQuery {
        group_by: BTreeSet::new(),
        ..many
    };
    let report = analytics.report(organization, &fewer).await.unwrap();
    assert_eq!((report.rows.len(), report.total.requests), (730, 10_220));
    world.finish().await;
}

#[tokio::test]
async fn another_organization_has_no_part_in_it() {
    let world = World::new().await;
    furnish(&world).await;
    let (stranger, ..) = world.another().await;
    let analytics = world.billing.analytics();
    for caught_up in [false, true] {
        if caught_up {
            analytics.catch_up().await.unwrap();
        }
        for project in [None, Some(world.caller.project)] {
            let query = UsageQuery {
                project,
                ..query(UsageInterval::Hour, &[UsageGroup::Model])
            };
            let report = analytics
                .report(stranger.organization, &query)
                .await
                .unwrap();
            assert!(report.rows.is_empty());
            assert_eq!(report.total.requests, 0);
        }
    }
    world.finish().await;
}
