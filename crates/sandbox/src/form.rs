//! Owns reading a request's parameters: form encoding with Stripe's bracket notation.
//! Does not own their meaning. It may hold a card number, so it has no `Debug` and no way out but
//! the accessors.

use std::collections::BTreeMap;

use crate::errors::ApiError;

/// Enough for 50 metadata pairs and every parameter there is.
const MAX_PARAMETERS: usize = 200;
const MAX_METADATA_KEYS: usize = 50;
const MAX_METADATA_KEY_LENGTH: usize = 40;
const MAX_METADATA_VALUE_LENGTH: usize = 500;
const MAX_TEXT_LENGTH: usize = 5_000;

/// Parameters by their full name, such as `card[number]`; lists by the name before `[]` or `[0]`.
pub(crate) struct Form {
    texts: BTreeMap<String, String>,
    lists: BTreeMap<String, Vec<String>>,
}

impl Form {
    /// Reads a body or a query string.
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, ApiError> {
        let mut form = Self {
            texts: BTreeMap::new(),
            lists: BTreeMap::new(),
        };
        for (count, (name, value)) in form_urlencoded::parse(encoded).enumerate() {
            if count >= MAX_PARAMETERS {
                return Err(ApiError::too_large("Too many parameters."));
            }
            if value.chars().count() > MAX_TEXT_LENGTH {
                return Err(ApiError::too_large(
                    "A parameter is longer than 5000 characters.",
                ));
            }
            match list_name(&name) {
                Some(list) => form
                    .lists
                    .entry(list.into())
                    .or_default()
                    .push(value.into_owned()),
                None => {
                    form.texts.insert(name.into_owned(), value.into_owned());
                }
            }
        }
        Ok(form)
    }

    /// Refuses parameters whose first word is not among `names`.
    pub(crate) fn expect_only(&self, names: &[&str]) -> Result<(), ApiError> {
        for name in self.texts.keys().chain(self.lists.keys()) {
            let root = name.split('[').next().unwrap_or_default();
            if root != "expand" && !names.contains(&root) {
                let root: String = root
                    .chars()
                    .filter(|c| !c.is_ascii_digit())
                    .take(60)
                    .collect();
                let message = format!("Received unknown parameter: {root}");
                return Err(ApiError::parameter(&root, "parameter_unknown", message));
            }
        }
        Ok(())
    }

    /// The value if it was sent and is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// `None`: not sent. `Some(None)`: sent empty, which unsets.
    pub(crate) fn change(&self, name: &str) -> Option<Option<String>> {
        let value = self.texts.get(name)?;
        Some(Some(value.clone()).filter(|value| !value.is_empty()))
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| ApiError::missing(name))
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let message = "Invalid integer.";
        let invalid = || ApiError::parameter(name, "parameter_invalid_integer", message);
        text.parse().map(Some).map_err(|_| invalid())
    }

    /// Whether the flag was sent as `true`; not sent counts as `false`.
    pub(crate) fn is_set(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ApiError::parameter(name, "", "Invalid boolean.")),
        }
    }

    pub(crate) fn list(&self, name: &str) -> &[String] {
        self.lists.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn has_section(&self, name: &str) -> bool {
        self.section(name).next().is_some()
    }

    /// The pairs under `name[…]`.
    pub(crate) fn section<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.texts.iter().filter_map(move |(full, value)| {
            let inner = full
                .strip_prefix(name)?
                .strip_prefix('[')?
                .strip_suffix(']')?;
            Some((inner, value.as_str()))
        })
    }

    /// Merges `metadata[…]` into what is there: an empty value removes its key.
    pub(crate) fn merge_metadata(
        &self,
        metadata: &mut BTreeMap<String, String>,
    ) -> Result<(), ApiError> {
        for (key, value) in self.section("metadata") {
            if key.is_empty() || key.chars().count() > MAX_METADATA_KEY_LENGTH {
                let message = "Metadata keys have 1 to 40 characters.";
                return Err(ApiError::parameter("metadata", "", message));
            }
            if value.chars().count() > MAX_METADATA_VALUE_LENGTH {
                let message = "Metadata values can have up to 500 characters.";
                return Err(ApiError::parameter("metadata", "", message));
            }
            if value.is_empty() {
                metadata.remove(key);
            } else {
                metadata.insert(key.into(), value.into());
            }
        }
        if metadata.len() > MAX_METADATA_KEYS {
            let message = "Metadata can have up to 50 keys.";
            return Err(ApiError::parameter("metadata", "", message));
        }
        Ok(())
    }

    pub(crate) fn metadata(&self) -> Result<BTreeMap<String, String>, ApiError> {
        let mut metadata = BTreeMap::new();
        self.merge_metadata(&mut metadata)?;
        Ok(metadata)
    }

    /// Every parameter in one order, whatever order it was sent in: what a key is compared by.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut push = |name: &str, value: &str| {
            for part in [name, value] {
                bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
                bytes.extend_from_slice(part.as_bytes());
            }
        };
        self.texts
            .iter()
            .for_each(|(name, value)| push(name, value));
        for (name, values) in &self.lists {
            values
                .iter()
                .for_each(|value| push(&format!("{name}[]"), value));
        }
        bytes
    }
}

/// `expand[]` and `expand[0]` → `expand`; anything else is not a list.
fn list_name(name: &str) -> Option<&str> {
    let (list, index) = name.strip_suffix(']')?.rsplit_once('[')?;
    (!list.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())
        // `metadata[1]` is a key, not a position.
        && list != "metadata")
        .then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_sections_lists_and_plain_names() {
        let form = Form::parse(
            b"amount=2500&card[number]=4&expand[]=a&expand[]=b&expand%5B2%5D=c&metadata[1]=x",
        )
        .expect("a form");
        assert_eq!(form.integer("amount").expect("an integer"), Some(2_500));
        assert_eq!(form.text("card[number]"), Some("4"));
        assert_eq!(form.list("expand"), ["a", "b", "c"]);
        assert_eq!(form.section("metadata").collect::<Vec<_>>(), [("1", "x")]);
    }

    #[test]
    fn an_unknown_parameter_is_named() {
        let form = Form::parse(b"amount=1&colour=red").expect("a form");
        let error = form
            .expect_only(&["amount"])
            .expect_err("colour is unknown");
        assert_eq!(error.object()["param"], "colour");
        assert_eq!(error.object()["code"], "parameter_unknown");
    }

    #[test]
    fn the_canonical_form_ignores_the_order_but_not_the_content() {
        let canonical = |text: &str| Form::parse(text.as_bytes()).expect("a form").canonical();
        assert_eq!(canonical("a=1&b=2"), canonical("b=2&a=1"));
        assert_ne!(canonical("a=1&b=2"), canonical("a=12&b="));
    }

    #[test]
    fn metadata_has_limits() {
        let long = format!("metadata[a]={}", "x".repeat(501));
        assert!(
            Form::parse(long.as_bytes())
                .expect("a form")
                .metadata()
                .is_err()
        );
        let many: String = (0..51).map(|n| format!("metadata[k{n}]=v&")).collect();
        assert!(
            Form::parse(many.as_bytes())
                .expect("a form")
                .metadata()
                .is_err()
        );
        assert_eq!(
            Form::parse(b"metadata[a]=1")
                .expect("a form")
                .metadata()
                .unwrap()
                .len(),
            1
        );
    }
}
