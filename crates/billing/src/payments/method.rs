//! Saved cards.

use std::sync::Arc;

use chrono::Datelike;
use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{OrganizationId, PaymentMethodId};
use types::payment::{Card, CardBrand, DeclineReason, PaymentField, PaymentMethodView};
use types::tenancy::Viewer;
use types::time::Timestamp;

use super::gateway::{AttachOutcome, ChargedMethod, GatewayCustomer, GatewayError, GatewayMethod};
use crate::db::{expect_one, id, micros};
use crate::{Core, Problem, ProblemKind, StoreError};

/// The most cards an organization may save: all of them fit the form.
const MOST_METHODS: i64 = 20;

/// Why a saved card was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PaymentMethodError {
    #[error("your role does not permit changing payment methods; ask an owner or billing admin")]
    NotAllowed,
    #[error("this payment method is no longer saved")]
    NotFound,
    #[error("the card could not be read; enter it again")]
    Token,
    #[error("{}", reason.message())]
    Declined { reason: DeclineReason },
    #[error("at most {MOST_METHODS} payment methods can be saved; remove one first")]
    TooMany,
    #[error("the payment processor did not answer; try again in a moment")]
    Gateway(#[source] GatewayError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for PaymentMethodError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for PaymentMethodError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::NotAllowed => ProblemKind::NotAllowed,
            Self::NotFound => ProblemKind::NotFound,
            Self::Token | Self::Declined { .. } | Self::TooMany => ProblemKind::Invalid,
            Self::Gateway(_) => ProblemKind::Unknown,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::NotFound => "not_found",
            Self::Token => "invalid_token",
            Self::Declined { .. } => "card_declined",
            Self::TooMany => "too_many",
            Self::Gateway(_) => "gateway_unknown",
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Declined { reason } => {
                reason.field().map(PaymentField::as_str).map(str::to_owned)
            }
            Self::Token => Some(PaymentField::CardNumber.as_str().to_owned()),
            Self::NotFound => Some(PaymentField::PaymentMethod.as_str().to_owned()),
            Self::NotAllowed | Self::TooMany | Self::Gateway(_) => None,
            Self::Store(error) => error.field(),
        }
    }
}

/// See [`crate::Billing::payment_methods`].
#[derive(Clone)]
pub struct PaymentMethods {
    core: Arc<Core>,
}

impl PaymentMethods {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// An organization's saved cards: the default first, then the newest.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<PaymentMethodView>, StoreError> {
        let rows = sqlx::query(
            "select id, brand, last_four, expiry_month, expiry_year, country, is_default
             from payment_methods
             where organization_id = $1 and removed_at is null
             order by is_default desc, created_at desc, id desc",
        )
        .bind(organization.to_string())
        .fetch_all(self.core.db.readers())
        .await?;
        rows.iter().map(|row| view(row, self.core.now())).collect()
    }

    /// Saves a card that the browser gave to the gateway. The first one becomes the default; the
    /// same card again is not saved twice.
    ///
    /// # Errors
    /// When the role does not permit it, the bank declines the card, or the gateway is silent.
    pub async fn add(
        &self,
        viewer: &Viewer,
        token: &str,
    ) -> Result<PaymentMethodView, PaymentMethodError> {
        require_money(viewer)?;
        let token: GatewayMethod = token.parse().map_err(|_| PaymentMethodError::Token)?;
        let saved = self.list(viewer.organization).await?;
        if i64::try_from(saved.len()).is_ok_and(|count| count >= MOST_METHODS) {
            return Err(PaymentMethodError::TooMany);
        }
        let customer = ensure_customer(&self.core, viewer).await?;
        let attached = self.core.gateway.attach(&customer, &token).await;
        let method = match attached.map_err(PaymentMethodError::Gateway)? {
            AttachOutcome::Attached(method) => method,
            AttachOutcome::Declined { reason } => {
                return Err(PaymentMethodError::Declined { reason });
            }
            AttachOutcome::Refused { code } => {
                tracing::warn!(code, "the gateway refused to attach a payment method");
                return Err(PaymentMethodError::Token);
            }
        };
        let now = self.core.now();
        let mut tx = self.core.db.begin().await?;
        ledger::lock_books_in(&mut tx, viewer.organization)
            .await
            .map_err(StoreError::from)?;
        let id = save_in(&mut tx, viewer.organization, &method, now).await?;
        tx.commit().await?;
        let id = id.ok_or(PaymentMethodError::Token)?;
        let methods = self.list(viewer.organization).await?;
        methods
            .into_iter()
            .find(|method| method.id == id)
            .ok_or(PaymentMethodError::NotFound)
    }

    /// # Errors
    /// When the role does not permit it or the card is no longer saved.
    pub async fn set_default(
        &self,
        viewer: &Viewer,
        method: PaymentMethodId,
    ) -> Result<(), PaymentMethodError> {
        require_money(viewer)?;
        let mut tx = self.core.db.begin().await?;
        ledger::lock_books_in(&mut tx, viewer.organization)
            .await
            .map_err(StoreError::from)?;
        find_token_in(&mut tx, viewer.organization, method)
            .await?
            .ok_or(PaymentMethodError::NotFound)?;
        make_default_in(&mut tx, viewer.organization, method).await?;
        Ok(tx.commit().await?)
    }

    /// Removes a card, here and at the gateway. The newest of the others becomes the default.
    ///
    /// # Errors
    /// When the role does not permit it, the card is no longer saved, or the gateway is silent;
    /// then the card stays saved.
    pub async fn remove(
        &self,
        viewer: &Viewer,
        method: PaymentMethodId,
    ) -> Result<(), PaymentMethodError> {
        require_money(viewer)?;
        let token = {
            let mut connection = self.core.db.readers().acquire().await?;
            find_token_in(&mut connection, viewer.organization, method).await?
        };
        let token = token.ok_or(PaymentMethodError::NotFound)?;
        self.core
            .gateway
            .detach(&token)
            .await
            .map_err(PaymentMethodError::Gateway)?;
        let mut tx = self.core.db.begin().await?;
        ledger::lock_books_in(&mut tx, viewer.organization)
            .await
            .map_err(StoreError::from)?;
        sqlx::query(
            "update payment_methods set removed_at = $1, is_default = 0
             where id = $2 and organization_id = $3 and removed_at is null",
        )
        .bind(micros(self.core.now()))
        .bind(method.to_string())
        .bind(viewer.organization.to_string())
        .execute(&mut *tx)
        .await?;
        promote_newest_in(&mut tx, viewer.organization).await?;
        Ok(tx.commit().await?)
    }
}

fn require_money(viewer: &Viewer) -> Result<(), PaymentMethodError> {
    if viewer.role.may_change_money() {
        Ok(())
    } else {
        Err(PaymentMethodError::NotAllowed)
    }
}

/// The organization as the gateway knows it; made there the first time, under a key of its own, so
/// that two at once make one.
pub(crate) async fn ensure_customer(
    core: &Core,
    viewer: &Viewer,
) -> Result<GatewayCustomer, PaymentMethodError> {
    if let Some(found) = find_customer(core, viewer.organization).await? {
        return Ok(found);
    }
    let customer = core
        .gateway
        .create_customer(
            viewer.organization,
            &viewer.organization_name,
            &viewer.email,
        )
        .await
        .map_err(PaymentMethodError::Gateway)?;
    sqlx::query(
        "insert into gateway_customers (organization_id, gateway_customer, created_at)
         values ($1, $2, $3) on conflict (organization_id) do nothing",
    )
    .bind(viewer.organization.to_string())
    .bind(customer.as_str())
    .bind(micros(core.now()))
    .execute(core.db.writers())
    .await?;
    // Another process may have been first: what is stored counts.
    Ok(find_customer(core, viewer.organization)
        .await?
        .unwrap_or(customer))
}

pub(crate) async fn find_customer(
    core: &Core,
    organization: OrganizationId,
) -> Result<Option<GatewayCustomer>, StoreError> {
    let text: Option<String> = sqlx::query_scalar(
        "select gateway_customer from gateway_customers where organization_id = $1",
    )
    .bind(organization.to_string())
    .fetch_optional(core.db.readers())
    .await?;
    text.map(|text| parse_token(&text)).transpose()
}

pub(crate) fn parse_token<T: std::str::FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|_| StoreError::Inconsistent(format!("gateway id `{text}`")))
}

/// The gateway's token of a card that is saved now.
pub(crate) async fn find_token_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    method: PaymentMethodId,
) -> Result<Option<GatewayMethod>, StoreError> {
    let text: Option<String> = sqlx::query_scalar(
        "select gateway_method from payment_methods
         where id = $1 and organization_id = $2 and removed_at is null",
    )
    .bind(method.to_string())
    .bind(organization.to_string())
    .fetch_optional(connection)
    .await?;
    text.map(|text| parse_token(&text)).transpose()
}

/// Saves a card under the lock of the organization's books. A card that is already saved, by its
/// fingerprint, takes the newest token and expiry. `None` for one that the person has removed
/// meanwhile: money that arrives by it still counts, but it does not come back by itself.
pub(crate) async fn save_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    method: &ChargedMethod,
    now: Timestamp,
) -> Result<Option<PaymentMethodId>, StoreError> {
    let known = sqlx::query(
        "select id from payment_methods
         where organization_id = $1 and removed_at is null
             and (gateway_method = $2 or fingerprint = $3)",
    )
    .bind(organization.to_string())
    .bind(method.method.as_str())
    .bind(method.fingerprint.as_deref())
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(row) = known {
        let known: PaymentMethodId = id(&row, "id")?;
        update_in(connection, known, method).await?;
        return Ok(Some(known));
    }
    let new = PaymentMethodId::generate();
    let inserted = sqlx::query(
        "insert into payment_methods
             (id, organization_id, gateway_method, brand, last_four, expiry_month, expiry_year,
              country, fingerprint, is_default, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10)
         on conflict do nothing",
    )
    .bind(new.to_string())
    .bind(organization.to_string())
    .bind(method.method.as_str())
    .bind(method.card.brand.as_str())
    .bind(&method.card.last4)
    .bind(i64::from(method.card.expiry_month))
    .bind(i64::from(method.card.expiry_year))
    .bind(method.card.country.as_deref())
    .bind(method.fingerprint.as_deref())
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(None);
    }
    promote_newest_in(connection, organization).await?;
    Ok(Some(new))
}

async fn update_in(
    connection: &mut ledger::Connection,
    known: PaymentMethodId,
    method: &ChargedMethod,
) -> Result<(), StoreError> {
    sqlx::query(
        "update payment_methods
         set gateway_method = $1, expiry_month = $2, expiry_year = $3, country = $4
         where id = $5 and not exists (
             select 1 from payment_methods as other
             where other.gateway_method = $1 and other.id <> $5)",
    )
    .bind(method.method.as_str())
    .bind(i64::from(method.card.expiry_month))
    .bind(i64::from(method.card.expiry_year))
    .bind(method.card.country.as_deref())
    .bind(known.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

async fn make_default_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    method: PaymentMethodId,
) -> Result<(), StoreError> {
    sqlx::query(
        "update payment_methods set is_default = 0 where organization_id = $1 and is_default = 1",
    )
    .bind(organization.to_string())
    .execute(&mut *connection)
    .await?;
    let updated = sqlx::query(
        "update payment_methods set is_default = 1
         where id = $1 and organization_id = $2 and removed_at is null",
    )
    .bind(method.to_string())
    .bind(organization.to_string())
    .execute(connection)
    .await?;
    expect_one(
        updated.rows_affected(),
        "making a payment method the default",
    )
}

/// Whoever has cards has a default one.
async fn promote_newest_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
) -> Result<(), StoreError> {
    let newest = sqlx::query(
        "select id from payment_methods
         where organization_id = $1 and removed_at is null
             and not exists (
                 select 1 from payment_methods as chosen
                 where chosen.organization_id = $1 and chosen.is_default = 1
                     and chosen.removed_at is null)
         order by created_at desc, id desc limit 1",
    )
    .bind(organization.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    match newest {
        Some(row) => make_default_in(connection, organization, id(&row, "id")?).await,
        None => Ok(()),
    }
}

fn view(row: &AnyRow, now: Timestamp) -> Result<PaymentMethodView, StoreError> {
    let card = card(row)?
        .ok_or_else(|| StoreError::Inconsistent("a payment method without a card".to_owned()))?;
    let months = |year: i64, month: i64| year * 12 + month;
    let now_months = months(i64::from(now.year()), i64::from(now.month()));
    let last_months = months(i64::from(card.expiry_year), i64::from(card.expiry_month));
    Ok(PaymentMethodView {
        id: id(row, "id")?,
        is_default: row.try_get::<i64, _>("is_default")? == 1,
        is_expired: last_months < now_months,
        expires_soon: (now_months..=now_months + 1).contains(&last_months),
        card,
    })
}

/// The card in a row's `brand`, `last_four`, `expiry_month`, `expiry_year` and `country`; `None`
/// where the row has none.
pub(crate) fn card(row: &AnyRow) -> Result<Option<Card>, StoreError> {
    let Some(brand) = row.try_get::<Option<String>, _>("brand")? else {
        return Ok(None);
    };
    let month: i64 = row.try_get("expiry_month")?;
    let year: i64 = row.try_get("expiry_year")?;
    let unusable = |_| StoreError::Inconsistent(format!("expiry {month}/{year}"));
    Ok(Some(Card {
        brand: CardBrand::parse(&brand),
        last4: row.try_get("last_four")?,
        expiry_month: u8::try_from(month).map_err(unusable)?,
        expiry_year: u16::try_from(year).map_err(unusable)?,
        country: row.try_get("country")?,
    }))
}
