//! Owns one call in progress: the connection, the time, who asked, and what is written because of
//! it. Does not own transactions (`pipeline`) or what a call does (the noun's own module).

use serde_json::Value;
use sqlx::sqlite::SqliteConnection;

use crate::Processor;
use crate::behaviour::{Behaviour, Moment};
use crate::errors::ApiError;
use crate::outcomes::{self, Outcome};
use crate::store::{self, Object, View};
use crate::webhooks::events;

pub(crate) struct Call<'a> {
    pub(crate) db: &'a mut SqliteConnection,
    pub(crate) now: i64,
    pub(crate) processor: &'a Processor,
    pub(crate) origin: Origin,
    /// What is to become of the answer; a test card can have it lost.
    pub(crate) answer_is_lost: bool,
}

/// The request that caused what happens; empty for what happens by itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) request: Option<String>,
    pub(crate) idempotency_key: Option<String>,
}

impl Call<'_> {
    pub(crate) async fn insert<T: Object>(&mut self, object: &T) -> Result<(), ApiError> {
        store::insert(self.db, object).await
    }

    pub(crate) async fn update<T: Object>(&mut self, object: &T) -> Result<(), ApiError> {
        store::update(self.db, object).await
    }

    pub(crate) async fn find<T: Object>(&mut self, id: &str) -> Result<Option<T>, ApiError> {
        store::find(self.db, id).await
    }

    /// The object that the path names.
    pub(crate) async fn get<T: Object>(&mut self, id: &str) -> Result<T, ApiError> {
        self.find(id)
            .await?
            .ok_or_else(|| ApiError::no_such(T::KIND, id))
    }

    /// The object that a parameter names.
    pub(crate) async fn get_param<T: Object>(
        &mut self,
        id: &str,
        param: &str,
    ) -> Result<T, ApiError> {
        self.find(id)
            .await?
            .ok_or_else(|| ApiError::no_such_param(T::KIND, id, param))
    }

    pub(crate) fn render<T: Object>(&self, object: &T) -> Value {
        object.render(&View {
            public_url: &self.processor.config.public_url,
            now: self.now,
        })
    }

    /// Writes the event with the object as it is now, and its deliveries.
    pub(crate) async fn emit<T: Object>(&mut self, kind: &str, object: &T) -> Result<(), ApiError> {
        let snapshot = self.render(object);
        events::record(self, kind, snapshot).await
    }

    pub(crate) async fn schedule(
        &mut self,
        seconds: i64,
        outcome: Outcome,
    ) -> Result<(), ApiError> {
        let due_at = self.now + seconds;
        outcomes::schedule(self.db, due_at, &outcome).await
    }

    /// For the card whose first answer is lost before anything was done: the first attempt of each
    /// key (or, without keys, of each payment method) vanishes, the next one works.
    pub(crate) async fn vanish_once(
        &mut self,
        behaviour: Behaviour,
        payment_method: &str,
    ) -> Result<(), ApiError> {
        if behaviour != Behaviour::AnswerLost(Moment::Before) {
            return Ok(());
        }
        let attempt = self.attempt_name(payment_method);
        let seen: Option<i64> =
            sqlx::query_scalar("select 1 from lost_attempts where attempt = $1")
                .bind(&attempt)
                .fetch_optional(&mut *self.db)
                .await?;
        match seen {
            Some(_) => Ok(()),
            None => Err(ApiError::vanished(attempt)),
        }
    }

    fn attempt_name(&self, payment_method: &str) -> String {
        match &self.origin.idempotency_key {
            Some(key) => format!("key {key}"),
            None => format!("payment method {payment_method}"),
        }
    }
}
