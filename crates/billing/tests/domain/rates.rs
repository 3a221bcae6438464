use billing::RateCardError;

use crate::world::{World, event};

#[tokio::test]
async fn the_list_shows_the_prices_in_force_now() {
    let world = World::new().await;
    let models = world.billing.rates().models().await.unwrap();
    assert_eq!(models.len(), 18);
    assert_eq!(models[0].model, "gpt-oss-120b");
    assert_eq!(models[0].rates.input.unwrap().label(), "$0.15");
    let embedding = models
        .iter()
        .find(|model| model.model == "bge-small-en-v1.5")
        .unwrap();
    assert!(embedding.rates.output.is_none());
    assert_eq!(
        world
            .billing
            .rates()
            .comparison_models()
            .await
            .unwrap()
            .len(),
        11
    );
    world.finish().await;
}

#[tokio::test]
async fn a_new_version_takes_effect_at_its_time_and_not_before() {
    let world = World::new().await;
    let dearer = billing::rates::SEED_JSON.replace("\"0.15\"", "\"0.20\"");
    let effective_at = "2026-04-01T00:00:00Z".parse().unwrap();
    world
        .billing
        .rates()
        .load(&dearer, effective_at)
        .await
        .unwrap();
    let price = || async {
        world.billing.rates().models().await.unwrap()[0]
            .rates
            .input
            .unwrap()
            .label()
    };
    assert_eq!(price().await, "$0.15");
    world.clock.set(effective_at);
    assert_eq!(price().await, "$0.20");
    world.finish().await;
}

#[tokio::test]
async fn the_same_card_again_changes_nothing_and_other_prices_at_its_time_are_refused() {
    let world = World::new().await;
    let effective_at = "2026-01-01T00:00:00Z".parse().unwrap();
    let rates = world.billing.rates();
    rates
        .load(billing::rates::SEED_JSON, effective_at)
        .await
        .unwrap();
    let other = billing::rates::SEED_JSON.replace("\"0.15\"", "\"0.20\"");
    let refused = rates.load(&other, effective_at).await;
    assert!(
        matches!(refused, Err(RateCardError::OtherPrices { .. })),
        "{refused:?}"
    );
    assert_eq!(
        rates.models().await.unwrap()[0]
            .rates
            .input
            .unwrap()
            .label(),
        "$0.15"
    );
    world.finish().await;
}

#[tokio::test]
async fn the_plan_names_the_cheapest_models_and_those_used_most() {
    let world = World::new().await;
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("1"), event("2")])
        .await
        .unwrap();
    let plan = world
        .billing
        .rates()
        .plan(world.owner.organization)
        .await
        .unwrap();
    assert_eq!(plan.cheapest.len(), 3);
    assert_eq!(plan.cheapest[0].rates.output.unwrap().label(), "$0.05");
    let used: Vec<_> = plan
        .most_used
        .iter()
        .map(|model| model.model.as_str())
        .collect();
    assert_eq!(used, ["gpt-oss-120b"]);
    world.finish().await;
}

#[tokio::test]
async fn another_maximum_of_a_model_reaches_running_processes_within_seconds() {
    let world = crate::holds::funded().await;
    let holds = world.billing.holds();
    let granted = async || {
        let asked = billing::holds::OpenHold {
            max_output_tokens: Some(4_000),
            ..crate::holds::request()
        };
        let hold = holds.open(&world.caller, asked).await.unwrap();
        hold.max_output_tokens
    };
    let before = granted().await;
    assert_eq!(before, 4_000);
    // The same prices at the same time: no version is new.
    let other = crate::gateway_side::another_process(&world).await;
    let mut card: serde_json::Value = serde_json::from_str(billing::rates::SEED_JSON).unwrap();
    let models = card["models"].as_array_mut().unwrap();
    for model in models {
        model["max_tokens"] = 3_000.into();
    }
    let effective_at = "2026-01-01T00:00:00Z".parse().unwrap();
    let rates = other.rates();
    rates.load(&card.to_string(), effective_at).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(10));
    assert_eq!(granted().await, 3_000);
    other.close().await;
    world.finish().await;
}
