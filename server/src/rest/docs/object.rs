//! What JSON looks like: types in words, and objects member by member.

use serde_json::Value;
use utoipa::openapi::schema::{AllOf, Components, Object};
use utoipa::openapi::{RefOr, Schema};

use super::markup::{anchor, escape, paragraphs, words};

/// The objects that have a name, each with its members.
pub(super) fn sections(components: &Components) -> String {
    components
        .schemas
        .iter()
        .map(|(name, schema)| section(name, schema))
        .collect()
}

fn section(name: &str, schema: &RefOr<Schema>) -> String {
    let id = anchor(&format!("object {name}"));
    let name = escape(name);
    let described = described(&value(schema));
    let text = described.map_or_else(String::new, |text| paragraphs(&text));
    let body = match schema {
        RefOr::T(Schema::Object(object)) => members(object),
        RefOr::T(Schema::AllOf(all)) => members_of_all(all),
        RefOr::T(_) | RefOr::Ref(_) => {
            format!("<p class=\"type\">{}</p>\n", kind(&value(schema)))
        }
    };
    format!("<section id=\"{id}\" class=\"object\">\n<h3>{name}</h3>\n{text}{body}</section>\n")
}

fn members_of_all(all: &AllOf) -> String {
    let parts = all.items.iter().map(|part| match part {
        RefOr::T(Schema::Object(object)) => members(object),
        RefOr::T(_) | RefOr::Ref(_) => {
            let name = kind(&value(part));
            format!("<p class=\"type\">The members of {name}, and:</p>\n")
        }
    });
    parts.collect()
}

fn members(object: &Object) -> String {
    let rows = object.properties.iter().map(|(name, schema)| {
        let schema = value(schema);
        let text = described(&schema).unwrap_or_default();
        row(name, &schema, object.required.contains(name), &text)
    });
    let rows: String = rows.collect();
    if rows.is_empty() {
        String::new()
    } else {
        format!("<dl class=\"members\">\n{rows}</dl>\n")
    }
}

/// One member or parameter.
pub(super) fn row(name: &str, schema: &Value, is_required: bool, text: &str) -> String {
    let required = if is_required {
        " <span class=\"pill\">required</span>"
    } else {
        ""
    };
    format!(
        "<div><dt><code>{}</code> <span class=\"type\">{}</span>{required}</dt><dd>{}</dd></div>\n",
        escape(name),
        kind(schema),
        words(text),
    )
}

/// Of what may be null, the description stands with what it is otherwise.
fn described(schema: &Value) -> Option<String> {
    let own = schema["description"].as_str();
    let text = own.or_else(|| schema["oneOf"][0]["description"].as_str());
    text.map(str::to_owned)
}

/// A description that is Rust's own type as the JSON that it stands for.
pub(super) fn value(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

/// A type in words, with a link where it has a name.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        let id = anchor(&format!("object {name}"));
        return format!("<a href=\"#{id}\">{}</a>", escape(name));
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[several].as_array() {
            return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec!["anything"],
    };
    let written = types.iter().map(|name| simple(name, schema));
    written.collect::<Vec<_>>().join(" or ")
}

/// The last part of `#/components/schemas/Name`.
pub(super) fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn simple(name: &str, schema: &Value) -> String {
    match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "string" => match (schema["format"].as_str(), schema["enum"].as_array()) {
            (Some("date-time"), _) => "time".to_owned(),
            (Some("uuid"), _) => "UUID".to_owned(),
            (_, Some(choices)) => {
                let words = choices.iter().filter_map(Value::as_str);
                let words = words.map(|word| format!("<code>{}</code>", escape(word)));
                words.collect::<Vec<_>>().join(" or ")
            }
            (Some(_) | None, None) => bounded("text", &schema["minLength"], &schema["maxLength"]),
        },
        "integer" => bounded("whole number", &schema["minimum"], &schema["maximum"]),
        "number" => bounded("number", &schema["minimum"], &schema["maximum"]),
        other => escape(other),
    }
}

fn bounded(name: &str, least: &Value, most: &Value) -> String {
    match (least.is_null(), most.is_null()) {
        (false, false) => format!("{name}, {least} to {most}"),
        (true, false) => format!("{name}, up to {most}"),
        (false, true) | (true, true) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_read_as_words() {
        let cases = [
            (
                json!({ "type": ["string", "null"], "format": "uuid" }),
                "UUID or null",
            ),
            (
                json!({ "type": "integer", "minimum": 0, "maximum": 9 }),
                "whole number, 0 to 9",
            ),
            (
                json!({ "type": "string", "maxLength": 200 }),
                "text, up to 200",
            ),
            (
                json!({ "type": "array", "items": { "$ref": "#/components/schemas/Posting" } }),
                "list of <a href=\"#object-posting\">Posting</a>",
            ),
            (
                json!({ "oneOf": [{ "type": "integer" }, { "type": "string" }] }),
                "whole number or text",
            ),
        ];
        for (schema, expected) in cases {
            assert_eq!(kind(&schema), expected, "{schema}");
        }
    }
}
