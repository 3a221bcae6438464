//! One operation: what it does, what it takes, what it answers, and how it is called.

use serde_json::Value;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::Components;
use utoipa::openapi::{Content, RefOr, Required};

use super::example;
use super::markup::{anchor, escape, paragraphs, words};
use super::object::{kind, row, value};

/// An operation with its place.
pub(super) struct Placed<'a> {
    pub method: &'static str,
    pub path: &'a str,
    pub operation: &'a Operation,
}

impl Placed<'_> {
    pub(super) fn id(&self) -> String {
        anchor(&format!("{} {}", self.method, self.path))
    }

    pub(super) fn has_tag(&self, name: &str) -> bool {
        let tags = self.operation.tags.as_deref().unwrap_or_default();
        tags.iter().any(|tag| tag == name)
    }

    /// `origin` is where the examples go to.
    pub(super) fn article(&self, components: &Components, origin: &str) -> String {
        let Self {
            method,
            path,
            operation,
        } = self;
        let id = self.id();
        let path = escape(path);
        let summary = operation.summary.as_deref().unwrap_or_default();
        let text = operation
            .description
            .as_deref()
            .map_or_else(String::new, paragraphs);
        format!(
            "<article id=\"{id}\" class=\"card operation\" aria-labelledby=\"{id}-name\">\n\
             <h3 id=\"{id}-name\">{}</h3>\n\
             <p class=\"place\"><span class=\"pill\">{method}</span> <code>{path}</code></p>\n\
             {text}{}{}{}{}</article>\n",
            words(summary),
            parameters(operation),
            body(operation),
            responses(operation, components),
            self.call(components, origin),
        )
    }

    /// A command line that calls it.
    fn call(&self, components: &Components, origin: &str) -> String {
        let mut words = vec![match self.method {
            "GET" => format!("curl {origin}{}", self.path),
            method => format!("curl -X {method} {origin}{}", self.path),
        }];
        let schemes = self.operation.security.iter().flatten().map(value_of);
        for scheme in schemes {
            if scheme.get("apiKey").is_some() {
                words.push("-H \"x-api-key: $API_KEY\"".to_owned());
            } else if scheme.get("bearer").is_some() {
                words.push("-H \"Authorization: Bearer $API_KEY\"".to_owned());
            }
        }
        if let Some((content_type, content)) = request(self.operation) {
            words.push(format!("-H 'content-type: {content_type}'"));
            if let Some(schema) = &content.schema {
                words.push(format!("-d '{}'", example::of(schema, components)));
            }
        }
        let command = escape(&words.join(" \\\n  "));
        let name = format!("Example call of {} {}", self.method, self.path);
        format!("<h4>Call it</h4>\n{}", block(&name, &command))
    }
}

fn value_of(part: impl serde::Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

/// Code that may be wider than the page: it scrolls by itself, by keyboard too.
fn block(name: &str, code: &str) -> String {
    format!(
        "<pre tabindex=\"0\" role=\"group\" aria-label=\"{}\"><code>{code}</code></pre>\n",
        escape(name)
    )
}

fn parameters(operation: &Operation) -> String {
    let rows: String = operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter_row(parameter)),
            RefOr::Ref(_) => None,
        })
        .collect();
    if rows.is_empty() {
        return rows;
    }
    format!("<h4>Parameters</h4>\n<dl class=\"members\">\n{rows}</dl>\n")
}

fn parameter_row(parameter: &Parameter) -> String {
    let schema = parameter.schema.as_ref().map(value).unwrap_or_default();
    let place = value_of(&parameter.parameter_in);
    let text = format!(
        "In the {}. {}",
        place.as_str().unwrap_or("request"),
        parameter.description.as_deref().unwrap_or_default()
    );
    let is_required = parameter.required == Required::True;
    row(&parameter.name, &schema, is_required, &text)
}

/// The first form of its body: the one that it is called with in the example.
fn request(operation: &Operation) -> Option<(&str, &Content)> {
    let RefOr::T(RequestBody { content, .. }) = operation.request_body.as_ref()? else {
        return None;
    };
    content.iter().find_map(|(name, content)| match content {
        RefOr::T(content) => Some((name.as_str(), content)),
        RefOr::Ref(_) => None,
    })
}

fn body(operation: &Operation) -> String {
    let Some(RefOr::T(body)) = &operation.request_body else {
        return String::new();
    };
    let text = body
        .description
        .as_deref()
        .map_or_else(String::new, paragraphs);
    let forms: String = body
        .content
        .iter()
        .map(|(name, content)| {
            let schema = match content {
                RefOr::T(content) => content.schema.as_ref().map(value),
                RefOr::Ref(_) => None,
            };
            let schema = schema.map_or_else(String::new, |schema| kind(&schema));
            let name = escape(name);
            format!("<div><dt><code>{name}</code></dt><dd>{schema}</dd></div>\n")
        })
        .collect();
    format!("<h4>Body</h4>\n{text}<dl class=\"members\">\n{forms}</dl>\n")
}

fn responses(operation: &Operation, components: &Components) -> String {
    let all = operation.responses.responses.iter();
    let all = all.filter_map(|(status, response)| match response {
        RefOr::T(response) => Some((status, response)),
        RefOr::Ref(_) => None,
    });
    let mut rows = String::new();
    let mut shown = String::new();
    for (status, response) in all {
        let schema = schema(response);
        let name = schema.map_or_else(String::new, |schema| {
            format!(" <span class=\"type\">{}</span>", kind(&value(schema)))
        });
        let text = words(&response.description);
        rows.push_str(&format!(
            "<div><dt><code>{}</code>{name}</dt><dd>{text}</dd></div>\n",
            escape(status)
        ));
        if let (true, Some(schema @ RefOr::Ref(_))) = (status == "200", schema) {
            shown = block("Example answer", &escape(&example::of(schema, components)));
        }
    }
    format!("<h4>Answers</h4>\n<dl class=\"members\">\n{rows}</dl>\n{shown}")
}

fn schema(response: &Response) -> Option<&RefOr<utoipa::openapi::Schema>> {
    match response.content.values().next()? {
        RefOr::T(content) => content.schema.as_ref(),
        RefOr::Ref(_) => None,
    }
}
