//! Customers and their cards at the gateway.

use sha2::{Digest, Sha256};
use types::ids::OrganizationId;

use super::client::{Answer, Form, Refusal, read};
use super::map;
use super::wire::{Customer, PaymentMethod};
use crate::payments::gateway::{
    AttachOutcome, ChargedMethod, Gateway, GatewayCustomer, GatewayError, GatewayMethod,
};

impl Gateway {
    /// Makes the organization known to the gateway. Repeated within 24 hours with the same name
    /// and email, it answers the same customer; with others, or in place of another one that is
    /// gone, it makes another. The caller stores the first it hears of and asks no more.
    ///
    /// # Errors
    /// When there is no customer, or we do not know it.
    pub async fn create_customer(
        &self,
        organization: OrganizationId,
        name: &str,
        email: &str,
        gone: Option<&GatewayCustomer>,
    ) -> Result<GatewayCustomer, GatewayError> {
        let form = vec![
            ("name", name.to_owned()),
            ("email", email.to_owned()),
            ("metadata[organization_id]", organization.to_string()),
        ];
        let mut key = customer_key(organization, name, email);
        if let Some(gone) = gone {
            key = format!("{key}:{gone}");
        }
        match self.client.post(&["customers"], &form, &key).await? {
            Answer::Object(body) => {
                let id = read::<Customer>(&body)?.id.and_then(|id| id.parse().ok());
                id.ok_or(GatewayError::Unreadable)
            }
            Answer::Refusal(refusal) => Err(refusal.into_error()),
        }
    }

    /// Keeps a card for the customer, so that it can be charged again. One that is kept already
    /// stays as it is.
    ///
    /// # Errors
    /// When nobody knows whether it is kept.
    pub async fn attach(
        &self,
        customer: &GatewayCustomer,
        method: &GatewayMethod,
    ) -> Result<AttachOutcome, GatewayError> {
        let form = vec![("customer", customer.to_string())];
        let key = format!("attach:{customer}:{method}");
        let path = ["payment_methods", method.as_str(), "attach"];
        match self.client.post(&path, &form, &key).await? {
            Answer::Object(body) => attached(&read(&body)?),
            Answer::Refusal(refusal) => self.refused_or_kept(customer, method, &refusal).await,
        }
    }

    /// A card that is with the customer already is refused, but what was wanted is so.
    async fn refused_or_kept(
        &self,
        customer: &GatewayCustomer,
        method: &GatewayMethod,
        refusal: &Refusal,
    ) -> Result<AttachOutcome, GatewayError> {
        if !refusal.is_about_the_card()
            && let Some(kept) = self.payment_method(method).await?
            && owner(&kept) == Some(customer.as_str())
        {
            return attached(&kept);
        }
        Ok(map::refused_attach(refusal))
    }

    /// Forgets a card; it can never be charged or attached again. One that belongs to nobody, or
    /// does not exist, is forgotten already.
    ///
    /// # Errors
    /// When we do not know whether it is forgotten.
    pub async fn detach(&self, method: &GatewayMethod) -> Result<(), GatewayError> {
        let path = ["payment_methods", method.as_str(), "detach"];
        let key = format!("detach:{method}");
        let refusal = match self.client.post(&path, &Form::new(), &key).await? {
            Answer::Object(_) => return Ok(()),
            Answer::Refusal(refusal) => refusal,
        };
        match self.payment_method(method).await? {
            Some(kept) if owner(&kept).is_some() => Err(refusal.into_error()),
            Some(_) | None => Ok(()),
        }
    }

    /// A card as the gateway describes it now. `None` when it has none of that name, or it is no
    /// card.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn find_method(
        &self,
        method: &GatewayMethod,
    ) -> Result<Option<ChargedMethod>, GatewayError> {
        match self.payment_method(method).await? {
            Some(method) => map::charged_method(&method),
            None => Ok(None),
        }
    }

    async fn payment_method(
        &self,
        method: &GatewayMethod,
    ) -> Result<Option<PaymentMethod>, GatewayError> {
        let path = ["payment_methods", method.as_str()];
        match self.client.get(&path, &Form::new()).await? {
            Answer::Object(body) => read(&body).map(Some),
            Answer::Refusal(refusal) if refusal.is_missing => Ok(None),
            Answer::Refusal(refusal) => Err(refusal.into_error()),
        }
    }
}

/// One key for one organization with these details. Without the details in it, a colleague with
/// another email would be refused for a day if the first answer was lost.
fn customer_key(organization: OrganizationId, name: &str, email: &str) -> String {
    let mut details = Sha256::new();
    for detail in [name, email] {
        details.update((detail.len() as u64).to_be_bytes());
        details.update(detail);
    }
    format!(
        "customer:{organization}:{}",
        hex::encode(&details.finalize()[..8])
    )
}

fn attached(method: &PaymentMethod) -> Result<AttachOutcome, GatewayError> {
    Ok(match map::charged_method(method)? {
        Some(method) => AttachOutcome::Attached(method),
        None => AttachOutcome::Refused {
            code: "not_a_card".to_owned(),
        },
    })
}

fn owner(method: &PaymentMethod) -> Option<&str> {
    method.customer.as_ref()?.id()
}

#[cfg(test)]
mod tests;
