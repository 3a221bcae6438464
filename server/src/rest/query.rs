//! Query parameters: each at most once. What is not known is ignored, as members of a body are.

use super::error::ApiError;

/// A parameter's text, if it is there.
///
/// # Errors
/// When it is there twice: that would leave it open which one counts.
pub(super) fn single(query: Option<&str>, name: &'static str) -> Result<Option<String>, ApiError> {
    let query = query.unwrap_or_default();
    let mut values = form_urlencoded::parse(query.as_bytes())
        .filter_map(|(given, value)| (given == name).then_some(value));
    let first = values.next();
    if values.next().is_some() {
        let message = format!("{name} is there twice");
        return Err(ApiError::invalid("repeated_parameter", message).at(name));
    }
    Ok(first.map(std::borrow::Cow::into_owned))
}

/// How many rows a page may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub usual: u32,
    pub most: u32,
}

/// The parameter `limit`.
///
/// # Errors
/// When it is no whole number from 1 to the most that there is.
pub(super) fn limit(query: Option<&str>, limits: Limits) -> Result<u32, ApiError> {
    let Some(text) = single(query, "limit")? else {
        return Ok(limits.usual);
    };
    whole(&text)
        .filter(|limit| (1..=limits.most).contains(limit))
        .ok_or_else(|| {
            let message = format!("limit must be a whole number from 1 to {}", limits.most);
            ApiError::invalid("invalid_limit", message).at("limit")
        })
}

/// A number that is written in digits alone: no sign, no space, no leading zero.
pub(super) fn whole<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_plain =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_whole_number_within_its_bounds() {
        let limits = Limits {
            usual: 20,
            most: 100,
        };
        let read = |query: &str| limit(Some(query), limits).ok();
        assert_eq!(limit(None, limits).ok(), Some(20));
        assert_eq!(read("after=3&limit=100"), Some(100));
        for refused in [
            "limit=",
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=%2B5",
            "limit=05",
            "limit=5.0",
            "limit=all",
            "limit=1&limit=2",
        ] {
            assert_eq!(read(refused), None, "{refused}");
        }
    }
}
