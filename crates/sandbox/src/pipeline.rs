//! Owns the way of one call through the processor: key lock, one transaction, the kept result,
//! faults. Does not own what the call does (`routes::perform`) or how it is spoken (`routes`).
//!
//! Order of locks: the key's, then the writer. Everything a call changes, its events, their
//! deliveries and its result under the key commit together or not at all.

use std::time::Duration;

use serde_json::Value;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::Processor;
use crate::call::{Call, Origin};
use crate::errors::{ApiError, Reach};
use crate::expand;
use crate::faults::{self, AnswerFault};
use crate::form::Form;
use crate::idempotency::{self, Kept};
use crate::outcomes;
use crate::routes::{self, Verb};

/// One call that may change something.
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) verb: Verb,
    pub(crate) path: String,
    pub(crate) form: Form,
    pub(crate) idempotency_key: Option<String>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The request whose result this repeats.
    pub(crate) replay_of: Option<String>,
    pub(crate) arrival: Arrival,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    Whole,
    /// The connection breaks inside the answer.
    Broken,
    Late(Duration),
}

impl Answer {
    pub(crate) fn ok(value: &Value) -> Self {
        Self {
            status: 200,
            body: value.to_string(),
            replay_of: None,
            arrival: Arrival::Whole,
        }
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        let body = error.body().to_string();
        Self {
            status: error.status,
            body,
            replay_of: None,
            arrival: Arrival::Whole,
        }
    }
}

impl Processor {
    /// Performs a call that may change something.
    pub(crate) async fn write(&self, request: Request) -> Answer {
        // Held until the answer is on its way, as at Stripe, so a slow answer shows as 409.
        let _key = match &request.idempotency_key {
            Some(key) => match self.key_locks.lock(key).await {
                Ok(lock) => Some(lock),
                Err(error) => return error.into(),
            },
            None => None,
        };
        let answer = self.write_once(&request).await.unwrap_or_else(Answer::from);
        self.work.notify_one();
        if let Arrival::Late(delay) = answer.arrival {
            tokio::time::sleep(delay).await;
        }
        answer
    }

    async fn write_once(&self, request: &Request) -> Result<Answer, ApiError> {
        self.catch_up().await?;
        let parameters =
            idempotency::parameters_hash(self.keys.hash.as_bytes(), &request.form.canonical());
        let now = self.clock.now();
        let mut writer = self.store.writer.acquire().await?;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        if let Some(key) = &request.idempotency_key
            && let Some(kept) =
                idempotency::find(&mut tx, key, &request.path, &parameters, now).await?
        {
            tx.commit().await?;
            return Ok(Answer {
                status: kept.status,
                body: kept.body,
                replay_of: Some(kept.request),
                arrival: Arrival::Whole,
            });
        }
        let fault = faults::take_for_answer(&mut tx, &request.path).await?;
        if fault == Some(AnswerFault::LostBefore) {
            tx.commit().await?;
            return Err(ApiError::lost_answer());
        }
        let performed = self.perform(&mut tx, request, now).await?;
        if let (Some(key), Some(kept)) = (&request.idempotency_key, performed.kept(&request.id)) {
            idempotency::keep(&mut tx, key, &request.path, &parameters, &kept, now).await?;
        }
        tx.commit().await?;
        performed.answer(fault)
    }

    /// Runs the call in a savepoint, so that a refusal leaves nothing but its answer.
    async fn perform(
        &self,
        tx: &mut SqliteConnection,
        request: &Request,
        now: i64,
    ) -> Result<Performed, ApiError> {
        let mut savepoint = tx.begin().await?;
        let mut call = Call {
            db: &mut savepoint,
            now,
            processor: self,
            origin: Origin {
                request: Some(request.id.clone()),
                idempotency_key: request.idempotency_key.clone(),
            },
            answer_is_lost: false,
        };
        let result = routes::perform(&mut call, request.verb, &request.path, &request.form).await;
        let result = match result {
            Ok(mut value) => {
                let expanded = expand::apply(&mut call, &mut value, &request.form).await;
                expanded.map(|()| value)
            }
            Err(error) => Err(error),
        };
        let answer_is_lost = call.answer_is_lost;
        match &result {
            Ok(_) => savepoint.commit().await?,
            Err(error) if error.reach == Reach::Recorded => savepoint.commit().await?,
            Err(error) => {
                savepoint.rollback().await?;
                if let Some(attempt) = error.vanished_attempt() {
                    sqlx::query("insert into lost_attempts (attempt) values ($1)")
                        .bind(attempt)
                        .execute(tx)
                        .await?;
                }
            }
        }
        Ok(Performed {
            result,
            answer_is_lost,
        })
    }

    /// Answers a call that only reads.
    pub(crate) async fn read(&self, path: &str, form: &Form) -> Result<Value, ApiError> {
        self.catch_up().await?;
        let mut reader = self.store.readers.acquire().await?;
        let mut call = Call {
            db: &mut reader,
            now: self.clock.now(),
            processor: self,
            origin: Origin::default(),
            answer_is_lost: false,
        };
        let mut value = routes::read(&mut call, path, form).await?;
        expand::apply(&mut call, &mut value, form).await?;
        Ok(value)
    }

    /// Lets everything happen whose time has come, so that no caller sees an older state. Returns
    /// how much happened.
    pub(crate) async fn catch_up(&self) -> Result<usize, ApiError> {
        let now = self.clock.now();
        if !outcomes::any_due(&self.store.readers, now).await? {
            return Ok(0);
        }
        let mut writer = self.store.writer.acquire().await?;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut call = Call {
            db: &mut tx,
            now,
            processor: self,
            origin: Origin::default(),
            answer_is_lost: false,
        };
        let happened = outcomes::run_due(&mut call).await?;
        tx.commit().await?;
        self.work.notify_one();
        Ok(happened)
    }
}

/// What a call came to, before it is decided whether the caller hears of it.
struct Performed {
    result: Result<Value, ApiError>,
    answer_is_lost: bool,
}

impl Performed {
    /// The result to keep under the key, if this one is kept.
    fn kept(&self, request: &str) -> Option<Kept> {
        let (status, body) = match &self.result {
            Ok(value) => (200, value.to_string()),
            Err(error) => match error.reach {
                Reach::Parameters | Reach::Vanished => return None,
                Reach::Refused | Reach::Recorded => (error.status, error.body().to_string()),
            },
        };
        Some(Kept {
            request: request.to_owned(),
            status,
            body,
        })
    }

    fn answer(self, fault: Option<AnswerFault>) -> Result<Answer, ApiError> {
        if self.answer_is_lost || fault == Some(AnswerFault::LostAfter) {
            return Err(ApiError::lost_answer());
        }
        let mut answer = match self.result {
            Ok(value) => Answer::ok(&value),
            Err(error) => Answer::from(error),
        };
        match fault {
            Some(AnswerFault::Broken) => answer.arrival = Arrival::Broken,
            Some(AnswerFault::Slow { seconds }) => {
                answer.arrival = Arrival::Late(Duration::from_secs(seconds));
            }
            Some(AnswerFault::LostBefore | AnswerFault::LostAfter) | None => {}
        }
        Ok(answer)
    }
}
