//! No card number is kept or said anywhere: not in our database, not in the sandbox's, in no log,
//! trace, error or answer, after a run with every card.
//!
//! | place | what is looked for |
//! | --- | --- |
//! | text: columns, logs, errors, the sandbox's files | every run of 13 to 19 digits, also in groups, that begins as cards do and passes their check |
//! | hashes, which hold any run of digits by chance | the numbers that were typed in |
//! | whole numbers: amounts, times, counts | the same |

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};

use crate::test_cards::{CARDS, pay_to_the_end, type_in};
use crate::world::World;

/// Of the networks that there are, none has numbers that begin with 0, 1, 7 or 8: times in
/// microseconds begin with 1.
const FIRST_DIGITS: &[u8] = b"234569";

/// Hex or base64 of random bytes.
const HASHES: [&str; 5] = [
    "api_keys.secret_hash",
    "batches.chain_hash",
    "books.chain_hash",
    "sessions.token_hash",
    "users.password_hash",
];

/// What looks like a card number in a text: digits in one run, or in groups with one space or dash
/// between them.
fn card_numbers_in(text: &str) -> BTreeSet<String> {
    let plain = text.split(|c: char| !c.is_ascii_digit());
    let mut found: BTreeSet<String> = plain
        .filter(|run| is_card(run))
        .map(str::to_owned)
        .collect();
    for start in 0..text.len() {
        let is_first = start == 0 || !text.as_bytes()[start - 1].is_ascii_alphanumeric();
        if is_first && let Some(number) = grouped(&text.as_bytes()[start..]) {
            found.insert(number);
        }
    }
    found
}

/// `4242 4242 4242 4242` and `3782-822463-10005`, at the beginning of the bytes.
fn grouped(bytes: &[u8]) -> Option<String> {
    [&[4_usize, 4, 4, 4][..], &[4, 6, 5], &[4, 6, 4]]
        .iter()
        .find_map(|groups| {
            let (mut digits, mut rest) = (String::new(), bytes);
            for (place, length) in groups.iter().enumerate() {
                if place > 0 {
                    rest = rest.strip_prefix(b" ").or(rest.strip_prefix(b"-"))?;
                }
                let group = rest.get(..*length)?;
                digits.push_str(std::str::from_utf8(group).ok()?);
                rest = &rest[*length..];
            }
            let ends = !rest.first().is_some_and(u8::is_ascii_alphanumeric);
            (ends && is_card(&digits)).then_some(digits)
        })
}

fn is_card(run: &str) -> bool {
    let bytes = run.as_bytes();
    if !(13..=19).contains(&bytes.len()) || !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = bytes
        .iter()
        .rev()
        .enumerate()
        .fold(0, |sum, (place, byte)| {
            let digit = u32::from(byte - b'0');
            sum + if place % 2 == 1 {
                doubled(digit)
            } else {
                digit
            }
        });
    sum.is_multiple_of(10) && FIRST_DIGITS.contains(&bytes[0])
}

/// The numbers of the list, however they are spaced.
fn typed_numbers_in(text: &str) -> BTreeSet<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let listed = CARDS.iter().map(|(number, _)| *number);
    listed
        .filter(|number| digits.contains(number))
        .map(str::to_owned)
        .collect()
}

/// What is found in any column of any table, and how many values were looked at.
async fn scan(world: &World) -> (BTreeSet<String>, usize) {
    let (mut found, mut values) = (BTreeSet::new(), 0);
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    for line in include_str!("columns.txt").lines() {
        let (column, kind) = line.split_once(' ').unwrap();
        let (table, name) = column.split_once('.').unwrap();
        let shown = match (kind.starts_with("bytea"), world.is_postgres()) {
            (true, true) => format!("encode({name}, 'hex')"),
            (true, false) => format!("hex({name})"),
            (false, _) => format!("cast({name} as text)"),
        };
        let query = format!("select {shown} from {table} where {name} is not null");
        let texts: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        values += texts.len();
        let is_free_text = kind.starts_with("text") && !HASHES.contains(&column);
        for text in &texts {
            let numbers = typed_numbers_in(text);
            let more = if is_free_text {
                card_numbers_in(text)
            } else {
                BTreeSet::new()
            };
            let places = numbers
                .union(&more)
                .map(|number| format!("{column}: {number}"));
            found.extend(places);
        }
    }
    connection.close().await.unwrap();
    (found, values)
}

/// What the sandbox keeps, byte by byte.
fn scan_files(directory: &std::path::Path) -> (BTreeSet<String>, usize) {
    let (mut found, mut size) = (BTreeSet::new(), 0);
    for file in std::fs::read_dir(directory).unwrap() {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        size += content.len();
        let text: String = content.iter().map(|byte| char::from(byte & 0x7f)).collect();
        found.extend(card_numbers_in(&text));
    }
    (found, size)
}

/// Everything that is logged and traced, at any level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// From now on, in the whole process: each test has one of its own.
    fn start() -> Self {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

#[test]
fn the_scan_finds_what_is_planted_and_passes_over_what_is_none() {
    for text in [
        "x4242424242424242y",
        "card=4111111111111111,",
        "4242 4242 4242 4242",
        "no 3782-822463-10005.",
        "6200000000000005",
        "{\"number\":\"3056930009020004\"}",
    ] {
        assert_eq!(card_numbers_in(text).len(), 1, "{text}");
    }
    for text in [
        "4242424242424243",
        "1773230400000008",
        "0198c2f4-4242-7242-8242-424242424242",
        "42424242",
    ] {
        assert_eq!(card_numbers_in(text), BTreeSet::new(), "{text}");
    }
}

#[tokio::test]
async fn after_every_card_no_table_file_log_or_error_has_a_card_number() {
    let log = Log::start();
    let world = World::new().await;
    let mut said = String::new();
    for (number, _) in CARDS {
        match type_in(&world, number).await {
            Ok(token) => {
                let top_up = pay_to_the_end(&world, &token).await;
                writeln!(said, "{top_up:?}").unwrap();
            }
            Err(error) => writeln!(said, "{error}").unwrap(),
        }
    }
    // Numbers that belong elsewhere: a card that is on no list, and a number in a token's place.
    let refused = type_in(&world, "4111111111111111").await.unwrap_err();
    writeln!(said, "{refused}").unwrap();
    for number in ["4242424242424242", "4242-4242-4242-4242"] {
        let request = billing::StartTopUp {
            id: types::ids::TopUpId::generate(),
            amount: types::money::Cents::new(2_500),
            pay_with: types::top_up::PayWith::NewCard(number.to_owned()),
        };
        let error = world.billing.top_ups().start(&world.owner, request).await;
        let error = error.unwrap_err();
        writeln!(said, "{error} {error:?}").unwrap();
    }
    assert_eq!(card_numbers_in(&said), BTreeSet::new());
    let (found, values) = scan(&world).await;
    assert_eq!(found, BTreeSet::new());
    assert!(values > 1_000, "{values} values were looked at");
    let (found, size) = scan_files(world.gateway_store());
    assert_eq!(found, BTreeSet::new());
    assert!(size > 100_000, "{size} bytes were looked at");
    let logged = log.text();
    assert!(logged.contains("a top-up changed"), "top-ups are logged");
    assert_eq!(typed_numbers_in(&logged), BTreeSet::new());
    assert_eq!(card_numbers_in(&logged), BTreeSet::new());

    // The same scans find one that is there.
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    sqlx::query("update organizations set name = 'Acme 4000056655665556'")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let planted = "organizations.name: 4000056655665556".to_owned();
    assert_eq!(scan(&world).await.0, BTreeSet::from([planted]));
    tracing::info!(number = "5555555555554444", "planted");
    assert!(card_numbers_in(&log.text()).contains("5555555555554444"));
    std::fs::write(
        world.gateway_store().join("planted"),
        b"\x01378282246310005\xff",
    )
    .unwrap();
    assert_eq!(scan_files(world.gateway_store()).0.len(), 1);
    world.finish().await;
}
