//! A rate card's models and versions in the database.

use sqlx::Row;
use types::pricing::Rate;

use super::rate_card::{Comparison, Model, RateCardError};
use super::rates;
use crate::StoreError;
use crate::db::Engine;

/// A model that is there with the same words stays. Nobody else is loading: see [`turn_in`].
pub(super) async fn upsert_model_in(
    connection: &mut ledger::Connection,
    model: &Model,
    position: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into models (model, task, parameters, max_tokens, position, revision)
         select $1, $2, $3, $4, $5, coalesce(max(revision), 0) + 1 from models
         where true
         on conflict (model) do update set
             task = excluded.task, parameters = excluded.parameters,
             max_tokens = excluded.max_tokens, position = excluded.position,
             revision = excluded.revision
         where (models.task, models.parameters, models.max_tokens, models.position)
             <> (excluded.task, excluded.parameters, excluded.max_tokens, excluded.position)",
    )
    .bind(&model.name)
    .bind(&model.task)
    .bind(&model.parameters)
    .bind(model.max_tokens)
    .bind(position)
    .execute(connection)
    .await?;
    Ok(())
}

/// Waits until nobody else is loading rates: they are numbered in the order of their commits, so
/// that their count alone says which of them a price was chosen from. Reading goes on meanwhile.
pub(super) async fn turn_in(
    connection: &mut ledger::Connection,
    engine: Engine,
) -> Result<(), StoreError> {
    match engine {
        // Whoever writes has the turn already.
        Engine::Sqlite => {}
        Engine::Postgres => {
            sqlx::query("lock table model_rates in share row exclusive mode")
                .execute(connection)
                .await?;
        }
    }
    Ok(())
}

/// A version that is there with the same prices stays; with others the card is refused. Nobody else
/// is loading: see [`turn_in`].
pub(super) async fn insert_rates_in(
    connection: &mut ledger::Connection,
    model: &Model,
    effective_at: i64,
    now: i64,
) -> Result<(), RateCardError> {
    let inserted = sqlx::query(
        "insert into model_rates
             (no, model, effective_at, input_pico, cached_input_pico, output_pico, created_at)
         select coalesce(max(no), 0) + 1, $1, $2, $3, $4, $5, $6 from model_rates
         where true
         on conflict (model, effective_at) do nothing",
    )
    .bind(&model.name)
    .bind(effective_at)
    .bind(model.rates.input.map(Rate::picos_a_token))
    .bind(model.rates.cached_input.map(Rate::picos_a_token))
    .bind(model.rates.output.map(Rate::picos_a_token))
    .bind(now)
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(());
    }
    let row = sqlx::query(
        "select input_pico, cached_input_pico, output_pico from model_rates
         where model = $1 and effective_at = $2",
    )
    .bind(&model.name)
    .bind(effective_at)
    .fetch_one(connection)
    .await?;
    if rates(&row)? == model.rates {
        Ok(())
    } else {
        Err(RateCardError::OtherPrices {
            model: model.name.clone(),
        })
    }
}

pub(super) async fn upsert_comparison_in(
    connection: &mut ledger::Connection,
    model: &Comparison,
    position: i64,
    effective_at: i64,
    now: i64,
) -> Result<(), RateCardError> {
    sqlx::query(
        "insert into comparison_rates
             (provider, model, effective_at, name, input_pico, output_pico, position, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (provider, model, effective_at) do nothing",
    )
    .bind(&model.provider)
    .bind(&model.model)
    .bind(effective_at)
    .bind(&model.name)
    .bind(model.input.picos_a_token())
    .bind(model.output.picos_a_token())
    .bind(position)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query(
        "select input_pico, output_pico from comparison_rates
         where provider = $1 and model = $2 and effective_at = $3",
    )
    .bind(&model.provider)
    .bind(&model.model)
    .bind(effective_at)
    .fetch_one(connection)
    .await?;
    let stored: (i64, i64) = (row.try_get("input_pico")?, row.try_get("output_pico")?);
    if stored == (model.input.picos_a_token(), model.output.picos_a_token()) {
        Ok(())
    } else {
        Err(RateCardError::OtherPrices {
            model: model.model.clone(),
        })
    }
}
