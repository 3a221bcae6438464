//! Saved cards in the database. Whatever changes them holds the lock of the organization's books.

use chrono::Datelike;
use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{OrganizationId, PaymentMethodId};
use types::payment::{Card, CardBrand, PaymentMethodView};
use types::time::Timestamp;

use crate::StoreError;
use crate::db::{expect_one, id, micros};
use crate::payments::detachment;
use crate::payments::gateway::{ChargedMethod, GatewayAccount, GatewayMethod};
use crate::payments::parse_stored;

/// The most cards an organization may save: all of them fit the form.
pub(super) const MOST_METHODS: i64 = 20;

/// Whose cards: one organization's at one account of the gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) organization: OrganizationId,
    pub(crate) account: &'a GatewayAccount,
}

/// A saved card, as a charge needs it.
#[derive(Debug, Clone)]
pub(crate) struct SavedCard {
    pub(crate) token: GatewayMethod,
    pub(crate) card: Card,
}

/// What became of a card that was to be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saving {
    Saved(PaymentMethodId),
    /// The person removed this very entry of it meanwhile: it does not come back by itself.
    Removed,
    TooMany,
}

/// Whether a card's number is among the saved ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Novelty {
    New,
    /// By another token: it was entered before. The same token again is the same entry.
    EnteredBefore,
}

pub(super) async fn list_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
    now: Timestamp,
) -> Result<Vec<PaymentMethodView>, StoreError> {
    let rows = sqlx::query(
        "select id, brand, last_four, expiry_month, expiry_year, country, is_default
         from payment_methods
         where organization_id = $1 and gateway_account = $2 and removed_at is null
         order by is_default desc, created_at desc, id desc",
    )
    .bind(owner.organization.to_string())
    .bind(owner.account.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| view(row, now)).collect()
}

/// A card that is saved now.
pub(crate) async fn find_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
    method: PaymentMethodId,
) -> Result<Option<SavedCard>, StoreError> {
    let row = sqlx::query(
        "select gateway_method, brand, last_four, expiry_month, expiry_year, country
         from payment_methods
         where id = $1 and organization_id = $2 and gateway_account = $3 and removed_at is null",
    )
    .bind(method.to_string())
    .bind(owner.organization.to_string())
    .bind(owner.account.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(SavedCard {
            token: parse_stored(&row.try_get::<String, _>("gateway_method")?)?,
            card: required_card(&row)?,
        })
    })
    .transpose()
}

/// Saves a card that is attached at the gateway. One that is saved already, by its fingerprint,
/// takes the newest token and expiry; the gateway is to forget the older token, as it is a card
/// that is not saved.
pub(crate) async fn save_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
    method: &ChargedMethod,
    now: Timestamp,
) -> Result<Saving, StoreError> {
    let saving = match find_same_in(connection, owner, method).await? {
        Some((known, older)) => {
            replace_in(connection, owner, known, method).await?;
            detachment::note_in(connection, owner, &older, now).await?;
            Saving::Saved(known)
        }
        None if count_in(connection, owner).await? >= MOST_METHODS => Saving::TooMany,
        None => match insert_in(connection, owner, method, now).await? {
            Some(new) => {
                promote_newest_in(connection, owner).await?;
                Saving::Saved(new)
            }
            None => Saving::Removed,
        },
    };
    detachment::note_in(connection, owner, &method.method, now).await?;
    Ok(saving)
}

pub(super) async fn novelty_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
    method: &ChargedMethod,
) -> Result<Novelty, StoreError> {
    let same = find_same_in(connection, owner, method).await?;
    Ok(match same {
        Some((_, token)) if token != method.method => Novelty::EnteredBefore,
        Some(_) | None => Novelty::New,
    })
}

/// The same card, if it is saved: this very token, or the same number entered another time.
async fn find_same_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
    method: &ChargedMethod,
) -> Result<Option<(PaymentMethodId, GatewayMethod)>, StoreError> {
    let row = sqlx::query(
        "select id, gateway_method from payment_methods
         where organization_id = $1 and gateway_account = $2 and removed_at is null
             and (gateway_method = $3 or fingerprint = $4)
         order by case when gateway_method = $3 then 0 else 1 end limit 1",
    )
    .bind(owner.organization.to_string())
    .bind(owner.account.as_str())
    .bind(method.method.as_str())
    .bind(method.fingerprint.as_deref())
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let token: String = row.try_get("gateway_method")?;
        Ok((id(&row, "id")?, parse_stored(&token)?))
    })
    .transpose()
}

async fn count_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "select count(*) from payment_methods
         where organization_id = $1 and gateway_account = $2 and removed_at is null",
    )
    .bind(owner.organization.to_string())
    .bind(owner.account.as_str())
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// `None` when the token was saved before and removed since.
async fn insert_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
    method: &ChargedMethod,
    now: Timestamp,
) -> Result<Option<PaymentMethodId>, StoreError> {
    let new = PaymentMethodId::generate();
    let inserted = sqlx::query(
        "insert into payment_methods
             (id, organization_id, gateway_account, gateway_method, brand, last_four,
              expiry_month, expiry_year, country, fingerprint, is_default, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11)
         on conflict do nothing",
    )
    .bind(new.to_string())
    .bind(owner.organization.to_string())
    .bind(owner.account.as_str())
    .bind(method.method.as_str())
    .bind(method.card.brand.as_str())
    .bind(&method.card.last4)
    .bind(i64::from(method.card.expiry_month))
    .bind(i64::from(method.card.expiry_year))
    .bind(method.card.country.as_deref())
    .bind(method.fingerprint.as_deref())
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok((inserted.rows_affected() == 1).then_some(new))
}

/// Leaves the card as it is when the token was saved before and removed since.
async fn replace_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
    known: PaymentMethodId,
    method: &ChargedMethod,
) -> Result<(), StoreError> {
    sqlx::query(
        "update payment_methods
         set gateway_method = $1, expiry_month = $2, expiry_year = $3, country = $4
         where id = $5 and not exists (
             select 1 from payment_methods as other
             where other.gateway_account = $6 and other.gateway_method = $1 and other.id <> $5)",
    )
    .bind(method.method.as_str())
    .bind(i64::from(method.card.expiry_month))
    .bind(i64::from(method.card.expiry_year))
    .bind(method.card.country.as_deref())
    .bind(known.to_string())
    .bind(owner.account.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Whose card a token of our account is, where it is saved.
pub(super) async fn find_owner_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    token: &GatewayMethod,
) -> Result<Option<OrganizationId>, StoreError> {
    let row = sqlx::query(
        "select organization_id from payment_methods
         where gateway_account = $1 and gateway_method = $2 and removed_at is null",
    )
    .bind(account.as_str())
    .bind(token.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(|row| id(&row, "organization_id")).transpose()
}

/// Takes over what the gateway now says of a saved card: its bank has sent a new one. A number that
/// is saved as another entry stays that entry's.
pub(super) async fn renew_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
    method: &ChargedMethod,
) -> Result<(), StoreError> {
    sqlx::query(
        "update payment_methods
         set brand = $1, last_four = $2, expiry_month = $3, expiry_year = $4, country = $5,
             fingerprint = case when exists (
                 select 1 from payment_methods as other
                 where other.organization_id = $7 and other.gateway_account = $8
                     and other.fingerprint = $6 and other.removed_at is null
                     and other.gateway_method <> $9)
             then fingerprint else $6 end
         where organization_id = $7 and gateway_account = $8 and gateway_method = $9
             and removed_at is null",
    )
    .bind(method.card.brand.as_str())
    .bind(&method.card.last4)
    .bind(i64::from(method.card.expiry_month))
    .bind(i64::from(method.card.expiry_year))
    .bind(method.card.country.as_deref())
    .bind(method.fingerprint.as_deref())
    .bind(owner.organization.to_string())
    .bind(owner.account.as_str())
    .bind(method.method.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes a card that is saved now; the newest of the others becomes the default.
pub(super) async fn remove_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
    method: PaymentMethodId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let removed = sqlx::query(
        "update payment_methods set removed_at = $1, is_default = 0
         where id = $2 and organization_id = $3 and gateway_account = $4 and removed_at is null",
    )
    .bind(micros(now))
    .bind(method.to_string())
    .bind(owner.organization.to_string())
    .bind(owner.account.as_str())
    .execute(&mut *connection)
    .await?;
    expect_one(removed.rows_affected(), "removing a payment method")?;
    promote_newest_in(connection, owner).await
}

pub(super) async fn make_default_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
    method: PaymentMethodId,
) -> Result<(), StoreError> {
    sqlx::query(
        "update payment_methods set is_default = 0
         where organization_id = $1 and gateway_account = $2 and is_default = 1",
    )
    .bind(owner.organization.to_string())
    .bind(owner.account.as_str())
    .execute(&mut *connection)
    .await?;
    let updated = sqlx::query(
        "update payment_methods set is_default = 1
         where id = $1 and organization_id = $2 and gateway_account = $3 and removed_at is null",
    )
    .bind(method.to_string())
    .bind(owner.organization.to_string())
    .bind(owner.account.as_str())
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
    owner: Owner<'_>,
) -> Result<(), StoreError> {
    let newest = sqlx::query(
        "select id from payment_methods
         where organization_id = $1 and gateway_account = $2 and removed_at is null
             and not exists (
                 select 1 from payment_methods as chosen
                 where chosen.organization_id = $1 and chosen.gateway_account = $2
                     and chosen.is_default = 1 and chosen.removed_at is null)
         order by created_at desc, id desc limit 1",
    )
    .bind(owner.organization.to_string())
    .bind(owner.account.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    match newest {
        Some(row) => make_default_in(connection, owner, id(&row, "id")?).await,
        None => Ok(()),
    }
}

fn view(row: &AnyRow, now: Timestamp) -> Result<PaymentMethodView, StoreError> {
    let card = required_card(row)?;
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

fn required_card(row: &AnyRow) -> Result<Card, StoreError> {
    card(row)?.ok_or_else(|| StoreError::Inconsistent("a payment method without a card".to_owned()))
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
