//! The refusals of a route, as the API's description tells them. What is really answered is
//! `error`'s; each type here stands for one status.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, Ref, RefOr};

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = [$(($status:literal, $description:literal)),+];)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$(($status.to_owned(), refusal($status, $description).into())),+])
            }
        }
    )*};
}

refusals! {
    /// The request can be mended.
    Invalid = [("400", "Something in the request is wrong; `param` names it. Nothing of the request was taken.")];
    /// Every route that takes a key.
    Unauthorized = [("401", "No key, or one that is unknown or was revoked.")];
    NotFound = [("404", "Your organization has nothing under this id.")];
    Conflict = [("409", "An `id` was used before, for an event with other content. Nothing of the request was taken.")];
    /// Of a hold.
    HoldConflict = [("409", "The hold, or the `id`, stands for something else by now; `code` says what. Nothing was changed.")];
    /// Where credit is asked for.
    Exhausted = [
        ("402", "As 429 with `insufficient_quota`, where the operator chose this status."),
        ("429", "`insufficient_quota`: there is not enough credit, and repeating the request is of no use before there is more. `too_many_holds`: more are open than may be.")
    ];
    TooLarge = [("413", "The request is larger than this path takes.")];
    WrongType = [("415", "Another content type, or a compressed body.")];
    /// What any route may answer.
    Failed = [
        ("500", "Something went wrong on our side; it was recorded."),
        ("503", "We are busy, or cannot say whether the request was taken. Send it again, with the same ids.")
    ];
}

fn refusal(status: &str, description: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("Refusal")));
    let should_retry = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["true", "false"]));
    let mut response = ResponseBuilder::new()
        .description(description)
        .content("application/json", body)
        .header(
            "x-should-retry",
            header(
                should_retry,
                "Whether the same request can have another answer.",
            ),
        );
    if status == "401" {
        let scheme = ObjectBuilder::new().schema_type(Type::String);
        let scheme = header(scheme, "How a key is sent to this path.");
        response = response.header("www-authenticate", scheme);
    }
    if status == "503" {
        let seconds = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1));
        response = response.header(
            "retry-after",
            header(seconds, "Seconds to wait, if it is there."),
        );
    }
    response.build()
}

fn header(schema: ObjectBuilder, description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(schema.build()))
        .description(Some(description))
        .build()
}
