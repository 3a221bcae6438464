//! Owns addresses and billing details as the API takes and gives them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::errors::ApiError;
use crate::form::Form;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Address {
    city: Option<String>,
    country: Option<String>,
    line1: Option<String>,
    line2: Option<String>,
    postal_code: Option<String>,
    state: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct BillingDetails {
    address: Address,
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
}

impl Address {
    pub(crate) fn change(&mut self, form: &Form, name: &str) -> Result<(), ApiError> {
        let country = format!("{name}[country]");
        if let Some(code) = form.text(&country)
            && !(code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            let message = "Country codes have two capital letters (ISO 3166-1 alpha-2).";
            return Err(ApiError::parameter(
                &country,
                "country_code_invalid",
                message,
            ));
        }
        for (field, place) in [
            ("city", &mut self.city),
            ("country", &mut self.country),
            ("line1", &mut self.line1),
            ("line2", &mut self.line2),
            ("postal_code", &mut self.postal_code),
            ("state", &mut self.state),
        ] {
            if let Some(value) = form.change(&format!("{name}[{field}]")) {
                *place = value;
            }
        }
        Ok(())
    }

    pub(crate) fn render(&self) -> Value {
        json!({
            "city": self.city,
            "country": self.country,
            "line1": self.line1,
            "line2": self.line2,
            "postal_code": self.postal_code,
            "state": self.state,
        })
    }
}

impl BillingDetails {
    pub(crate) fn change(&mut self, form: &Form) -> Result<(), ApiError> {
        self.address.change(form, "billing_details[address]")?;
        for (field, place) in [
            ("email", &mut self.email),
            ("name", &mut self.name),
            ("phone", &mut self.phone),
        ] {
            if let Some(value) = form.change(&format!("billing_details[{field}]")) {
                *place = value;
            }
        }
        Ok(())
    }

    pub(crate) fn render(&self) -> Value {
        json!({
            "address": self.address.render(),
            "email": self.email,
            "name": self.name,
            "phone": self.phone,
            "tax_id": null,
        })
    }
}
