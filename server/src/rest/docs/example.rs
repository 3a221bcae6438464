//! An example of what a description describes, its members in the order in which they are named.

use utoipa::openapi::schema::{Components, Object, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

use super::object::{reference, value};

/// A description that named itself again and again would never end.
const MOST_DEPTH: usize = 8;

/// Indented JSON.
pub(super) fn of(schema: &RefOr<Schema>, components: &Components) -> String {
    let mut written = String::new();
    write(schema, components, 0, &mut written);
    written
}

fn write(schema: &RefOr<Schema>, components: &Components, depth: usize, out: &mut String) {
    if depth > MOST_DEPTH {
        return out.push_str("null");
    }
    let schema = match schema {
        RefOr::T(schema) => schema,
        RefOr::Ref(_) => {
            let found = reference(&value(schema)).and_then(|name| components.schemas.get(name));
            return match found {
                Some(found) => write(found, components, depth, out),
                None => out.push_str("null"),
            };
        }
    };
    match schema {
        Schema::Object(object) if object.properties.is_empty() => out.push_str(&leaf(object)),
        Schema::Object(_) | Schema::AllOf(_) => {
            let mut members = Vec::new();
            collect(schema, components, &mut members);
            write_members(&members, components, depth, out);
        }
        Schema::Array(_) => {
            let items = &value(&RefOr::T(schema.clone()))["items"];
            let items: RefOr<Schema> =
                serde_json::from_value(items.clone()).unwrap_or_else(|_| Object::new().into());
            out.push_str("[ ");
            write(&items, components, depth + 1, out);
            out.push_str(" ]");
        }
        Schema::OneOf(several) => match several.items.first() {
            Some(first) => write(first, components, depth, out),
            None => out.push_str("null"),
        },
        Schema::AnyOf(_) | _ => out.push_str("null"),
    }
}

/// A member's name and what it is.
type Member<'a> = (&'a str, &'a RefOr<Schema>);

fn collect<'a>(schema: &'a Schema, components: &'a Components, members: &mut Vec<Member<'a>>) {
    match schema {
        Schema::Object(object) => {
            members.extend(
                object
                    .properties
                    .iter()
                    .map(|(name, schema)| (name.as_str(), schema)),
            );
        }
        Schema::AllOf(all) => {
            for part in &all.items {
                let part = match part {
                    RefOr::T(part) => Some(part),
                    RefOr::Ref(_) => reference(&value(part))
                        .and_then(|name| components.schemas.get(name))
                        .and_then(|found| match found {
                            RefOr::T(found) => Some(found),
                            RefOr::Ref(_) => None,
                        }),
                };
                if let Some(part) = part {
                    collect(part, components, members);
                }
            }
        }
        Schema::Array(_) | Schema::OneOf(_) | Schema::AnyOf(_) | _ => {}
    }
}

fn write_members(members: &[Member<'_>], components: &Components, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth + 1);
    out.push_str("{\n");
    for (index, (name, schema)) in members.iter().enumerate() {
        let comma = if index + 1 < members.len() { "," } else { "" };
        out.push_str(&format!("{indent}\"{name}\": "));
        write(schema, components, depth + 1, out);
        out.push_str(&format!("{comma}\n"));
    }
    out.push_str(&"  ".repeat(depth));
    out.push('}');
}

/// The example that the description gives, or one that its type allows.
fn leaf(object: &Object) -> String {
    if let Some(example) = &object.example {
        return example.to_string();
    }
    let first = match &object.schema_type {
        SchemaType::Type(first) => Some(first),
        SchemaType::Array(several) if several.contains(&Type::Null) => None,
        SchemaType::Array(several) => several.first(),
        SchemaType::AnyValue => None,
    };
    let schema = value(&RefOr::T(Schema::Object(object.clone())));
    match first {
        Some(Type::String) => match schema["format"].as_str() {
            Some("date-time") => "\"2026-03-11T15:12:47.123456Z\"".to_owned(),
            Some("uuid") => "\"019a1b2c-3d4e-7f60-8182-93a4b5c6d7e8\"".to_owned(),
            Some(_) | None => "\"…\"".to_owned(),
        },
        Some(Type::Integer | Type::Number) => {
            let least = schema["minimum"].as_i64().unwrap_or_default();
            least.to_string()
        }
        Some(Type::Boolean) => "true".to_owned(),
        Some(Type::Object) => "{}".to_owned(),
        Some(Type::Array) => "[]".to_owned(),
        Some(Type::Null) | None => "null".to_owned(),
    }
}
