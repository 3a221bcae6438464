//! The page as a whole.

use utoipa::openapi::{OpenApi, Tag};

use super::markup::{anchor, escape, paragraphs, words};
use super::object;
use super::operation::Placed;
use crate::rest::openapi::Document;

/// How this installation's pages look, and where they are.
pub(super) struct Look {
    pub styles: String,
    pub theme: Option<&'static str>,
    pub nonce: String,
    pub origin: String,
}

const STYLE: &str = include_str!("docs.css");

pub(super) fn render(document: &Document, look: &Look) -> String {
    let api = &document.api;
    let operations = operations(api);
    let tags = api.tags.as_deref().unwrap_or_default();
    let theme = look
        .theme
        .map_or_else(String::new, |theme| format!(" data-theme=\"{theme}\""));
    let Look {
        styles,
        nonce,
        origin,
        ..
    } = look;
    let components = api.components.clone().unwrap_or_default();
    let groups: String = tags
        .iter()
        .map(|tag| {
            group(tag, &operations, |placed| {
                placed.article(&components, origin)
            })
        })
        .collect();
    let objects = object::sections(&components);
    format!(
        "<!doctype html>\n<html lang=\"en\"{theme}>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"dark light\">\n\
         <meta name=\"description\" content=\"The machine API of ZeroGPU Billing.\">\n\
         <title>API reference · ZeroGPU Billing</title>\n\
         <link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"{styles}\">\n\
         <style nonce=\"{nonce}\">{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip-link\" href=\"#content\">Skip to the content</a>\n\
         <div class=\"reference\">\n{}\
         <main id=\"content\" tabindex=\"-1\">\n{}{groups}\
         <section id=\"objects\" aria-labelledby=\"objects-name\">\n\
         <h2 id=\"objects-name\">Objects</h2>\n{objects}</section>\n\
         </main>\n</div>\n</body>\n</html>\n",
        navigation(tags, &operations),
        introduction(api),
    )
}

/// Every operation, in the order of the routes.
fn operations(api: &OpenApi) -> Vec<Placed<'_>> {
    let mut found = Vec::new();
    for (path, item) in &api.paths.paths {
        let methods = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        for (method, operation) in methods {
            found.extend(operation.as_ref().map(|operation| Placed {
                method,
                path,
                operation,
            }));
        }
    }
    found
}

fn introduction(api: &OpenApi) -> String {
    let text = api.info.description.as_deref().unwrap_or_default();
    format!(
        "<header class=\"introduction\">\n<h1>API reference</h1>\n{}\
         <p>Version {}. For programs: <a href=\"/openapi.json\">openapi.json</a>, OpenAPI 3.1.</p>\n\
         </header>\n",
        paragraphs(text),
        escape(&api.info.version),
    )
}

fn group(tag: &Tag, operations: &[Placed<'_>], article: impl Fn(&Placed<'_>) -> String) -> String {
    let id = anchor(&tag.name);
    let articles: String = operations
        .iter()
        .filter(|placed| placed.has_tag(&tag.name))
        .map(article)
        .collect();
    format!(
        "<section id=\"{id}\" class=\"group\" aria-labelledby=\"{id}-name\">\n\
         <h2 id=\"{id}-name\">{}</h2>\n<p>{}</p>\n{articles}</section>\n",
        escape(&tag.name),
        words(tag.description.as_deref().unwrap_or_default()),
    )
}

fn navigation(tags: &[Tag], operations: &[Placed<'_>]) -> String {
    let groups: String = tags
        .iter()
        .map(|tag| {
            let links: String = operations
                .iter()
                .filter(|placed| placed.has_tag(&tag.name))
                .map(|placed| {
                    format!(
                        "<li><a href=\"#{}\">{}</a></li>\n",
                        placed.id(),
                        words(placed.operation.summary.as_deref().unwrap_or(placed.path)),
                    )
                })
                .collect();
            let (id, name) = (anchor(&tag.name), escape(&tag.name));
            format!("<li><a href=\"#{id}\">{name}</a>\n<ul>\n{links}</ul></li>\n")
        })
        .collect();
    format!(
        "<nav class=\"contents\" aria-label=\"Contents\">\n\
         <p class=\"home\"><a href=\"/billing\">ZeroGPU Billing</a></p>\n\
         <ul>\n{groups}<li><a href=\"#objects\">Objects</a></li>\n</ul>\n</nav>\n"
    )
}
