//! Owns customers. Does not own their cards (`payment_methods`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::errors::ApiError;
use crate::form::Form;
use crate::ids::{new_id, random_text};
use crate::lists::{self, PAGE_PARAMETERS};
use crate::payment_methods::billing_details::Address;
use crate::payment_methods::{PaymentMethod, holding};
use crate::store::{Object, Owners, Selection, View};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Customer {
    id: String,
    created: i64,
    #[serde(default)]
    address: Address,
    description: Option<String>,
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    metadata: BTreeMap<String, String>,
    default_payment_method: Option<String>,
    invoice_prefix: String,
    #[serde(default)]
    existence: Existence,
}

/// A deleted customer stays readable as such, and its history with it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Existence {
    #[default]
    Present,
    Deleted,
}

impl Object for Customer {
    const KIND: &'static str = "customer";
    const LISTED: &'static str = " and state ->> 'existence' = 'present'";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owners(&self) -> Owners<'_> {
        Owners::default()
    }

    fn render(&self, _view: &View<'_>) -> Value {
        if self.existence == Existence::Deleted {
            return json!({ "id": self.id, "object": "customer", "deleted": true });
        }
        json!({
            "id": self.id,
            "object": "customer",
            "address": self.address.render(),
            "balance": 0,
            "created": self.created,
            "currency": null,
            "default_source": null,
            "delinquent": false,
            "description": self.description,
            "discount": null,
            "email": self.email,
            "invoice_prefix": self.invoice_prefix,
            "invoice_settings": {
                "custom_fields": null,
                "default_payment_method": self.default_payment_method,
                "footer": null,
                "rendering_options": null,
            },
            "livemode": false,
            "metadata": self.metadata,
            "name": self.name,
            "next_invoice_sequence": 1,
            "phone": self.phone,
            "preferred_locales": [],
            "shipping": null,
            "tax_exempt": "none",
            "test_clock": null,
        })
    }
}

const PARAMETERS: [&str; 7] = [
    "address",
    "description",
    "email",
    "name",
    "phone",
    "metadata",
    "invoice_settings",
];

pub(crate) async fn create(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[PARAMETERS.as_slice(), &["payment_method"]].concat())?;
    let mut customer = Customer {
        id: new_id("cus"),
        created: call.now,
        address: Address::default(),
        description: None,
        email: None,
        name: None,
        phone: None,
        metadata: BTreeMap::new(),
        default_payment_method: None,
        invoice_prefix: random_text(8).to_ascii_uppercase(),
        existence: Existence::Present,
    };
    customer.change(form)?;
    call.insert(&customer).await?;
    call.emit("customer.created", &customer).await?;
    if let Some(id) = form.text("payment_method") {
        holding::attach_to(call, id, &customer.id).await?;
    }
    set_default_payment_method(call, &mut customer, form).await?;
    Ok(call.render(&customer))
}

pub(crate) async fn update(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&PARAMETERS)?;
    let mut customer = present(call, id, Named::InPath).await?;
    customer.change(form)?;
    call.update(&customer).await?;
    set_default_payment_method(call, &mut customer, form).await?;
    call.emit("customer.updated", &customer).await?;
    Ok(call.render(&customer))
}

pub(crate) async fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let customer: Customer = call.get(id).await?;
    Ok(call.render(&customer))
}

pub(crate) async fn list(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&PAGE_PARAMETERS)?;
    lists::page::<Customer>(call, form, "/v1/customers", Selection::default()).await
}

/// Deletes the customer; its cards are detached, as at Stripe.
pub(crate) async fn delete(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let mut customer = present(call, id, Named::InPath).await?;
    call.emit("customer.deleted", &customer).await?;
    customer.existence = Existence::Deleted;
    call.update(&customer).await?;
    holding::detach_all(call, id).await?;
    Ok(call.render(&customer))
}

/// Where the caller named the customer, which decides how its absence is answered.
#[derive(Clone, Copy)]
pub(crate) enum Named {
    InPath,
    InParameter,
}

/// The customer, refused if it is deleted or never was.
pub(crate) async fn present(
    call: &mut Call<'_>,
    id: &str,
    named: Named,
) -> Result<Customer, ApiError> {
    let customer: Option<Customer> = call.find(id).await?;
    customer
        .filter(|customer| customer.existence == Existence::Present)
        .ok_or_else(|| match named {
            Named::InPath => ApiError::no_such("customer", id),
            Named::InParameter => ApiError::no_such_param("customer", id, "customer"),
        })
}

impl Customer {
    fn change(&mut self, form: &Form) -> Result<(), ApiError> {
        if let Some(description) = form.change("description") {
            self.description = description;
        }
        if let Some(email) = form.change("email") {
            self.email = email;
        }
        if let Some(name) = form.change("name") {
            self.name = name;
        }
        if let Some(phone) = form.change("phone") {
            self.phone = phone;
        }
        self.address.change(form, "address")?;
        form.merge_metadata(&mut self.metadata)
    }
}

async fn set_default_payment_method(
    call: &mut Call<'_>,
    customer: &mut Customer,
    form: &Form,
) -> Result<(), ApiError> {
    const PARAM: &str = "invoice_settings[default_payment_method]";
    let Some(change) = form.change(PARAM) else {
        return Ok(());
    };
    if let Some(id) = &change {
        let method: PaymentMethod = call.get_param(id, PARAM).await?;
        if method.customer() != Some(customer.id.as_str()) {
            let message = "The customer does not have a payment method with this ID. The payment \
                           method must be attached to the customer.";
            return Err(ApiError::refused("resource_missing", message).with_param(PARAM));
        }
    }
    customer.default_payment_method = change;
    call.update(customer).await
}
