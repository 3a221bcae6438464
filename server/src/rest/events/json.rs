//! JSON that keeps what ordinary readers lose: which name came twice, and whether a number was
//! whole.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rest) enum Node {
    Null,
    Bool,
    Integer(i64),
    /// A number with a point or an exponent, or one that no `i64` holds, written without exponent
    /// in the fewest digits that mean the same to a reader of JSON.
    OtherNumber(String),
    Text(String),
    List(Vec<Self>),
    Object(Object),
}

/// A JSON object; of a name that came twice the first value counts and the name is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::rest) struct Object {
    members: HashMap<String, Node>,
    pub repeated: Option<String>,
}

impl Object {
    /// A member that is there; `null` is the same as not being there.
    pub(in crate::rest) fn find(&self, name: &str) -> Option<&Node> {
        self.members.get(name).filter(|node| **node != Node::Null)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

fn other(number: impl fmt::Display) -> Node {
    Node::OtherNumber(number.to_string())
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Bool)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(i64::try_from(number).map_or_else(|_| other(number), Node::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(other(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut object = Object::default();
        while let Some((name, node)) = map.next_entry::<String, Node>()? {
            match object.members.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(node);
                }
                Entry::Occupied(place) => {
                    object.repeated.get_or_insert_with(|| place.key().clone());
                }
            }
        }
        Ok(Node::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Node {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn only_whole_numbers_that_fit_are_integers() {
        assert_eq!(read("9223372036854775807"), Node::Integer(i64::MAX));
        assert_eq!(read("-9223372036854775808"), Node::Integer(i64::MIN));
        for (number, kept) in [
            ("9223372036854775808", "9223372036854775808"),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("-0", "-0"),
            ("1e-400", "0"),
            ("1.35e-05", "0.0000135"),
            ("0.00022500000000000002", "0.00022500000000000002"),
            ("18446744073709551616", "18446744073709552000"),
        ] {
            assert_eq!(read(number), other(kept), "{number}");
        }
    }

    #[test]
    fn a_name_that_came_twice_is_remembered_even_behind_an_escape() {
        let Node::Object(object) = read(r#"{"a":1,"b":2,"\u0061":3}"#) else {
            panic!()
        };
        assert_eq!(object.repeated.as_deref(), Some("a"));
        assert_eq!(object.find("a"), Some(&Node::Integer(1)));
    }

    #[test]
    fn null_is_not_there() {
        let Node::Object(object) = read(r#"{"a":null}"#) else {
            panic!()
        };
        assert_eq!(object.find("a"), None);
    }
}
